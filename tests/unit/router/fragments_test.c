/* Fragments for ourselves through the whole router: to the session, to ICMP, or out of time. */
#include <criterion/criterion.h>

#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "common/wire/ipv6_ext.h"
#include "services/router/reassembly/reassembly.h"
#include "tests/unit/router/world.h"

#define PIECES 20u

static struct world w;

static void set_up(void)
{
	world_init(&w, 1);
	w.now = WORLD_NOW + 10 * NANOS_PER_SEC;
}

static void tear_down(void)
{
	world_free(&w);
}

TestSuite(router_fragments, .init = set_up, .fini = tear_down);

static void add4(uint16_t id, uint32_t number, bool more)
{
	world_add4(&w, &(struct frame4){.port = P0,
	                       .src = HOST(0, 2),
	                       .dst = HOST(0, 1),
	                       .proto = IP_PROTO_UDP,
	                       .id = id,
	                       .fragment = (uint16_t)(number * 4 | (more ? IPV4_MORE_FRAGMENTS : 0)),
	                       .payload_len = 32});
}

/* Packets of several buffers that go to the session, and how many buffers the last of them has. */
static uint32_t to_session(uint32_t *buffers)
{
	const struct burst *b = &w.f.burst;
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_out; i++) {
		if (i && b->out[i - 1].more) {
			++*buffers;
			continue;
		}
		if (b->out[i].verdict.kind != VERDICT_PASS || b->out[i].verdict.out.v != out_id(OUT_RX, 0).v)
			continue;
		cr_assert(b->out[i].pkt.flags & PKT_F_REASSEMBLED);
		cr_assert_eq(b->out[i].pkt.l4_proto, IP_PROTO_UDP);
		*buffers = 1;
		n++;
	}
	return n;
}

Test(router_fragments, go_to_the_session_as_one_packet)
{
	uint32_t buffers = 0;

	for (uint32_t i = PIECES; i-- > 0;)
		add4(7, i, i + 1 < PIECES);
	world_run(&w);
	cr_assert_eq(to_session(&buffers), 1);
	cr_assert_eq(buffers, PIECES);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_IN_DELIVERS), 1);
	cr_assert_eq(world_stat(&w, STAT_IP_REASM_OKS), 1);
}

Test(router_fragments, of_ipv6_go_to_the_session_as_one_packet)
{
	uint8_t payload[2][IPV6_FRAGMENT_HDR_LEN + 32] = {};
	uint32_t buffers = 0;

	for (uint32_t i = 0; i < 2; i++) {
		ipv6_fragment_write(payload[i], IP_PROTO_UDP, i ? 32 : IPV6_FRAGMENT_MORE, 7);
		world_add6(&w, &(struct frame6){.port = P0,
		                       .src = IP6(0, 2),
		                       .dst = IP6(0, 1),
		                       .next_header = IP_PROTO_FRAGMENT,
		                       .payload = payload[i],
		                       .payload_len = sizeof payload[i]});
	}
	world_run(&w);
	cr_assert_eq(to_session(&buffers), 1);
	cr_assert_eq(buffers, 2);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP6_IN_DELIVERS), 1);
}

Test(router_fragments, go_on_in_a_later_burst_where_the_outbox_is_full)
{
	uint32_t whole = 0, buffers = 0;

	for (uint32_t i = 0; i + 1 < PIECES; i++) {
		for (uint16_t id = 0; id < 50; id++)
			add4(id, i, true);
		world_run(&w);
		world_end(&w);
	}
	for (uint16_t id = 0; id < 50; id++)
		add4(id, PIECES - 1, false);
	world_run(&w);
	whole = to_session(&buffers);
	cr_assert(whole > 30 && whole < 40, "%u", whole);
	world_end(&w);
	for (uint32_t bursts = 0; bursts < 2; bursts++) {
		cr_assert_eq(router_stage.next_timer(w.worker), 0);
		world_begin(&w, INPUT_TIMER);
		router_stage.timer(w.worker, &w.epoch, w.now, &w.f.burst);
		whole += to_session(&buffers);
		cr_assert_eq(buffers, PIECES);
		world_end(&w);
	}
	cr_assert_eq(whole, 50);
	cr_assert_neq(router_stage.next_timer(w.worker), 0);
}

/* Whether an ICMP error of this type and code is in the outbox on its way to the wire. */
static bool error_goes_out(uint32_t l4, uint8_t type, uint8_t code)
{
	for (uint32_t i = 0; i < w.f.burst.n_out; i++) {
		const struct outbox_entry *e = &w.f.burst.out[i];
		const uint8_t *icmp = e->frame + e->pkt.l3_off + l4;

		if (e->born == BORN_GENERATED && e->verdict.kind == VERDICT_PASS && icmp[0] == type &&
		        icmp[1] == code)
			return true;
	}
	return false;
}

Test(router_fragments, are_answered_when_time_is_over)
{
	bool told = false;

	add4(7, 0, true);
	world_run(&w);
	world_end(&w);
	w.now += 30 * NANOS_PER_SEC;
	for (uint32_t bursts = 0; bursts < 10 && !told; bursts++) {
		world_begin(&w, INPUT_TIMER);
		router_stage.timer(w.worker, &w.epoch, w.now, &w.f.burst);
		told = error_goes_out(IPV4_HDR_LEN, ICMP_TYPE_TIME_EXCEEDED, ICMP_EXCEEDED_REASSEMBLY);
		world_end(&w);
	}
	cr_assert(told);
	cr_assert_eq(world_stat(&w, STAT_IP_REASM_TIMEOUT), 1);
}

Test(router_fragments, of_an_echo_request_are_answered_as_one)
{
	uint8_t echo[64], body[56] = {1, 2, 3};
	bool replied = false;

	world_icmp(echo, ICMP_TYPE_ECHO, 0, 1, body, sizeof body);
	for (uint32_t i = 0; i < 2; i++)
		world_add4(&w, &(struct frame4){.port = P0,
		                       .src = HOST(0, 2),
		                       .dst = HOST(0, 1),
		                       .proto = IP_PROTO_ICMP,
		                       .id = 9,
		                       .fragment = i ? 4 : IPV4_MORE_FRAGMENTS,
		                       .payload = echo + 32 * i,
		                       .payload_len = 32});
	world_run(&w);
	for (uint32_t i = 0; i < w.f.burst.n_out; i++) {
		const struct outbox_entry *e = &w.f.burst.out[i];

		if (e->verdict.kind == VERDICT_PASS && e->verdict.out.v == out_id(OUT_TX, 0).v)
			replied |= e->frame[e->pkt.l3_off + IPV4_HDR_LEN] == ICMP_TYPE_ECHO_REPLY;
	}
	cr_assert(replied);
	world_end(&w);
}
