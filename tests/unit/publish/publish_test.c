/* Configurations change while packets flow: each packet sees one of them.
 *
 * Epoch k marks what comes in with k, routes it out of a VLAN (the id differs each time, the sub-port's name
 * in turns, and its id with it) to a next hop that it alone gives as a neighbor, or with a MAC of its own
 * where two share an address, and at egress drops all whose mark is not k.  A packet that saw parts of two is
 * dropped there, or waits for a neighbor, or leaves with a tag or to a MAC that is not that of its mark.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/whole/whole.h"

static struct whole whole;
static uint64_t sent, torn;
static bool withdrawn[1000]; /* by k */

static uint32_t vid_of(uint32_t k)
{
	return 100 + k % 1000;
}

static const char *text_of(uint32_t k, uint32_t lanes)
{
	static char text[4096];
	uint32_t net = k / 2 % 200;

	snprintf(text, sizeof text,
	        "appliance: {lanes: %u, buffers: %u, ring_slots: 512}\n"
	        "ports:\n"
	        "  in: {driver: pcap, ipv6: false, gratuitous_arp: 0, mac: \"02:00:00:00:00:02\","
	        " addresses: [192.0.2.1/24]}\n"
	        "  out: {driver: pcap, ipv6: false, gratuitous_arp: 0}\n"
	        "vlans:\n"
	        "  v%u: {parent: out, id: %u, ipv6: false, gratuitous_arp: 0, addresses: [10.%u.0.1/16]}\n"
	        "routes: [{to: 203.0.113.0/24, via: 10.%u.0.2}]\n"
	        "neighbors: [{address: 10.%u.0.2, mac: \"02:00:00:00:%02x:%02x\", port: v%u}]\n"
	        "rules:\n"
	        "  ingress: {rules: [{protocol: udp, action: count, set_mark: %u/0xffff}]}\n"
	        "  egress: {policy: drop, rules: [{out: v%u, mark: %u/0xffff, action: pass}]}\n",
	        lanes, 1024 * lanes, k % 3, vid_of(k), net, net, net, k >> 8, k & 255, k % 3, k, k % 3, k);
	return text;
}

/* A UDP datagram to be forwarded; flows differ, so that both lanes have work. */
static uint8_t frames[64][64];

static void make_frames(void)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0,
	        64, 17, 0, 0, 192, 0, 2, 9, 203, 0, 113, 5};

	for (uint32_t i = 0; i < ARRAY_LEN(frames); i++) {
		uint8_t *f = frames[i];
		uint32_t sum = 0;

		memset(f, 0, sizeof frames[i]);
		memcpy(f, head, sizeof head);
		f[33] = (uint8_t)(i + 1);
		f[35] = 7;
		f[37] = (uint8_t)(i + 1);
		f[39] = 8;
		for (uint32_t k = 14; k < 34; k += 2)
			sum += (uint32_t)f[k] << 8 | f[k + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		f[24] = (uint8_t)(sum >> 8);
		f[25] = (uint8_t)sum;
	}
}

static void look(void *context, const struct pkt *pkt, const uint8_t *frame)
{
	uint32_t tci = (uint32_t)frame[14] << 8 | frame[15], mac = (uint32_t)frame[4] << 8 | frame[5];

	(void)context;
	sent++;
	torn += frame[12] != 0x81 || (tci & 0xfff) != vid_of(pkt->mark) || mac != pkt->mark ||
	        withdrawn[mac % 1000];
}

static void setup(uint32_t lanes)
{
	make_frames();
	sent = torn = 0;
	memset(withdrawn, 0, sizeof withdrawn);
	whole_setup(&whole, text_of(1, lanes));
	whole.sent = look;
	whole_settle(&whole);
}

static uint64_t push(uint32_t n, uint32_t at)
{
	uint64_t pushed = 0;

	for (uint32_t i = 0; i < n; i++)
		pushed += whole_push(&whole, 0, at + i, frames[(at + i) % ARRAY_LEN(frames)], 60);
	return pushed;
}

/* Publishes as soon as it may, between single steps of workers in any order, so that packets of both epochs
 * stand in every ring. */
