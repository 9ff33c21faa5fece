/* The router dies of a timer: what it had in hand is given up by the next one, and nothing else. */
#include "services/router/neighbor/internal.h"
#include "services/router/reassembly/internal.h"
#include "tests/unit/whole/whole.h"

#include "common/wire/ipv4.h"

#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdlib.h>

static const char *const text = "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
                                "ports:\n"
                                "  in: {driver: pcap, ipv6: false, mac: \"02:00:00:00:00:02\", "
                                "addresses: [10.0.0.1/24], gratuitous_arp: 0}\n"
                                "  out: {driver: pcap, ipv6: false, mac: \"02:00:00:00:00:03\", "
                                "addresses: [10.1.0.1/24], gratuitous_arp: 0}\n";

static struct whole whole;
static uint32_t id, sent_to; /* of the router's worker; the last byte of the last destination */
static sigjmp_buf death;
static uint8_t poison; /* last byte of the neighbor whose report kills */

static struct router *router(void)
{
	return whole.w[id]->stage;
}

static void on_sent(void *context, const struct pkt *pkt, const uint8_t *frame)
{
	(void)context;
	if (pkt->ethertype == ETHER_TYPE_IPV4)
		sent_to = frame[33];
}

static void setup(void)
{
	whole_setup(&whole, text);
	whole.sent = on_sent;
	id = plan_worker_id(&whole.a.plan, STAGE_ROUTER, 0);
	cr_assert(whole_settle(&whole));
}

static void teardown(void)
{
	whole_teardown(&whole);
}

TestSuite(culprit, .init = setup, .fini = teardown, .timeout = 250);

/* A datagram, or a fragment, from 10.0.0.9. */
static void push(uint8_t net, uint8_t host, uint16_t ip_id, uint16_t fragment)
{
	static uint8_t frames[16][60];
	static uint32_t n;
	uint8_t *f = frames[n++ % ARRAY_LEN(frames)], *ip = f + 14;
	const uint8_t head[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 36,
	        (uint8_t)(ip_id >> 8), (uint8_t)ip_id, (uint8_t)(fragment >> 8), (uint8_t)fragment, 64, 17, 0,
	        0, 10, 0, 0, 9, 10, net, 0, host, 1, 2, 3, 4, 0, 32, 0, 0};

	memset(f, 0, 60);
	memcpy(f, head, sizeof head);
	((struct ipv4_hdr *)ip)->checksum = csum_finish(csum_bytes(CSUM_ZERO, ip, IPV4_HDR_LEN));
	cr_assert(whole_push(&whole, 0, 0, f, 60));
}

/* 10.1.0.HOST says who it is. */
static void answer(uint8_t host)
{
	static uint8_t f[60];
	const uint8_t reply[] = {2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 1, host, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0,
	        0, 1, host, 10, 1, 0, host, 2, 0, 0, 0, 0, 3, 10, 1, 0, 1};

	memcpy(f, reply, sizeof reply);
	cr_assert(whole_push(&whole, 1, 0, f, 60));
	cr_assert(whole_settle(&whole));
}

static uint32_t slot_of(uint8_t host)
{
	const struct ip6_addr a = {.b = {[10] = 0xff, 0xff, 10, 1, 0, host}};

	return entry_find(&router()->neighbor, (struct port_id){1}, &a);
}

static void die(void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref r)
{
	(void)ctx, (void)epoch, (void)now, (void)burst;
	if ((*r.frame)[r.pkt->l3_off + 19] == poison)
		siglongjmp(death, 1);
}

/* Plants it, and runs until the router has died of it; false: it lives. */
static bool dies(nanos_t until)
{
	router()->neighbor.hooks.unreachable = die;
	if (sigsetjmp(death, 0))
		return true;
	cr_assert(whole_advance(&whole, until, 1000));
	return false;
}

static void follow(bool own_fault)
{
	whole.a.own_fault = own_fault;
	worker_stop(whole.w[id]); /* the private side, which is gone with a process */
	free(whole.w[id]);
	whole.w[id] = calloc(1, sizeof *whole.w[id]);
	cr_assert_eq(worker_start(whole.w[id], &whole.a, id), 0);
	whole.a.own_fault = false;
}

/* What the black box tells of the last death. */
static struct box_culprit told(void)
{
	const struct black_box *box = appliance_box(&whole.a, id);
	struct box_head newest = {0}, head;

	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		if (box_read(box, slot, &head) && head.number > newest.number)
			newest = head;
	return newest.culprit;
}

