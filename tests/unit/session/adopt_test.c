/* Sockets come and go with epochs. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/app/app.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
}

static void teardown(void)
{
	cr_assert_null(session_stage.check(bed.worker), "%s", session_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(session_adopt, .init = setup, .fini = teardown, .timeout = 250);

static void receive(uint16_t port, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bed_packet p = bed_packet4(port, "text");

		bed_receive(&bed, &p);
	}
}

static uint32_t bound(void)
{
	struct session_socket_count count;
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < SESSION_SOCKETS_MAX; slot++)
		n += session_socket_read(bed.f.state, slot, &count);
	cr_expect_not(session_socket_read(bed.f.state, SESSION_SOCKETS_MAX, &count));
	return n;
}

Test(session_adopt, what_stays_keeps_its_queue)
{
	struct epoch_socket s[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(4, 51, EPOCH_APP_HOLD),
	        bed_socket(4, 52, EPOCH_APP_HOLD)};

	bed_adopt(&bed, 1, s, 2);
	receive(50, 2);
	receive(51, 3);
	bed_adopt(&bed, 2, s + 1, 2);
	cr_expect_eq(bound(), 2);
	cr_expect_eq(bed_count(&bed, 50).waiting, 0);
	cr_expect_eq(bed_count(&bed, 51).waiting, 3);
	receive(52, 1);
	cr_expect_eq(bed_count(&bed, 52).waiting, 1);
	receive(50, 1);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_NO_SOCKET);
	bed_adopt(&bed, 3, s, 3);
	cr_expect_eq(bed_count(&bed, 50).waiting, 0, "a new one of the same name");
	cr_expect_eq(bed_count(&bed, 51).waiting, 3);
}

Test(session_adopt, the_buffers_of_what_goes_come_back)
{
	struct epoch_socket s = bed_socket(4, 50, EPOCH_APP_SINK);
	uint32_t packets;

	bed_adopt(&bed, 1, &s, 1);
	receive(50, 10);
	bed_adopt(&bed, 2, NULL, 0);
	cr_expect_eq(bed.f.burst.n_out, 10);
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(bed.f.burst.out[i].born, BORN_DELIVERED);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(bed.f.held[i]);
	cr_expect_eq(session_stage.next_timer(bed.worker), NANOS_NEVER);
	cr_expect_eq(session_stage.held(bed.worker, NULL, &packets), 0);
}

/* Epochs lie in two slots: the older one's packets still come. */
Test(session_adopt, a_packet_finds_the_sockets_of_its_own_epoch)
{
	struct epoch_socket s[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(4, 51, EPOCH_APP_HOLD)};
	struct epoch older, newest;

	bed_adopt(&bed, 1, s, 1);
	older = bed.epoch;
	bed_take_up(&bed, 2, s + 1, 1);
	newest = bed.epoch;
	receive(50, 1);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_NO_SOCKET);
	receive(51, 1);
	cr_expect_eq(bed_count(&bed, 51).waiting, 1);
	bed.epoch = older;
	receive(50, 1);
	cr_expect_eq(bed_count(&bed, 50).waiting, 1);
	receive(51, 1);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_NO_SOCKET);
	bed.epoch = newest;
	bed_retire(&bed);
	cr_expect_eq(bound(), 1);
	cr_expect_eq(bed_count(&bed, 51).waiting, 1);
}

Test(session_adopt, a_long_queue_comes_back_in_steps)
{
	struct epoch_socket s = bed_socket(4, 50, EPOCH_APP_HOLD);

	s.rcvbuf = UINT32_MAX;
	bed_adopt(&bed, 1, &s, 1);
	receive(50, 1500);
	cr_expect_eq(bed_take_up(&bed, 2, NULL, 0), 1);
	cr_expect_eq(bed_retire(&bed), 2);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(bed.f.held[i]);
}

Test(session_adopt, settings_change_without_a_new_socket)
{
	struct epoch_socket s = bed_socket(4, 50, EPOCH_APP_HOLD);

	bed_adopt(&bed, 1, &s, 1);
	receive(50, 2);
	s.app = EPOCH_APP_SINK;
	s.rcvbuf = 3 * PKT_STRIDE_DEFAULT;
	bed_adopt(&bed, 2, &s, 1);
	cr_expect_eq(session_stage.next_timer(bed.worker), 0, "there is a reader now");
	receive(50, 2);
	cr_expect_eq(bed_count(&bed, 50).waiting, 3);
	s.app = EPOCH_APP_HOLD;
	bed_adopt(&bed, 3, &s, 1);
	cr_expect_eq(session_stage.next_timer(bed.worker), NANOS_NEVER);
	s.app = EPOCH_APP_SINK;
	bed_adopt(&bed, 4, &s, 1);
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 50).read, 3);
}

Test(session_adopt, another_binding_is_another_socket)
{
	struct epoch_socket s = bed_socket(4, 50, EPOCH_APP_HOLD), t = s;

	bed_adopt(&bed, 1, &s, 1);
	receive(50, 1);
	t.port = BED_ETH0;
	bed_adopt(&bed, 2, &t, 1);
	cr_expect_eq(bed_count(&bed, 50).waiting, 0);
	cr_expect_eq(bound(), 1);
}

