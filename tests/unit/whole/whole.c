#include "tests/unit/whole/whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/router/router.h"
#include "services/session/session.h"

#define GUARD_BYTES (UINT64_C(1) << 20)
#define ROUNDS_MAX  10000u

static struct whole *all[2];

/* Whose ingest this is, and of which lane. */
static struct whole *whole_of(const void *worker, uint32_t *lane)
{
	for (uint32_t k = 0; k < ARRAY_LEN(all); k++)
		for (*lane = 0; all[k] && *lane < all[k]->a.plan.params.lanes; ++*lane)
			if (all[k]->w[*lane] && all[k]->w[*lane]->stage == worker)
				return all[k];
	abort();
}

static void enter(struct whole *was, struct whole *is)
{
	uint32_t k = 0;

	while (k < ARRAY_LEN(all) && all[k] != was)
		k++;
	if (k == ARRAY_LEN(all))
		abort();
	all[k] = is;
}

static uint32_t port_ready(
        void *worker, const struct epoch *epoch, nanos_t now, uint32_t max, struct port_id *port)
{
	uint32_t lane, n = 0, left;
	const struct whole *whole = whole_of(worker, &lane);
	const struct whole_frame *f = &whole->frame[whole->taken];

	(void)epoch, (void)now;
	left = whole->n - whole->taken;
	while (n < MIN(max, left) && f[n].lane == lane && f[n].port == f->port)
		n++;
	if (n)
		*port = (struct port_id){f->port};
	return n;
}

static void port_rx(
        void *worker, const struct epoch *epoch, nanos_t now, struct port_id port, struct burst *b)
{
	uint32_t lane;
	struct whole *whole = whole_of(worker, &lane);

	(void)epoch, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct whole_frame *f = &whole->frame[whole->taken++];

		b->pkt[i].port = port;
		b->pkt[i].total_len = f->len;
		if (f->len > pool_frame_max(b->pool))
			continue;
		memcpy(b->frame[i], f->bytes, f->len);
		b->pkt[i].len = f->len;
	}
}

static nanos_t port_next(const void *worker)
{
	uint32_t lane;
	const struct whole *whole = whole_of(worker, &lane);

	return whole->taken < whole->n && whole->frame[whole->taken].lane == lane ? 0 : NANOS_NEVER;
}

static void ingest_burst(void *worker, const struct epoch *epoch, nanos_t now, struct burst *b)
{
	uint32_t lane;
	const struct whole *whole = whole_of(worker, &lane);

	ingest_stage.burst(worker, epoch, now, b);
	for (uint32_t i = 0; whole->sent && b->input == INPUT_TX && i < b->n; i++)
		if (b->verdict[i].kind == VERDICT_SENT)
			whole->sent(whole->context, &b->pkt[i], b->frame[i]);
}

static const struct stage_ops *const *stages(void)
{
	static struct stage_ops ingest;
	static const struct stage_ops *ops[STAGE_COUNT];

	ingest = ingest_stage;
	ingest.burst = ingest_burst;
	ingest.port_ready = port_ready;
	ingest.port_rx = port_rx;
	ingest.port_next = port_next;
	ops[STAGE_INGEST] = &ingest;
	ops[STAGE_FILTER] = &filter_stage;
	ops[STAGE_ROUTER] = &router_stage;
	ops[STAGE_SESSION] = &session_stage;
	return ops;
}

static int parse(const char *text, struct config **config)
{
	struct config_errors errors = {0};
	int err = config_parse("whole", text, strlen(text), config, &errors);

	if (err)
		config_errors_print(stderr, &errors);
	config_errors_free(&errors);
	return err;
}

/* Each region between two that nobody may touch, so that no access beside it goes unseen. */
static void fence(struct appliance *a)
{
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		uint64_t bytes = ALIGN_UP(a->bytes[r], UINT64_C(4096));
		uint8_t *room = mmap(NULL, bytes + 2 * GUARD_BYTES, PROT_NONE,
		        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (room == MAP_FAILED || munmap(a->map[r], a->bytes[r]))
			abort();
		a->map[r] = mmap(room + GUARD_BYTES, a->bytes[r], PROT_READ | PROT_WRITE,
		        MAP_SHARED | MAP_FIXED, a->fd[r], 0);
		if (a->map[r] == MAP_FAILED)
			abort();
	}
}

static void unfence(struct appliance *a)
{
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		munmap((uint8_t *)a->map[r] - GUARD_BYTES,
		        ALIGN_UP(a->bytes[r], UINT64_C(4096)) + 2 * GUARD_BYTES);
		a->map[r] = NULL;
	}
}