static void change_under_traffic(uint32_t lanes, uint32_t applies)
{
	uint64_t random = 7, pushed = 0, busy = 0;
	uint32_t k = 1;

	setup(lanes);
	for (uint32_t steps = 0; k < applies; steps++) {
		uint64_t r = random_next(&random);
		int err = -EBUSY;

		cr_assert_lt(steps, 4000000, "epochs do not retire");
		pushed += push(r >> 8 & 15, (uint32_t)(r >> 16) & 63);
		for (uint32_t i = 0; i < (r >> 24 & 7); i++)
			worker_step(whole.w[random_next(&random) % whole.a.plan.n_workers], whole.now);
		if ((r >> 32 & 7) == 0) {
			err = whole_publish(&whole, text_of(k + 1, lanes));
			cr_assert(err == 0 || err == -EBUSY, "%d", err);
		}
		busy += (r >> 32 & 7) == 0 && err;
		k += err == 0;
	}
	cr_assert(whole_settle(&whole));
	cr_expect_eq(whole_judge(&whole), NULL, "%s", whole_judge(&whole));
	cr_expect_eq(torn, 0);
	cr_expect_eq(whole_dropped(&whole, STAGE_FILTER, DROP_TC_EGRESS), 0);
	cr_expect_eq(sent, pushed, "%lu of %lu", sent, pushed);
	cr_expect_gt(busy, 0);
	cr_expect(appliance_epoch_retired(&whole.a, whole.publisher.number - 1));
	cr_expect_eq(whole.publisher.number, k);
	whole_teardown(&whole);
}

Test(publish, a_packet_sees_one_configuration)
{
	change_under_traffic(1, 200);
}

Test(publish, a_packet_sees_one_configuration_with_two_lanes)
{
	change_under_traffic(2, 200);
}

static bool all_can(void)
{
	for (uint32_t w = 0; w < whole.a.plan.n_workers; w++)
		if (publish_missing(&whole.publisher, w))
			return false;
	return true;
}

/* Offers, and puts in force when all have answered, or withdraws, then or before; *k is what is offered or
 * was last. Returns whether one came into force. */
static bool go_on_offering(uint32_t lanes, uint32_t *k, uint64_t random)
{
	bool can = all_can();

	if (!whole.publisher.offered) {
		*k += whole_offer(&whole, text_of(*k + 1, lanes)) == 0;
		return false;
	}
	if ((random & 3) == 0) {
		publish_withdraw(&whole.publisher);
		withdrawn[*k] = true;
		return false;
	}
	if (can)
		publish_in_force(&whole.publisher);
	return can;
}

static void offer_under_traffic(uint32_t lanes, uint32_t applies)
{
	uint64_t random = 11, pushed = 0;
	uint32_t k = 1, applied = 0;

	setup(lanes);
	for (uint32_t steps = 0; applied < applies; steps++) {
		uint64_t r = random_next(&random);

		cr_assert(steps < 4000000 && k + 1 < ARRAY_LEN(withdrawn), "%u of %u came into force",
		        applied, k);
		pushed += push(r >> 8 & 15, (uint32_t)(r >> 16) & 63);
		for (uint32_t i = 0; i < (r >> 24 & 7); i++)
			worker_step(whole.w[random_next(&random) % whole.a.plan.n_workers], whole.now);
		if ((r >> 32 & 7) == 0)
			applied += go_on_offering(lanes, &k, r >> 40);
	}
	cr_assert(whole_settle(&whole));
	cr_expect_eq(whole_judge(&whole), NULL, "%s", whole_judge(&whole));
	cr_expect_eq(torn, 0);
	cr_expect_eq(sent, pushed, "%lu of %lu", sent, pushed);
	cr_expect_gt(k, applies + applies / 10, "few were withdrawn");
	whole_teardown(&whole);
}

Test(publish, what_was_withdrawn_no_packet_has_seen)
{
	offer_under_traffic(1, 100);
}

Test(publish, what_was_withdrawn_no_packet_has_seen_with_two_lanes)
{
	offer_under_traffic(2, 100);
}

Test(publish, what_is_offered_is_in_force_when_all_have_answered)
{
	setup(1);
	cr_assert_eq(whole_offer(&whole, text_of(2, 1)), 0);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		cr_expect_not(all_can());
		push(8, 0);
		whole_step(&whole, (enum stage_id)s, 0);
	}
	cr_expect(all_can());
	publish_in_force(&whole.publisher);
	cr_expect_not(all_can(), "who can take it up has not done so yet");
	cr_assert(whole_settle(&whole));
	cr_expect(all_can());
	cr_expect_eq(sent, 32);
	cr_expect_eq(torn, 0);
	cr_expect_eq(publisher_epoch(&whole.publisher)->number, 2);
	whole_teardown(&whole);
}

