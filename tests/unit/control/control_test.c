/* Control beside an appliance of the real stages, which the loop's thread steps as long as the test lets it.
 */
#include "services/control/control.h"

#include "common/metric/metric.h"
#include "common/rpc/rpc.h"
#include "proto/control.pb-c.h"
#include "proto/monitor.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/unit/whole/whole.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct whole whole;
static struct control *control;
static uv_loop_t loop;
static uv_async_t stop;
static uv_timer_t clock_tick;
static pthread_t thread;
static char dir[64], state_dir[80];
static struct rpc_client *client;
static struct rpc_error error;
static uint32_t halted, pushing, pushed;

#define WAIT_MS 60000u /* for what is to come about on a machine with much else to do */

static const char *text_of(uint32_t net)
{
	static char text[512];

	snprintf(text, sizeof text,
	        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
	        "ports:\n"
	        "  in: {driver: pcap, ipv6: false, mac: \"02:00:00:00:00:02\", addresses: [192.0.%u.1/24]}\n"
	        "  out: {driver: pcap, ipv6: false, addresses: [198.51.100.1/24]}\n",
	        net);
	return text;
}

/* An ARP request for nobody: to be dropped by the router. */
static const uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6,
        4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 192, 0, 2, 77};

static void on_clock(uv_timer_t *timer)
{
	(void)timer;
	if (__atomic_load_n(&halted, __ATOMIC_SEQ_CST))
		return;
	for (uint32_t i = 0; i < 4; i++) {
		if (__atomic_load_n(&pushing, __ATOMIC_SEQ_CST))
			pushed += whole_push(&whole, 0, 0, frame, sizeof frame);
		whole_round(&whole);
	}
}

