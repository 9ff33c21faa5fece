/* Sockets of applications: datagrams into their memory and out of it, errors, death, rubbish. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/wire/icmp.h"
#include "common/wire/udp.h"
#include "services/session/words.h"
#include "tests/unit/session/guest.h"

static struct bed bed;
static struct guest guest;
static uint8_t payload[65536 + APP_CHUNK];

static void apply(void)
{
	session_stage.port_apply(bed.worker);
	session_stage.port_kick(bed.worker, 1);
}

/* Until nothing is due, as a worker goes on. */
static void settle(void)
{
	for (uint32_t i = 0; i < 100 && session_stage.next_timer(bed.worker) == 0; i++) {
		bed_timer(&bed);
		apply();
	}
	cr_assert_null(session_stage.check(bed.worker));
}

static void bind_to(struct guest *g, uint32_t number, uint8_t family, uint16_t port)
{
	struct epoch_socket conf = bed_socket(family, port, EPOCH_APP_HOLD);

	guest_bind(g, number, &conf);
	settle();
}

static void setup(void)
{
	bed_init(&bed);
	bed_adopt(&bed, 1, NULL, 0);
	guest_join(&guest, guest_table(&bed), 3, 1);
	settle();
	bind_to(&guest, 5, 0, 700);
}

static void teardown(void)
{
	guest_leave(&guest);
	free(guest.table);
	words_forget();
	bed_free(&bed);
}

static enum verdict_kind receive(const struct bed_packet *p)
{
	struct verdict v = bed_receive(&bed, p);

	apply();
	return (enum verdict_kind)v.kind;
}

TestSuite(session_app, .init = setup, .fini = teardown);

Test(session_app, datagrams_of_each_size_arrive_as_they_were_sent)
{
	static const uint32_t sizes[] = {0, 1, 1472, APP_FIRST_BYTES, APP_FIRST_BYTES + 1,
	        APP_FIRST_BYTES + APP_CHUNK, APP_FIRST_BYTES + APP_CHUNK + 1, 40000};
	static uint8_t sent[65536];
	uint64_t random = 7;
	struct app_head head;

	for (uint32_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)random_next(&random);
	for (uint32_t round = 0; round < 2 * ARRAY_LEN(sizes); round++) {
		struct bed_packet p = round & 1 ? bed_packet6(700, "") : bed_packet4(700, "");

		p.payload = sent + round;
		p.len = sizes[round / 2];
		p.pieces = 1 + p.len / 1700;
		cr_assert_eq(receive(&p), VERDICT_DELIVERED);
		cr_assert(guest_take(&guest, &head, payload));
		cr_expect_eq(head.kind, APP_DATAGRAM);
		cr_expect_eq(head.socket, 5);
		cr_assert_eq(head.len, p.len);
		cr_expect(ip6_addr_equal(&head.peer, &p.src) && ip6_addr_equal(&head.local, &p.dst));
		cr_expect_eq(head.peer_port, 1000);
		cr_expect_arr_eq(payload, p.payload, p.len);
		cr_expect_not(guest_take(&guest, &head, payload));
	}
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_DATAGRAMS), ARRAY_LEN(sizes));
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_IN_DATAGRAMS), ARRAY_LEN(sizes));
}

Test(session_app, what_finds_no_chunk_is_dropped_and_counted)
{
	struct bed_packet p = bed_packet4(700, "x");
	struct app_head head;

	for (uint32_t i = 0; i < GUEST_SLOTS; i++)
		cr_assert_eq(receive(&p), VERDICT_DELIVERED);
	cr_assert_eq(receive(&p), VERDICT_DROP);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_SOCKET_RCVBUFF);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_RCVBUF_ERRORS), 1);
	cr_assert(guest_take(&guest, &head, payload));
	cr_expect_eq(receive(&p), VERDICT_DELIVERED);
}

/* The outbox of the one burst in which something is sent. */
static uint32_t send_one(const struct app_head *head, const uint8_t *bytes, uint8_t *out)
{
	guest_send(&guest, head, bytes);
	cr_assert_eq(session_stage.next_timer(bed.worker), 0);
	bed_timer(&bed);
	apply();
	return bed.f.burst.n_out ? bed_sent(&bed, 0, out) : 0;
}

Test(session_app, what_it_sends_is_what_echo_would_send)
{
	static const uint32_t sizes[] = {0, 1, 1472, 1800, 1801, APP_FIRST_BYTES + 1, 40000};
	static uint8_t sent[65536], out[70000];

	for (uint32_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 31);
	for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct app_head head = {.kind = APP_DATAGRAM, .socket = 5, .len = sizes[i], .peer_port = 99};
		uint32_t len;

		head.port = PORT_NONE.v;
		head.peer = bed_v4(10, 0, 0, 2);
		len = send_one(&head, sent, out);
		cr_assert_eq(len, IPV4_HDR_LEN + UDP_HDR_LEN + sizes[i]);
		cr_expect_eq(wire_load_u32(out + 20), 700u << 16 | 99);
		cr_expect_arr_eq(out + 28, sent, sizes[i]);
	}
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_OUT_DATAGRAMS), ARRAY_LEN(sizes));
	cr_expect_eq(__atomic_load_n(&guest.region->tx_cons.cons, __ATOMIC_RELAXED), guest.tx_prod);
}

