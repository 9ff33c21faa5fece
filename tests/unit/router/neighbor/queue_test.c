/* Packets that wait for their neighbor: in order, bounded, told of failure, released as the outbox has room.
 */
#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;
static struct ip6_addr it;

static void begin(void)
{
	setup_init(&s);
	it = mapped(0x0a000063);
	setup_adopt(&s, T0);
	setup_until(&s, T0 + 100 * SEC);
	setup_forget(&s);
}

#define NOW (T0 + 100 * SEC)

static void reply(nanos_t now)
{
	setup_arp(&s, now, P0, PKT_HOST, ARP_OP_REPLY, mac(9), v4(0x0a000063), s.region->port[0].mac,
	        v4(0x0a000001));
}

/* The tags of what was released (BORN_HELD) with this verdict, in order, from `first`. */
static void expect_tags(enum verdict_kind kind, uint32_t first, uint32_t count)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < s.n_sent; i++) {
		const struct sent *f = &s.sent[i];
		uint32_t tag;

		if (f->born != BORN_HELD || f->verdict.kind != kind)
			continue;
		memcpy(&tag, f->frame + (kind == VERDICT_PASS ? ETHER_HDR_LEN : ETHER_HDR_LEN + 4) + 20,
		        sizeof tag);
		cr_assert_eq(tag, first + seen, "packet %u where %u was due", tag, first + seen);
		seen++;
	}
	cr_assert_eq(seen, count, "%u packets and not %u", seen, count);
}

Test(neighbor_queue, goes_out_in_order_when_the_neighbor_answers)
{
	struct verdict v;
	uint32_t arp;

	begin();
	s.cut = true;
	for (uint32_t i = 0; i < 10; i++) {
		v = setup_send(&s, NOW, P0, &it, 100 + i);
		cr_assert_eq(v.kind, VERDICT_HELD);
	}
	arp = setup_find_arp(&s, 0, ARP_OP_REQUEST);
	cr_assert_neq(arp, UINT32_MAX);
	cr_assert_eq(
	        setup_find_arp(&s, arp + 1, ARP_OP_REQUEST), UINT32_MAX, "one request, not one a packet");
	cr_assert_eq(neighbor_oldest_epoch(&s.n), s.epoch.number);
	setup_forget(&s);
	reply(NOW + MS);
	expect_tags(VERDICT_PASS, 100, 10);
	for (uint32_t i = 0; i < s.n_sent; i++) {
		const struct ether_hdr *h = (const void *)s.sent[i].frame;
		struct mac_addr want = mac(9);

		cr_assert(mac_equal(&h->dst, &want));
		cr_assert(mac_equal(&h->src, &s.region->port[0].mac));
		cr_assert_eq(be16_to_host(h->type), ETHER_TYPE_IPV4);
		cr_assert_eq(s.sent[i].verdict.out.v, out_id(OUT_TX, 0).v);
	}
	v = setup_send(&s, NOW + 2 * MS, P0, &it, 200);
	cr_assert_eq(v.kind, VERDICT_PASS);
	setup_free(&s);
}

Test(neighbor_queue, the_oldest_gives_way_when_it_is_full)
{
	begin();
	s.cut = true;
	for (uint32_t i = 0; i < 16 + 5; i++)
		setup_send(&s, NOW, P0, &it, i);
	expect_tags(VERDICT_DROP, 0, 5);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_QUEUEFULL), 5);
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_UNRES_DISCARDS), 5);
	setup_forget(&s);
	reply(NOW + MS);
	expect_tags(VERDICT_PASS, 5, 16);
	setup_free(&s);
}

Test(neighbor_queue, each_sender_is_told_when_the_neighbor_does_not_answer)
{
	begin();
	s.cut = true;
	for (uint32_t i = 0; i < 7; i++)
		setup_send(&s, NOW + i * 100 * MS, P0, &it, i);
	setup_until(&s, NOW + 3 * SEC - 1);
	cr_assert_eq(s.unreachable, 0);
	setup_until(&s, NOW + 3 * SEC);
	cr_assert_eq(s.unreachable, 7);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_FAILED), 7);
	expect_tags(VERDICT_DROP, 0, 7);
	cr_assert_eq(neighbor_oldest_epoch(&s.n), UINT32_MAX);
	setup_free(&s);
}

Test(neighbor_queue, nothing_waits_longer_than_three_seconds)
{
	begin();
	s.region->port[0].retrans_ms = 10000;
	setup_send(&s, NOW, P0, &it, 0);
	setup_send(&s, NOW + 2 * SEC, P0, &it, 1);
	setup_until(&s, NOW + 3 * SEC);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_FAILED), 2);
	cr_assert_eq(setup_state(&s, P0, &it), NUD_INCOMPLETE, "resolution goes on");
	setup_send(&s, NOW + 4 * SEC, P0, &it, 2);
	reply(NOW + 6 * SEC);
	expect_tags(VERDICT_PASS, 2, 1);
	setup_free(&s);
}