static void make_appliance(struct whole *whole, const struct config *config)
{
	struct appliance *a = &whole->a;
	struct stage_params params;
	uint64_t epoch_bytes, fib_bytes;

	config_params(config, &params);
	params.hash_key = 7;
	if (publish_sizes(config, &epoch_bytes, &fib_bytes) ||
	        appliance_create(a, &params, stages(), epoch_bytes, fib_bytes, false) ||
	        appliance_map(a, APPLIANCE_CONTROL | 0xf))
		abort();
	fence(a);
	if (pool_view(&a->pool, a->map[REGION_POOL], params.buffers, params.stride, params.lanes))
		abort();
	appliance_control(a)->clock_shared = 1;
	appliance_control(a)->clock = whole->now;
	publisher_init(&whole->publisher, a);
}

void whole_setup(struct whole *whole, const char *text)
{
	struct config *config;

	memset(whole, 0, sizeof *whole);
	enter(NULL, whole);
	whole->now = NANOS_PER_SEC;
	if (parse(text, &config))
		abort();
	make_appliance(whole, config);
	if (publish_config(&whole->publisher, config))
		abort();
	config_free(config);
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++) {
		whole->w[id] = calloc(1, sizeof *whole->w[id]);
		if (!whole->w[id] || worker_start(whole->w[id], &whole->a, id))
			abort();
	}
}

void whole_teardown(struct whole *whole)
{
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++) {
		worker_stop(whole->w[id]);
		free(whole->w[id]);
	}
	publisher_end(&whole->publisher);
	unfence(&whole->a);
	appliance_destroy(&whole->a);
	enter(whole, NULL);
}

int whole_offer(struct whole *whole, const char *text)
{
	struct config *config;
	int err = parse(text, &config);

	if (err)
		return err;
	do
		err = publish_make(&whole->publisher, config);
	while (err == -EAGAIN);
	config_free(config);
	if (!err)
		publish_offer(&whole->publisher);
	return err;
}

int whole_publish(struct whole *whole, const char *text)
{
	int err = whole_offer(whole, text);

	if (!err)
		publish_in_force(&whole->publisher);
	return err;
}

bool whole_push(struct whole *whole, uint32_t port, uint32_t lane, const void *bytes, uint32_t len)
{
	if (whole->taken == whole->n)
		whole->taken = whole->n = 0;
	if (whole->n == WHOLE_FRAMES)
		return false;
	whole->frame[whole->n++] = (struct whole_frame){
	        .bytes = bytes,
	        .len = (uint16_t)len,
	        .port = (uint8_t)port,
	        .lane = (uint8_t)(lane % whole->a.plan.params.lanes),
	};
	return true;
}

bool whole_step(struct whole *whole, enum stage_id stage, uint32_t lane)
{
	return worker_step(whole->w[plan_worker_id(&whole->a.plan, stage, lane)], whole->now);
}

bool whole_round(struct whole *whole)
{
	bool did = false;

	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		did |= worker_step(whole->w[id], whole->now);
	return did;
}

bool whole_settle(struct whole *whole)
{
	for (uint32_t k = 0; k < ROUNDS_MAX; k++)
		if (!whole_round(whole))
			return true;
	return false;
}

bool whole_advance(struct whole *whole, nanos_t until, uint32_t steps)
{
	while (whole_settle(whole)) {
		nanos_t next = NANOS_NEVER;

		for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
			next = MIN(next, worker_next_timer(whole->w[id]));
		if (!steps-- || next > until)
			return true;
		whole->now = MAX(next, whole->now + 1);
		appliance_control(&whole->a)->clock = whole->now;
	}
	return false;
}

static const char *judge_account(const struct whole *whole)
{
	static struct account account;
	static char text[160];

	account_read(&account, &whole->a);
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		if (account.worker[id].balance) {
			snprintf(text, sizeof text, "%s lane %u is off by %" PRId64, whole->w[id]->ops->name,
			        whole->w[id]->plan->lane, account.worker[id].balance);
			return text;
		}
	if (account.rings_off)
		return "a ring's law does not hold";
	if (account.in_rings)
		return "packets stand in a ring and nobody takes them";
	return account.appliance.balance ? "the appliance is off" : NULL;
}

static const char *judge_buffers(const struct whole *whole)
{
	static char text[160];
	const void *stage[WORKERS_MAX] = {0};
	struct account_buffers b;

	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		stage[id] = whole->w[id]->stage;
	if (account_count_buffers(&b, &whole->a, stage))
		abort();
	if (!b.lost && !b.twice)
		return NULL;
	snprintf(text, sizeof text, "%u buffers lost (%u), %u with two owners (%u)", b.lost, b.first_lost,
	        b.twice, b.first_twice);
	return text;
}

const char *whole_judge(const struct whole *whole)
{
	const char *wrong = judge_account(whole);

	if (!wrong)
		wrong = judge_buffers(whole);
	for (uint32_t id = 0; !wrong && id < whole->a.plan.n_workers; id++)
		if (whole->w[id]->ops->check)
			wrong = whole->w[id]->ops->check(whole->w[id]->stage);
	return wrong;
}

uint64_t whole_dropped(const struct whole *whole, enum stage_id stage, enum drop_reason reason)
{
	static struct account account;

	account_read(&account, &whole->a);
	return account.stage[stage].by_reason[reason];
}