Test(session_app, a_burst_that_is_cut_has_sent_and_delivered_nothing)
{
	struct app_head head = {.kind = APP_DATAGRAM, .socket = 5, .len = 1, .peer_port = 99};
	struct bed_packet p = bed_packet4(700, "once");

	head.peer = bed_v4(10, 0, 0, 2);
	guest_send(&guest, &head, (const uint8_t *)"x");
	fixture_begin(&bed.f, INPUT_TIMER, 1);
	session_stage.timer(bed.worker, &bed.epoch, 1, &bed.f.burst);
	cr_assert_eq(bed.f.burst.n_out, 1);
	fixture_cut(&bed.f);
	cr_expect_eq(session_stage.next_timer(bed.worker), 0);
	bed_timer(&bed);
	cr_expect_eq(bed.f.burst.n_out, 1);
	apply();
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_udp(&bed, &p);
	bed_run(&bed);
	fixture_cut(&bed.f);
	apply();
	cr_expect_not(guest_take(&guest, &head, payload));
	cr_assert_eq(receive(&p), VERDICT_DELIVERED);
	cr_assert(guest_take(&guest, &head, payload));
	cr_expect_arr_eq(payload, "once", 4);
	cr_expect_not(guest_take(&guest, &head, payload));
}

/* The process dies: the next one waits until it is handed the memory, and goes on where it was. */
Test(session_app, a_new_session_goes_on)
{
	struct bed_packet p = bed_packet4(700, "x");
	struct app_head head;

	receive(&p);
	words_forget();
	bed_restart(&bed);
	cr_expect_gt(session_stage.port_awaits(bed.worker, 1), 1);
	guest_say_again(&guest);
	cr_expect_eq(session_stage.port_awaits(bed.worker, 1), 0);
	cr_expect_eq(receive(&p), VERDICT_DELIVERED);
	settle();
	cr_expect_eq(receive(&p), VERDICT_DELIVERED);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect(guest_take(&guest, &head, payload));
	cr_expect_not(guest_take(&guest, &head, payload));
}

/* One that has gone while there was no session: nobody speaks of it. */
Test(session_app, a_new_session_forgets_who_is_gone)
{
	const struct app_word all = {.magic = APP_MAGIC, .what = APP_WORD_ALL};
	struct bed_packet p = bed_packet4(700, "x");

	words_forget();
	bed_restart(&bed);
	cr_expect_eq(session_word(&all, sizeof all, NULL, 0), 0);
	cr_expect_eq(session_stage.port_awaits(bed.worker, 1), 0);
	settle();
	cr_expect_eq(receive(&p), VERDICT_DROP);
}

Test(session_app, another_s_socket_cannot_be_used)
{
	struct app_head head = {.kind = APP_DATAGRAM, .socket = 5, .len = 1, .peer_port = 99};
	struct guest other;
	uint8_t out[64];

	guest_join(&other, guest.table, 0, 2);
	settle();
	head.peer = bed_v4(10, 0, 0, 2);
	guest_send(&other, &head, (const uint8_t *)"x");
	bed_timer(&bed);
	cr_expect_eq(bed.f.burst.n_out, 0);
	head.socket = 6;
	cr_expect_eq(send_one(&head, (const uint8_t *)"x", out), 0);
	guest_leave(&other);
}

/* The place is taken again before session has seen the old one's sockets go. */
Test(session_app, who_comes_after_gets_nothing_of_the_dead)
{
	struct bed_packet p = bed_packet4(700, "secret");
	struct guest next;
	struct app_head head;

	guest_say_gone(&guest);
	guest_join(&next, guest.table, guest.client, 2);
	fixture_begin(&bed.f, INPUT_TIMER, 1);
	session_stage.timer(bed.worker, &bed.epoch, 1, &bed.f.burst);
	fixture_end(&bed.f);
	cr_expect_eq(receive(&p), VERDICT_DROP);
	cr_expect_not(guest_take(&next, &head, payload));
	guest_leave(&next);
}

Test(session_app, sockets_come_move_and_go_with_the_table)
{
	struct bed_packet p = bed_packet4(700, "x"), q = bed_packet4(701, "x");
	struct epoch_socket conf = bed_socket(0, 701, EPOCH_APP_HOLD);

	guest_bind(&guest, 5, &conf);
	settle();
	cr_expect_eq(receive(&p), VERDICT_DROP);
	cr_expect_eq(receive(&q), VERDICT_DELIVERED);
	conf.remote = bed_v4(10, 0, 0, 9);
	conf.remote_port = 5;
	guest_bind(&guest, 5, &conf);
	settle();
	cr_expect_eq(receive(&q), VERDICT_DROP);
	guest_bind(&guest, 5, NULL);
	settle();
	for (uint32_t i = 0; i < APP_SOCKETS_MAX; i++) {
		conf = bed_socket(0, (uint16_t)(10000 + i), EPOCH_APP_HOLD);
		guest_bind(&guest, i, &conf);
	}
	for (uint32_t bursts = 0; session_stage.next_timer(bed.worker) == 0; bursts++) {
		cr_assert_lt(bursts, 2 * APP_SOCKETS_MAX);
		bed_timer(&bed);
	}
	apply();
	cr_expect_eq(
	        __atomic_load_n(&guest.region->taken_up, __ATOMIC_RELAXED), app_table_changes(guest.table));
	q.dport = 10000 + APP_SOCKETS_MAX - 1;
	cr_expect_eq(receive(&q), VERDICT_DELIVERED);
}