Test(neighbor_queue, goes_on_when_the_outbox_was_too_small_and_nothing_overtakes)
{
	struct verdict v;

	begin();
	for (uint32_t i = 0; i < 10; i++)
		setup_send(&s, NOW, P0, &it, i);
	setup_forget(&s);
	s.cut = true;
	s.outbox = 4;
	reply(NOW + MS);
	expect_tags(VERDICT_PASS, 0, 4);
	cr_assert_eq(setup_state(&s, P0, &it), NUD_REACHABLE);
	s.outbox = 0;
	v = setup_send(&s, NOW + MS, P0, &it, 10);
	cr_assert_eq(v.kind, VERDICT_HELD);
	cr_assert_leq(neighbor_next_timer(&s.n), NOW + MS);
	setup_until(&s, NOW + MS);
	expect_tags(VERDICT_PASS, 0, 11);
	v = setup_send(&s, NOW + MS, P0, &it, 11);
	cr_assert_eq(v.kind, VERDICT_PASS);
	setup_free(&s);
}

Test(neighbor_queue, failing_goes_on_too)
{
	begin();
	for (uint32_t i = 0; i < 10; i++)
		setup_send(&s, NOW, P0, &it, i);
	setup_forget(&s);
	s.outbox = 132; /* less would make the timers wait for a burst with more room */
	for (uint32_t k = 0; k < 4; k++)
		setup_until(&s, NOW + 3 * SEC);
	expect_tags(VERDICT_DROP, 0, 10);
	setup_free(&s);
}

Test(neighbor_queue, a_full_outbox_drops_what_would_wait)
{
	struct verdict v;

	begin();
	for (uint32_t i = 0; i < 16; i++)
		setup_send(&s, NOW, P0, &it, i);
	s.f.spare.n = 0;
	s.outbox = 1;
	setup_forget(&s);
	v = setup_send(&s, NOW, P0, &it, 16); /* one place: the oldest gives way */
	cr_assert_eq(v.kind, VERDICT_HELD);
	expect_tags(VERDICT_DROP, 0, 1);
	setup_free(&s);
}

Test(neighbor_queue, spoilt_metadata_of_a_waiting_packet_ends_it)
{
	static struct pkt_index held[FIXTURE_BUFFERS];
	struct pkt p;

	begin();
	for (uint32_t i = 0; i < 3; i++)
		setup_send(&s, NOW, P0, &it, i);
	cr_assert_eq(neighbor_held(&s.n, held), 3);
	pkt_load(&s.f.pool, held[1], &p);
	p.len = UINT16_MAX;
	pkt_store(&s.f.pool, held[1], &p);
	pkt_load(&s.f.pool, held[2], &p);
	p.data_off = PKT_META_BYTES; /* no room for the header any more */
	p.l3_off = 0;
	pkt_store(&s.f.pool, held[2], &p);
	setup_forget(&s);
	reply(NOW + MS);
	expect_tags(VERDICT_PASS, 0, 1);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_BAD_DESC), 2);
	setup_free(&s);
}

Test(neighbor_queue, a_limit_of_none_lets_none_wait)
{
	struct verdict v;

	begin();
	s.region->h.limits.neigh_queue_packets = 0;
	v = setup_send(&s, NOW, P0, &it, 1);
	cr_assert(v.kind == VERDICT_DROP && v.reason == DROP_NEIGH_QUEUEFULL);
	cr_assert_eq(setup_state(&s, P0, &it), NUD_INCOMPLETE);
	setup_free(&s);
}

Test(neighbor_queue, pins_the_epochs_of_its_packets_until_they_go)
{
	begin();
	uint32_t first = s.epoch.number;

	setup_send(&s, NOW, P0, &it, 0);
	setup_publish(&s);
	setup_send(&s, NOW + SEC, P0, &it, 1);
	cr_assert_eq(neighbor_oldest_epoch(&s.n), first);
	s.outbox = 1;
	reply(NOW + 2 * SEC);
	cr_assert_eq(neighbor_oldest_epoch(&s.n), first + 1);
	s.outbox = 0;
	setup_until(&s, NOW + 2 * SEC);
	cr_assert_eq(neighbor_oldest_epoch(&s.n), UINT32_MAX);
	setup_free(&s);
}

/* The buffer that waits, handed over once more by a neighbour that is broken: linking it twice would make a
 * circle. */
Test(neighbor_queue, takes_a_buffer_once)
{
	struct verdict v;
	uint32_t waits = 0, released = 0;

	begin();
	s.unchecked = true;
	(void)setup_send(&s, NOW, P0, &it, 1);
	while (!s.f.held[waits])
		waits++;
	(void)setup_send(&s, NOW, P0, &it, 2);
	s.f.held[waits] = false; /* as if it were free */
	s.f.next_buffer = waits + FIXTURE_BUFFERS - OUTBOX_MAX;
	v = setup_send(&s, NOW, P0, &it, 3);
	cr_assert_eq(v.kind, VERDICT_DROP);
	cr_assert_eq(v.reason, DROP_BAD_DESC);
	cr_assert_null(neighbor_check(&s.n));
	setup_forget(&s);
	reply(NOW + MS);
	for (uint32_t i = 0; i < s.n_sent; i++)
		released += s.sent[i].born == BORN_HELD && s.sent[i].verdict.kind == VERDICT_PASS;
	cr_assert_eq(released, 2);
}