Test(session_adopt, of_two_with_one_binding_the_first_counts)
{
	struct epoch_socket s[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(4, 50, EPOCH_APP_SINK)};

	bed_adopt(&bed, 1, s, 2);
	cr_expect_eq(bound(), 1);
	cr_expect_eq(bed_count(&bed, 50).socket.app, EPOCH_APP_HOLD);
	bed_adopt(&bed, 2, s, 2);
	cr_expect_eq(bed_count(&bed, 50).socket.app, EPOCH_APP_HOLD);
}

Test(session_adopt, a_start_changes_nothing_that_is_in_line)
{
	struct epoch_socket s[] = {bed_socket(4, 50, EPOCH_APP_ECHO), bed_socket(0, 51, EPOCH_APP_HOLD)};
	uint64_t bytes = session_stage.state_bytes(&bed.f.params);
	void *before = malloc(bytes);

	bed_adopt(&bed, 1, s, 2);
	receive(50, 3);
	receive(51, 3);
	memcpy(before, bed.f.state, bytes);
	bed_restart(&bed);
	cr_expect_eq(bed_take_up(&bed, 1, s, 2), 1);
	cr_expect_eq(bed_retire(&bed), 1);
	cr_expect_eq(memcmp(before, bed.f.state, bytes), 0);
	free(before);
}

/* From one set of sockets to another, dying at every third burst. */
Test(session_adopt, may_die_on_its_way)
{
	static struct epoch_socket s[400];
	uint32_t bursts = 0, deaths = 0;
	bool taken_up = false, done = false;

	for (uint32_t i = 0; i < ARRAY_LEN(s); i++)
		s[i] = bed_socket(i % 2 ? 4 : 6, (uint16_t)(1000 + i), EPOCH_APP_SINK);
	bed_adopt(&bed, 1, s, 300);
	for (uint32_t i = 0; i < 300; i += 3)
		receive((uint16_t)(1000 + i), 1 + i % 4);
	bed_epoch(&bed, 2, s + 100, 300);
	for (; !done; bursts++) {
		bool through;

		fixture_begin(&bed.f, INPUT_CALL, 0);
		through = (taken_up ? session_stage.retire : session_stage.adopt)(
		        bed.worker, &bed.epoch, 0, &bed.f.burst);
		if (bursts % 3 == 0) {
			fixture_cut(&bed.f);
			bed_restart(&bed);
			deaths++;
			taken_up = false;
			continue;
		}
		done = taken_up && through;
		taken_up |= through;
		fixture_end(&bed.f);
		cr_assert_null(session_stage.check(bed.worker), "%s", session_stage.check(bed.worker));
	}
	cr_expect_eq(bound(), 300);
	cr_expect_geq(deaths, 2);
	for (uint32_t i = 0; i < ARRAY_LEN(s); i++)
		cr_expect_eq(
		        bed_count(&bed, s[i].local_port).socket.local_port, i < 100 ? 0 : s[i].local_port);
}

Test(session_adopt, every_slot_may_be_taken)
{
	struct epoch_socket *s = calloc(SESSION_SOCKETS_MAX + 3, sizeof *s);

	for (uint32_t i = 0; i < SESSION_SOCKETS_MAX + 3; i++) {
		s[i] = bed_socket(4, (uint16_t)i, EPOCH_APP_HOLD);
		s[i].local = bed_v4(10, 0, i >> 16, 1);
	}
	bed_adopt(&bed, 1, s, SESSION_SOCKETS_MAX + 3);
	cr_expect_eq(bound(), SESSION_SOCKETS_MAX);
	bed_adopt(&bed, 2, s + SESSION_SOCKETS_MAX, 3);
	cr_expect_eq(bound(), 3);
	free(s);
}

Test(session_adopt, memory_of_another_kind_is_refused)
{
	void *worker;

	*(uint32_t *)bed.f.state ^= 1;
	cr_expect_eq(session_stage.attach(&bed.f.env, &worker), -EINVAL);
	*(uint32_t *)bed.f.state ^= 1;
}

static void expect_wrong(uint8_t *byte, uint8_t flip)
{
	*byte ^= flip;
	cr_expect_not_null(session_stage.check(bed.worker));
	*byte ^= flip;
	cr_expect_null(session_stage.check(bed.worker));
}

/* Every bit that the check knows of: flipped, it is seen. */
Test(session_adopt, the_check_sees_what_is_wrong)
{
	struct epoch_socket s[] = {bed_socket(4, 50, EPOCH_APP_SINK), bed_socket(4, 51, EPOCH_APP_SINK)};
	uint8_t *state = bed.f.state, *socket = state + CACHE_LINE * (1 + APP_CLIENTS_MAX);

	bed_adopt(&bed, 1, s, 2);
	receive(50, 3);
	receive(51, 2);
	for (uint32_t at = 16; at < 32; at++)
		expect_wrong(state + at, 1);
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t field = 0; field < 7; field++)
			if (field != 4)
				expect_wrong(socket + k * 3 * CACHE_LINE + field * 4, 1);
	expect_wrong(socket + 28, 3);
	expect_wrong(socket + 29, 1);
	expect_wrong(socket + CACHE_LINE + 48, 1);
}