Test(session_app, an_epoch_leaves_applications_alone_and_goes_before_them)
{
	struct epoch_socket own = bed_socket(0, 700, EPOCH_APP_SINK);
	struct bed_packet p = bed_packet4(700, "x");

	bed_adopt(&bed, 2, &own, 1);
	settle();
	cr_expect_eq(receive(&p), VERDICT_QUEUED);
	settle();
	bed_adopt(&bed, 3, NULL, 0);
	settle();
	cr_expect_eq(receive(&p), VERDICT_DELIVERED);
}

static bool rung(void)
{
	struct pollfd on = {.fd = guest.bell, .events = POLLIN};
	uint8_t bytes[64];

	return poll(&on, 1, 0) == 1 && read(guest.bell, bytes, sizeof bytes) > 0;
}

Test(session_app, who_sleeps_is_woken_once)
{
	struct bed_packet p = bed_packet4(700, "x");

	(void)rung();
	receive(&p);
	cr_expect_not(rung());
	ring_arm(&guest.rx);
	receive(&p);
	cr_expect(rung());
	receive(&p);
	cr_expect_not(rung());
}

/* Whatever stands in the region: session goes on, its state is sound, the others have their datagrams. */
Test(session_app, rubbish_harms_nobody_else)
{
	struct epoch_socket conf = bed_socket(4, 800, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(800, "sound"), q = bed_packet4(700, "rubbish");
	uint64_t random = 11;
	struct guest other;
	struct app_head head;

	guest_join(&other, guest.table, 9, 2);
	settle();
	guest_bind(&other, 77, &conf);
	settle();
	for (uint32_t round = 0; round < 2000; round++) {
		uint64_t *words = (uint64_t *)(void *)guest.region;
		uint32_t n = (uint32_t)(guest.at.chunk / sizeof *words);

		for (uint32_t i = 0; i < 8; i++) {
			uint64_t r = random_next(&random);

			words[random_next(&random) % n] = r >> (r % 64);
		}
		receive(&q);
		bed_timer(&bed);
		apply();
		cr_assert_eq(receive(&p), VERDICT_DELIVERED);
		cr_assert(guest_take(&other, &head, payload));
		cr_assert_arr_eq(payload, "sound", 5);
	}
	cr_expect_null(session_stage.check(bed.worker));
	guest_leave(&other);
}

/* Each in its turn, and behind it a datagram that is sound. */
Test(session_app, words_that_make_no_sense_are_skipped)
{
	struct app_head sound = {.kind = APP_DATAGRAM, .socket = 5, .len = 1, .peer_port = 99}, head = sound;
	const uint64_t rubbish[] = {
	        2 * GUEST_SLOTS, UINT32_MAX, UINT64_MAX & ~APP_MORE, UINT64_MAX, APP_MORE << 1};
	uint8_t out[64];

	sound.peer = head.peer = bed_v4(10, 0, 0, 2);
	for (uint32_t i = 0; i < ARRAY_LEN(rubbish); i++) {
		ring_put(&guest.tx, guest.tx_prod++, rubbish[i]);
		ring_publish(&guest.tx, guest.tx_prod);
		cr_expect_eq(send_one(&sound, (const uint8_t *)"x", out), 29, "word %u", i);
	}
	for (uint32_t i = 0; i < 4; i++) {
		head = sound;
		switch (i) {
		case 0: head.len = APP_DATAGRAM_MAX + 1; break;
		case 1: head.socket = APP_SOCKETS_MAX; break;
		case 2: head.kind = 77; break;
		case 3: head.peer_port = 0; break;
		}
		memcpy(app_chunk(&guest.at, guest.region, 1), &head, sizeof head);
		ring_put(&guest.tx, guest.tx_prod, 1);
		ring_publish(&guest.tx, ++guest.tx_prod);
		cr_expect_eq(send_one(&sound, (const uint8_t *)"x", out), 29, "head %u", i);
	}
}

Test(session_app, what_is_no_chunk_is_not_filled)
{
	struct bed_packet p = bed_packet4(700, "x");

	for (uint32_t i = 0; i < GUEST_SLOTS; i++)
		ring_put(&guest.fill, i, i & 1 ? UINT32_MAX : 2 * GUEST_SLOTS + i);
	for (uint32_t i = 0; i < GUEST_SLOTS; i++)
		cr_expect_eq(receive(&p), VERDICT_DROP);
	settle();
}