Test(publish, a_successor_finds_what_was_offered_and_uses_no_number_twice)
{
	setup(1);
	cr_assert_eq(whole_offer(&whole, text_of(2, 1)), 0);
	publisher_end(&whole.publisher);
	cr_assert_eq(publisher_resume(&whole.publisher, &whole.a), 0);
	cr_expect_eq(whole.publisher.number, 1);
	cr_expect_eq(whole.publisher.offered, 2);
	publish_withdraw(&whole.publisher);
	cr_assert_eq(publisher_resume(&whole.publisher, &whole.a), 0);
	cr_expect_eq(whole.publisher.offered, 0);
	cr_assert_eq(whole_offer(&whole, text_of(3, 1)), 0);
	cr_expect_eq(whole.publisher.offered, 4);
	appliance_control(&whole.a)->epoch = 4; /* it died between the two stores */
	publisher_end(&whole.publisher);
	cr_assert_eq(publisher_resume(&whole.publisher, &whole.a), 0);
	cr_expect_eq(whole.publisher.number, 4);
	cr_expect_eq(whole.publisher.offered, 0);
	push(40, 0);
	cr_assert(whole_settle(&whole));
	cr_expect_eq(sent, 40);
	cr_expect_eq(torn, 0);
	whole_teardown(&whole);
}

Test(publish, is_refused_while_the_one_before_the_last_lives)
{
	setup(1);
	push(40, 0);
	whole_step(&whole, STAGE_INGEST, 0);
	cr_expect_eq(whole_publish(&whole, text_of(2, 1)), 0);
	cr_expect_not(appliance_epoch_retired(&whole.a, 1));
	cr_expect_eq(whole_publish(&whole, text_of(3, 1)), -EBUSY);
	cr_expect_eq(publisher_epoch(&whole.publisher)->number, 2);
	cr_assert(whole_settle(&whole));
	cr_expect(appliance_epoch_retired(&whole.a, 1));
	cr_expect_eq(sent, 40);
	cr_expect_eq(torn, 0);
	cr_expect_eq(whole_publish(&whole, text_of(3, 1)), 0);
	whole_teardown(&whole);
}

Test(publish, what_does_not_fit_leaves_the_one_in_force)
{
	uint64_t bytes;

	setup(1);
	bytes = whole.a.bytes[REGION_EPOCH0];
	whole.a.bytes[REGION_EPOCH0] = whole.a.bytes[REGION_EPOCH1] = 4096;
	cr_expect_eq(whole_publish(&whole, text_of(2, 1)), -ENOSPC);
	cr_expect_str_neq(whole.publisher.shortage.of, "routes");
	cr_expect_gt(whole.publisher.shortage.needed, 4096);
	cr_expect_eq(publisher_epoch(&whole.publisher)->number, 1);
	cr_expect_eq(appliance_control(&whole.a)->epoch, 1);
	push(40, 0);
	cr_assert(whole_settle(&whole));
	cr_expect_eq(sent, 40);
	whole.a.bytes[REGION_EPOCH0] = whole.a.bytes[REGION_EPOCH1] = bytes;
	cr_expect_eq(whole_publish(&whole, text_of(2, 1)), 0);
	push(40, 0);
	cr_assert(whole_settle(&whole));
	cr_expect_eq(sent, 80);
	cr_expect_eq(torn, 0);
	cr_expect_eq(whole_judge(&whole), NULL);
	whole_teardown(&whole);
}

Test(publish, says_what_of_it_does_not_fit)
{
	const struct publish_shortage *s = &whole.publisher.shortage;
	uint64_t bytes;

	setup(1);
	bytes = whole.a.bytes[REGION_FIB0];
	whole.a.bytes[REGION_FIB0] = whole.a.bytes[REGION_FIB1] = 1 << 20;
	cr_expect_eq(whole_publish(&whole, text_of(2, 1)), -ENOSPC);
	cr_expect_str_eq(s->of, "routes");
	cr_expect_eq(s->has, 1 << 20);
	cr_expect_lt(s->needed, bytes);
	/* What it needs is enough. */
	whole.a.bytes[REGION_FIB0] = whole.a.bytes[REGION_FIB1] = s->needed;
	cr_expect_eq(whole_publish(&whole, text_of(2, 1)), 0);
	push(40, 0);
	cr_assert(whole_settle(&whole));
	cr_expect_eq(sent, 40);
	cr_expect_eq(torn, 0);
	whole.a.bytes[REGION_FIB0] = whole.a.bytes[REGION_FIB1] = bytes;
	whole_teardown(&whole);
}