static uint64_t crashed(void)
{
	return whole_dropped(&whole, STAGE_ROUTER, DROP_STAGE_CRASHED);
}

Test(culprit, is_a_neighbor_and_no_other_goes)
{
	struct box_culprit culprit;
	const char *wrong;

	push(1, 5, 1, 0);
	cr_assert(whole_advance(&whole, whole.now + 1500 * NANOS_PER_MS, 1000));
	push(1, 6, 2, 0);
	cr_assert(whole_settle(&whole));
	poison = 5;
	cr_assert(dies(whole.now + 10 * NANOS_PER_SEC), "nothing asks in vain");
	follow(true);
	culprit = told();
	cr_expect(culprit.kind == BOX_CULPRIT_NEIGHBOR && culprit.addr.b[15] == 5 && culprit.port.v == 1 &&
	          culprit.bytes == 2 * CACHE_LINE);
	cr_expect_eq(slot_of(5), NEIGHBOR_NONE);
	cr_expect_eq(crashed(), 1, "%lu", crashed());
	cr_assert_neq(slot_of(6), NEIGHBOR_NONE, "the other one is gone too");
	cr_assert_not(dies(whole.now), "it dies of what was given up");
	answer(6);
	cr_expect_eq(sent_to, 6);
	cr_assert_not(dies(whole.now + 100 * NANOS_PER_SEC));
	wrong = whole_judge(&whole);
	cr_expect_null(wrong, "%s", wrong);
	cr_expect_eq(crashed(), 1);
}

Test(culprit, is_nobody_where_the_process_was_killed)
{
	push(1, 5, 1, 0);
	cr_assert(whole_settle(&whole));
	poison = 5;
	cr_assert(dies(whole.now + 10 * NANOS_PER_SEC));
	follow(false);
	cr_expect_eq(crashed(), 0);
	cr_assert_neq(slot_of(5), NEIGHBOR_NONE);
	cr_assert(dies(whole.now + 10 * NANOS_PER_SEC), "the timer is done again");
	follow(true);
	cr_expect_eq(slot_of(5), NEIGHBOR_NONE);
	cr_assert(whole_settle(&whole));
	cr_expect_null(whole_judge(&whole));
}

/* As if the router had died while it worked on that. */
static void die_with(uint32_t what)
{
	struct journal *j = &whole.w[id]->journal;

	journal_open(j, JOURNAL_NO_INPUT, 0, 0);
	journal_hand(j, what);
	follow(true);
}

Test(culprit, is_a_list_of_fragments_and_no_other_goes)
{
	struct box_culprit culprit;

	push(0, 1, 1, 0x2000);
	push(0, 1, 2, 0x2000);
	cr_assert(whole_settle(&whole));
	cr_assert_eq(router()->reassembly->used, 2);
	die_with(REASSEMBLY_HAND | router()->reassembly->age[FRAG_IPV4].first);
	culprit = told();
	cr_expect(culprit.kind == BOX_CULPRIT_FRAGMENTS && culprit.id == 1 && culprit.proto == 17 &&
	          culprit.addr.b[15] == 9 && culprit.to.b[15] == 1);
	cr_expect_eq(router()->reassembly->used, 1);
	cr_expect_eq(crashed(), 1);
	push(0, 1, 2, 2);
	cr_assert(whole_settle(&whole));
	cr_expect_eq(router()->reassembly->used, 0, "the other one has become whole");
	cr_expect_null(whole_judge(&whole));
	cr_expect_eq(crashed(), 1);
}

/* What is in hand may have ended, or be no number of ours. */
Test(culprit, may_be_gone)
{
	const struct router *r = router();
	const uint32_t what[] = {REASSEMBLY_HAND, REASSEMBLY_HAND | 0x3fffffff, NEIGHBOR_HAND,
	        NEIGHBOR_HAND | 0x3fffffff, NEIGHBOR_HAND | TIMER_ADDRESS(&r->neighbor, 0),
	        NEIGHBOR_HAND | TIMER_GROUP(&r->neighbor, 0), NEIGHBOR_HAND | TIMER_PORT(&r->neighbor, 1, 0),
	        5};

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		die_with(what[i]);
		cr_expect_eq(told().kind, BOX_CULPRIT_NONE);
		cr_expect_eq(told().what, what[i]);
	}
	push(1, 6, 2, 0);
	cr_assert(whole_settle(&whole));
	answer(6);
	cr_expect_eq(sent_to, 6);
	cr_expect_eq(crashed(), 0);
	cr_expect_null(whole_judge(&whole));
}