static void on_stop(uv_async_t *handle)
{
	control_close(control);
	uv_close((uv_handle_t *)&clock_tick, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static void *run(void *arg)
{
	(void)arg;
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

static void start(void)
{
	char why[CONTROL_WHY_BYTES], endpoint[128];

	uv_loop_init(&loop);
	uv_async_init(&loop, &stop, on_stop);
	uv_timer_init(&loop, &clock_tick);
	uv_timer_start(&clock_tick, on_clock, 1, 1);
	cr_assert_eq(control_open(&control, &loop,
	                     &(struct control_setup){&whole.a, "/none.yaml", NULL, dir, state_dir}, why),
	        0, "%s", why);
	cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
	snprintf(endpoint, sizeof endpoint, "ipc://%s/admin.sock", dir);
	cr_assert_eq(rpc_client_open(&client, endpoint), 0);
}

static void end(void)
{
	rpc_client_close(client);
	uv_async_send(&stop);
	pthread_join(thread, NULL);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void setup(void)
{
	whole_setup(&whole, text_of(2));
	snprintf(dir, sizeof dir, "/tmp/sluice-control-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(state_dir, sizeof state_dir, "%s/state", dir);
	start();
}

static void teardown(void)
{
	end();
	cr_expect_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	whole_teardown(&whole);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 250);

static enum rpc_status apply_text(const char *text, uint32_t deadline_ms, bool check, uint32_t *epoch)
{
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	char name[] = "new.yaml";
	ProtobufCMessage *reply;
	enum rpc_status s;

	request.name = name;
	request.text.data = (uint8_t *)text;
	request.text.len = strlen(text);
	request.deadline_ms = deadline_ms;
	request.check = check;
	s = rpc_client_call(
	        client, &sluice__admin__descriptor, "Apply", &request.base, WAIT_MS, &reply, &error);
	*epoch = s == RPC_OK ? ((Sluice__ApplyReply *)reply)->epoch : 0;
	rpc_free(reply);
	return s;
}

static Sluice__StatusReply *ask_status(void)
{
	Sluice__StatusRequest request = SLUICE__STATUS_REQUEST__INIT;
	ProtobufCMessage *reply;

	cr_assert_eq(rpc_client_call(client, &sluice__read__descriptor, "Status", &request.base, WAIT_MS,
	                     &reply, &error),
	        RPC_OK, "%s", error.message);
	return (Sluice__StatusReply *)reply;
}

static uint32_t epoch_in_force(void)
{
	Sluice__StatusReply *s = ask_status();
	uint32_t epoch = s->epoch;

	rpc_free(&s->base);
	return epoch;
}

static Sluice__BuffersReply *ask_buffers(void)
{
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	ProtobufCMessage *reply;

	cr_assert_eq(rpc_client_call(client, &sluice__admin__descriptor, "Buffers", &request.base, WAIT_MS,
	                     &reply, &error),
	        RPC_OK, "%s", error.message);
	return (Sluice__BuffersReply *)reply;
}

/* A machine with much else to do may take longer than ingest is held. */
static Sluice__BuffersReply *ask_buffers_at_rest(void)
{
	Sluice__BuffersReply *b = ask_buffers();

	while (!b->consistent) {
		rpc_free(&b->base);
		b = ask_buffers();
	}
	return b;
}

/* Whether the port `in` has this address. */
static bool has_address(const char *address)
{
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;
	char name[] = "in";
	ProtobufCMessage *reply;
	bool has = false;

	request.name = name;
	cr_assert_eq(rpc_client_call(client, &sluice__read__descriptor, "Ports", &request.base, WAIT_MS,
	                     &reply, &error),
	        RPC_OK, "%s", error.message);
	for (size_t i = 0; i < ((Sluice__PortsReply *)reply)->ports[0]->n_addresses; i++)
		has |= !strcmp(((Sluice__PortsReply *)reply)->ports[0]->addresses[i], address);
	rpc_free(reply);
	return has;
}

Test(control, goes_on_from_what_a_predecessor_left)
{
	uint32_t epoch;

	cr_expect_eq(epoch_in_force(), 1);
	cr_expect(has_address("192.0.2.1/24"));
	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
	cr_expect_eq(epoch, 2);
	end();
	start();
	cr_expect_eq(epoch_in_force(), 2);
	cr_expect(has_address("192.0.3.1/24"));
	cr_assert_eq(apply_text(text_of(4), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
	cr_expect_eq(epoch, 3);
}

static Sluice__ConfigHistoryReply *ask_history(void)
{
	Sluice__ConfigHistoryRequest request = SLUICE__CONFIG_HISTORY_REQUEST__INIT;
	ProtobufCMessage *reply;

	cr_assert_eq(rpc_client_call(client, &sluice__read__descriptor, "ConfigHistory", &request.base,
	                     WAIT_MS, &reply, &error),
	        RPC_OK, "%s", error.message);
	return (Sluice__ConfigHistoryReply *)reply;
}

/* The newest change's outcome, and what is in force. */
static bool newest_is(uint32_t number, const char *outcome, uint32_t in_force)
{
	Sluice__ConfigHistoryReply *h = ask_history();
	bool is = h->n_changes && h->changes[0]->number == number &&
	          !strcmp(h->changes[0]->outcome, outcome) && h->in_force == in_force;

	rpc_free(&h->base);
	return is;
}

/* Begins to apply and does not wait. */
static void begin_apply(const char *text, uint32_t confirm_s)
{
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	char name[] = "new.yaml";

	request.name = name;
	request.text.data = (uint8_t *)text;
	request.text.len = strlen(text);
	request.deadline_ms = WAIT_MS;
	request.confirm_s = confirm_s;
	cr_assert_eq(
	        rpc_client_start(client, &sluice__admin__descriptor, "Apply", &request.base, WAIT_MS, &error),
	        RPC_OK);
}

/* A control that ends when an epoch is offered that nobody takes up. */
static void end_while_applying(const char *text, uint32_t confirm_s)
{
	uint32_t epoch = epoch_in_force();

	while (!appliance_epoch_retired(&whole.a, epoch - 1))
		poll(NULL, 0, 1);
	__atomic_store_n(&halted, 1, __ATOMIC_SEQ_CST);
	begin_apply(text, confirm_s);
	while (!__atomic_load_n(&appliance_control(&whole.a)->offered, __ATOMIC_SEQ_CST))
		poll(NULL, 0, 1);
	end();
	cr_expect_eq(
	        appliance_control(&whole.a)->epoch, epoch, "it is in force, and nobody has said that he can");
}

Test(control, goes_on_with_what_its_predecessor_had_offered_when_it_died)
{
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	end_while_applying(text_of(4), 0);
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
	start();
	while (!newest_is(2, "applied", 2))
		poll(NULL, 0, 1);
	cr_expect_eq(epoch_in_force(), 3);
	cr_expect(has_address("192.0.4.1/24"));
}

Test(control, undoes_what_its_predecessor_had_offered_where_no_stage_takes_it_up)
{
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	end_while_applying(text_of(4), 0);
	start();
	while (!newest_is(2, "undone", 1))
		poll(NULL, 0, 1);
	cr_expect_eq(epoch_in_force(), 2, "the one before it stays in force");
	cr_expect(has_address("192.0.3.1/24"));
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
	cr_assert_eq(apply_text(text_of(5), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
	cr_expect_eq(epoch, 5, "a number is used once, and a slot by one of two");
}

Test(control, says_that_what_its_predecessor_had_not_published_was_interrupted)
{
	static const char line[] = "{\"number\":2,\"event\":\"begun\",\"at\":\"2026-01-01T00:00:00.000Z\","
	                           "\"act\":\"apply\",\"base\":1,\"epoch\":3}\n";
	char path[128];
	uint32_t epoch;
	FILE *f;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	end();
	snprintf(path, sizeof path, "%s/history.jsonl", state_dir);
	f = fopen(path, "ae");
	cr_assert(f && fputs(line, f) >= 0 && !fclose(f));
	start();
	cr_expect(newest_is(2, "interrupted", 1));
	cr_expect_eq(epoch_in_force(), 2);
	cr_expect(has_address("192.0.3.1/24"));
	cr_assert_eq(apply_text(text_of(5), WAIT_MS, false, &epoch), RPC_OK);
	cr_expect(newest_is(3, "applied", 3));
}

Test(control, waits_for_the_confirmation_of_what_its_predecessor_had_published)
{
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	end_while_applying(text_of(4), 1);
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
	start();
	while (!newest_is(2, "unconfirmed", 1))
		poll(NULL, 0, 1);
	while (epoch_in_force() != 4)
		poll(NULL, 0, 1);
	cr_expect(has_address("192.0.3.1/24"));
}

/* A FIB for it is larger than what the appliance was started with. */
Test(control, says_what_a_configuration_lacks_that_does_not_fit)
{
	char text[1024];
	uint32_t epoch;

	snprintf(text, sizeof text, "%sdynamic_routes: {limit: 1900000, netlink: {}}\n", text_of(3));
	cr_expect_eq(apply_text(text, 0, false, &epoch), RPC_RESOURCE_EXHAUSTED);
	cr_expect(strstr(error.message, "its routes take") && strstr(error.message, "start it anew"), "%s",
	        error.message);
	cr_expect_eq(epoch_in_force(), 1);
}

/* Nothing is done that cannot be written down first. */
Test(control, refuses_changes_where_its_state_folder_cannot_be_used)
{
	uint32_t epoch;
	Sluice__StatusReply *s;

	end();
	snprintf(state_dir, sizeof state_dir, "/proc/none");
	start();
	cr_expect_eq(apply_text(text_of(3), 0, false, &epoch), RPC_RESOURCE_EXHAUSTED);
	cr_expect(strstr(error.message, "cannot be written down"), "%s", error.message);
	cr_expect_eq(epoch_in_force(), 1);
	s = ask_status();
	cr_expect(strstr(s->problem, "/proc/none cannot be used"), "%s", s->problem);
	rpc_free(&s->base);
}

/* From now on no file grows, or as before. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = MIN(bytes, limit.rlim_max);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(control, a_rollback_that_cannot_be_written_down_comes_by_itself_all_the_same)
{
	Sluice__RollbackRequest request = SLUICE__ROLLBACK_REQUEST__INIT;
	ProtobufCMessage *reply;
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	begin_apply(text_of(4), 3);
	while (!newest_is(2, "applied", 2) && epoch_in_force() != 4)
		poll(NULL, 0, 1);
	limit_files(0);
	cr_expect_neq(rpc_client_call(client, &sluice__admin__descriptor, "Rollback", &request.base, WAIT_MS,
	                      &reply, &error),
	        RPC_OK);
	limit_files(RLIM_INFINITY);
	while (epoch_in_force() != 4)
		poll(NULL, 0, 1);
	cr_expect(has_address("192.0.3.1/24"));
}

static bool has_problem(void)
{
	Sluice__StatusReply *s = ask_status();
	bool has = *s->problem;

	rpc_free(&s->base);
	return has;
}

Test(control, what_nobody_confirmed_is_rolled_back_though_the_disk_is_full)
{
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	begin_apply(text_of(4), 2);
	while (!newest_is(2, "applied", 2) && !newest_is(2, "unconfirmed", 1))
		poll(NULL, 0, 1);
	limit_files(0);
	if (newest_is(2, "unconfirmed", 1))
		cr_skip_test("the machine stood still for as long as it waits");
	while (!has_address("192.0.3.1/24"))
		poll(NULL, 0, 1);
	cr_expect(newest_is(2, "applied", 2), "it was written down");
	cr_expect(has_problem());
	limit_files(RLIM_INFINITY);
	while (!newest_is(2, "unconfirmed", 1))
		poll(NULL, 0, 1);
	cr_expect_not(has_problem());
	cr_expect(has_address("192.0.3.1/24"));
}

Test(control, releases_an_ingest_that_a_predecessor_held)
{
	end();
	appliance_control(&whole.a)->hold = 1;
	start();
	cr_expect_eq(__atomic_load_n(&appliance_control(&whole.a)->hold, __ATOMIC_SEQ_CST), 0);
}

Test(control, refuses_errors_with_their_places_and_changes_nothing)
{
	const Sluice__ApplyReply *reply;
	uint32_t epoch;

	cr_assert_eq(
	        apply_text("ports:\n  in: {driver: pcap, mtu: 7}\n", 0, false, &epoch), RPC_INVALID_ARGUMENT);
	reply = (const void *)error.body;
	cr_assert(reply && reply->n_errors == 1);
	cr_expect_str_eq(reply->errors[0]->file, "new.yaml");
	cr_expect_eq(reply->errors[0]->line, 2);
	cr_expect_eq(reply->errors[0]->column, 27);
	rpc_error_free(&error);
	cr_expect_eq(epoch_in_force(), 1);
}

Test(control, refuses_an_empty_text)
{
	uint32_t epoch;

	cr_expect_eq(apply_text("", WAIT_MS, false, &epoch), RPC_INVALID_ARGUMENT);
	rpc_error_free(&error);
	cr_expect_eq(epoch_in_force(), 1);
}

Test(control, refuses_what_cannot_change_while_it_runs)
{
	uint32_t epoch;

	cr_expect_eq(apply_text("appliance: {lanes: 1, buffers: 2048, ring_slots: 512}\nports: {in: {driver: "
	                        "pcap}}\n",
	                     0, false, &epoch),
	        RPC_FAILED_PRECONDITION, "%s", error.message);
	cr_expect(strstr(error.message, "appliance.buffers"));
	cr_expect_eq(epoch_in_force(), 1);
}

Test(control, checks_without_changing)
{
	uint32_t epoch;

	cr_expect_eq(apply_text(text_of(3), 0, true, &epoch), RPC_OK);
	cr_expect_eq(epoch, 1);
	cr_expect(has_address("192.0.2.1/24"));
}

Test(control, applies_again_and_again_under_traffic)
{
	uint32_t epoch;

	__atomic_store_n(&pushing, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 2; i <= 12; i++) {
		cr_assert_eq(
		        apply_text(text_of(i), WAIT_MS, false, &epoch), RPC_OK, "%u: %s", i, error.message);
		cr_expect_eq(epoch, i);
	}
	__atomic_store_n(&pushing, 0, __ATOMIC_SEQ_CST);
}

/* Epoch 3 is not taken up by stages that stand still; when they go on, the configuration of epoch 2 is in
 * force again, as epoch 4. */
Test(control, keeps_the_old_one_where_a_living_stage_does_not_take_the_new_one_up)
{
	uint32_t epoch;

	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK);
	while (!appliance_epoch_retired(&whole.a, 1))
		poll(NULL, 0, 1);
	__atomic_store_n(&halted, 1, __ATOMIC_SEQ_CST);
	cr_expect_eq(apply_text(text_of(4), 50, false, &epoch), RPC_ABORTED);
	cr_expect(strstr(error.message, "router"), "%s", error.message);
	cr_expect_eq(apply_text(text_of(5), 50, false, &epoch), RPC_ABORTED);
	cr_expect_eq(epoch_in_force(), 2);
	cr_expect(appliance_epoch_retired(&whole.a, 1));
	cr_expect(has_address("192.0.3.1/24"));
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
	cr_assert_eq(apply_text(text_of(5), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
	cr_expect_eq(epoch_in_force(), epoch);
	cr_expect(has_address("192.0.5.1/24"));
}

Test(control, counts_every_buffer_while_packets_come)
{
	__atomic_store_n(&pushing, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < 20; i++) {
		Sluice__BuffersReply *b = ask_buffers_at_rest();

		cr_expect_eq(b->lost + b->twice, 0, "%u lost, %u twice", b->lost, b->twice);
		cr_expect_eq(b->free + b->spare + b->ring + b->held[0]->buffers + b->held[2]->buffers, 1024);
		cr_expect(b->account->balanced);
		rpc_free(&b->base);
	}
	__atomic_store_n(&pushing, 0, __ATOMIC_SEQ_CST);
	cr_expect_eq(__atomic_load_n(&appliance_control(&whole.a)->hold, __ATOMIC_SEQ_CST), 0);
}

Test(control, finds_a_buffer_that_is_lost_and_one_that_is_there_twice)
{
	const struct worker_plan *w = &whole.a.plan.worker[0];
	uint32_t *stack = (uint32_t *)((uint8_t *)whole.a.map[REGION_STATE + STAGE_INGEST] + w->stack_off);
	Sluice__BuffersReply *b;
	uint32_t was = stack[0];

	stack[0] = stack[1];
	b = ask_buffers_at_rest();
	cr_expect_eq(b->lost, 1);
	cr_expect_eq(b->first_lost, was);
	cr_expect_eq(b->twice, 1);
	cr_expect_eq(b->first_twice, stack[1]);
	rpc_free(&b->base);
	stack[0] = was;
}

Test(control, says_so_where_workers_do_not_answer)
{
	Sluice__BuffersReply *b;

	__atomic_store_n(&halted, 1, __ATOMIC_SEQ_CST);
	b = ask_buffers();
	cr_expect_not(b->consistent);
	rpc_free(&b->base);
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
}

Test(control, counters_are_all_points_of_the_registry)
{
	const struct metrics shape = {.n_lanes = 1, .n_ports = 2};
	Sluice__CountersRequest request = SLUICE__COUNTERS_REQUEST__INIT;
	ProtobufCMessage *reply;
	size_t n = 0;

	request.zeros = true;
	for (uint32_t f = 0; f < metrics_families(); f++)
		n += metric_points(metrics_family(f), &shape);
	cr_assert_eq(rpc_client_call(client, &sluice__read__descriptor, "Counters", &request.base, WAIT_MS,
	                     &reply, &error),
	        RPC_OK, "%s", error.message);
	cr_expect_eq(((Sluice__CountersReply *)reply)->n_counters, n);
	rpc_free(reply);
}

/* Into `text`; "" while it is not there yet. */
static void read_proc(enum metric_file file, char *text, size_t size)
{
	char path[128];
	size_t n = 0;
	FILE *from;

	snprintf(path, sizeof path, "%s/proc/net/%s", dir, metrics_proc_name(file));
	from = fopen(path, "re");
	if (from) {
		n = fread(text, 1, size - 1, from);
		fclose(from);
	}
	text[n] = 0;
}

Test(control, writes_files_as_a_kernel_has_them)
{
	static char text[65536];

	for (uint32_t f = 0; f < METRIC_FILES; f++) {
		do {
			poll(NULL, 0, 1);
			read_proc((enum metric_file)f, text, sizeof text);
		} while (!*text);
		cr_expect_eq(text[strlen(text) - 1], '\n', "%s is not whole",
		        metrics_proc_name((enum metric_file)f));
	}
}

Test(control, ports_that_are_not_there_are_said)
{
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;
	char name[] = "nowhere";
	ProtobufCMessage *reply;

	request.name = name;
	cr_expect_eq(rpc_client_call(client, &sluice__read__descriptor, "Ports", &request.base, WAIT_MS,
	                     &reply, &error),
	        RPC_NOT_FOUND);
	cr_expect(strstr(error.message, "nowhere"));
}

static Sluice__HealthReply *ask_health(const char *process)
{
	Sluice__HealthRequest request = SLUICE__HEALTH_REQUEST__INIT;
	ProtobufCMessage *reply;

	request.process = (char *)process;
	(void)rpc_client_call(
	        client, &sluice__health__descriptor, "Check", &request.base, WAIT_MS, &reply, &error);
	return (Sluice__HealthReply *)reply;
}

Test(control, health_is_told_of_all_and_of_one)
{
	Sluice__HealthReply *all = ask_health(""), *one = ask_health("router");

	cr_assert(all && one);
	cr_expect_str_eq(all->status, "SERVING");
	cr_expect_eq(all->n_processes, ROLE_COUNT);
	cr_expect_str_eq(one->status, "SERVING");
	cr_assert_eq(one->n_processes, 1);
	cr_expect_str_eq(one->processes[0]->name, "router");
	cr_expect_null(ask_health("bridge"));
	cr_expect_eq(error.status, RPC_NOT_FOUND);
	rpc_free(&all->base);
	rpc_free(&one->base);
}

/* The next piece of a stream of health; its status. */
static void expect_health(struct rpc_client *watch, const char *status)
{
	ProtobufCMessage *piece;
	enum rpc_status s;

	do
		s = rpc_client_next(watch, 1000, &piece, &error);
	while (s == RPC_QUIET);
	cr_assert_eq(s, RPC_MORE, "%s", error.message);
	cr_expect_str_eq(((Sluice__HealthReply *)piece)->status, status);
	rpc_free(piece);
}

Test(control, who_watches_health_is_told_each_change)
{
	Sluice__HealthRequest request = SLUICE__HEALTH_REQUEST__INIT;
	struct worker_status *router = appliance_status(
	        &whole.a, plan_worker_id(&whole.a.plan, STAGE_ROUTER, 0));
	struct rpc_client *watch;
	char endpoint[128];

	snprintf(endpoint, sizeof endpoint, "ipc://%s/read.sock", dir);
	cr_assert_eq(rpc_client_open(&watch, endpoint), 0);
	cr_assert_eq(rpc_client_start(watch, &sluice__health__descriptor, "Watch", &request.base, 0, &error),
	        RPC_OK);
	expect_health(watch, "SERVING");
	__atomic_store_n(&halted, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&router->adopted, 0, __ATOMIC_SEQ_CST);
	expect_health(watch, "NOT_SERVING");
	__atomic_store_n(&router->adopted, 1, __ATOMIC_SEQ_CST);
	expect_health(watch, "SERVING");
	__atomic_store_n(&halted, 0, __ATOMIC_SEQ_CST);
	rpc_client_close(watch);
}

/* The next event of a stream that is of this kind; its name and what, apart by a space. */
static const char *next_event(struct rpc_client *stream, const char *kind)
{
	static char text[128];
	ProtobufCMessage *piece;
	enum rpc_status s;

	text[0] = 0;
	do {
		s = rpc_client_next(stream, 1000, &piece, &error);
		for (size_t i = 0; s == RPC_MORE && !*text && i < ((Sluice__EventsPiece *)piece)->n_events;
		        i++) {
			const Sluice__Event *e = ((Sluice__EventsPiece *)piece)->events[i];

			if (!strcmp(e->kind, kind))
				snprintf(text, sizeof text, "%s %s", e->name, e->what);
		}
		if (s == RPC_MORE)
			rpc_free(piece);
	} while (s == RPC_QUIET || (s == RPC_MORE && !*text));
	cr_assert_eq(s, RPC_MORE, "%s", error.message);
	return text;
}

static struct rpc_client *reader_client(void)
{
	struct rpc_client *made;
	char endpoint[128];

	snprintf(endpoint, sizeof endpoint, "ipc://%s/read.sock", dir);
	cr_assert_eq(rpc_client_open(&made, endpoint), 0);
	return made;
}

/* Begins to watch, and waits for the piece that says so, which has no events. */
static void watch_events(struct rpc_client *stream, const Sluice__EventsRequest *request)
{
	ProtobufCMessage *piece;
	enum rpc_status s;

	cr_assert_eq(
	        rpc_client_start(stream, &sluice__monitor__descriptor, "Events", &request->base, 0, &error),
	        RPC_OK);
	while ((s = rpc_client_next(stream, 1000, &piece, &error)) == RPC_QUIET)
		;
	cr_assert_eq(s, RPC_MORE, "%s", error.message);
	cr_expect_eq(((Sluice__EventsPiece *)piece)->n_events, 0, "what was there is no event");
	rpc_free(piece);
}

Test(control, events_are_told_to_who_asked_for_their_kind)
{
	Sluice__EventsRequest request = SLUICE__EVENTS_REQUEST__INIT;
	char config[] = "config", ports[] = "ports", *kinds[] = {config, ports};
	struct rpc_client *stream = reader_client();
	ProtobufCMessage *piece;
	uint32_t epoch;

	request.kinds = kinds;
	request.n_kinds = 1;
	watch_events(stream, &request);
	cr_assert_eq(apply_text(text_of(3), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
	cr_expect_str_eq(next_event(stream, "config"), "1 begun");
	rpc_client_cancel(stream);
	request.n_kinds = 2;
	cr_assert_eq(
	        rpc_client_start(stream, &sluice__monitor__descriptor, "Events", &request.base, 0, &error),
	        RPC_OK);
	cr_expect_eq(rpc_client_next(stream, WAIT_MS, &piece, &error), RPC_INVALID_ARGUMENT);
	cr_expect(strstr(error.message, "no events of 'ports'"), "%s", error.message);
	rpc_client_close(stream);
}

/* It asks before the next look, mostly. */
Test(control, what_happened_before_is_no_event_of_who_comes_to_watch_too)
{
	Sluice__EventsRequest request = SLUICE__EVENTS_REQUEST__INIT;
	struct rpc_client *first = reader_client(), *second = reader_client();
	uint32_t epoch;

	watch_events(first, &request);
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert_eq(apply_text(text_of(3 + i), WAIT_MS, false, &epoch), RPC_OK, "%s", error.message);
		watch_events(second, &request);
		rpc_client_cancel(second);
	}
	cr_expect_str_eq(next_event(first, "config"), "1 begun");
	rpc_client_close(first);
	rpc_client_close(second);
}
