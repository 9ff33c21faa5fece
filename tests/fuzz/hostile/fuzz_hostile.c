/* A hostile stage beside honest ones: it writes what it likes, when it likes, into all that it may write,
 * which is the pool and its own public region.  The others may lose packets and buffers, but they do not
 * crash, do not read outside their regions (which lie between pages that nobody may touch), come to rest, and
 * their own accounts balance.
 *
 * Input: one byte says which stage is hostile (2 bits), whether there are two lanes, and whether a thread
 * writes on while the others run; then commands of one byte and what belongs to it:
 *
 *     0 FRAMES     how many (1), frames as world_push takes them
 *     1 STEP       one round of each honest worker
 *     2 TIME       a byte: the clock goes on by as many 20 ms
 *     3 POOL       buffer (2), offset (2), length (1), bytes
 *     4 SLOT       ring (1), slot (2), a descriptor (8): behind what is published
 *     5 PUBLISH    ring (1), how many words more (1)
 *     6 INDEX      ring (1), an index (4): prod or cons as it stands
 *     7 REGION     offset (3), length (1), bytes: anywhere in the public region
 *     8 STATUS     worker (1), offset (1), 4 bytes
 *     9 HANDS_ON   ring (1), ring (1), n (1): takes words from one ring to another, as they are or twice
 *    10 HONEST     one round of all, the hostile stage's own code among them, while its journal is whole
 *    11 REPEAT     ring (1), how far back (1), n (1): words that it has published, published again
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/whole/world.h"

#define ROUNDS_MAX 20000u

static struct whole wholes[2], *whole;
static enum stage_id hostile;

/* What it may write. */
struct evil {
	struct ring_producer_half *prod[PLAN_RINGS_MAX];
	struct ring_consumer_half *cons[PLAN_RINGS_MAX];
	struct ring_plan ring[PLAN_RINGS_MAX];
	uint32_t n_rings;
	uint64_t *lines; /* for the thread: its region */
	uint64_t n_lines;
	bool begun; /* its journal is spoilt: its own code cannot run any more */
};

static struct evil evil;

/* The input, read from the front. */
struct script {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct script *s, uint32_t bytes)
{
	uint64_t v = 0;

	for (uint32_t k = 0; k < bytes && s->left; k++, s->left--)
		v |= (uint64_t)*s->at++ << 8 * k;
	return v;
}

static bool is_hostile(uint32_t worker)
{
	return whole->a.plan.worker[worker].stage == hostile;
}

static void find_rings(void)
{
	const struct plan *plan = &whole->a.plan;

	evil = (struct evil){
	        .lines = whole->a.map[REGION_PUBLIC + hostile],
	        .n_lines = plan->public_bytes[hostile] / sizeof(uint64_t),
	};
	for (uint32_t k = 0; k < plan->n_rings; k++) {
		const struct ring_plan *r = &plan->ring[k];

		if (!is_hostile(r->from) && !is_hostile(r->to))
			continue;
		evil.ring[evil.n_rings] = *r;
		evil.prod[evil.n_rings] = appliance_public(&whole->a, r->from, r->prod_off);
		evil.cons[evil.n_rings++] = appliance_public(&whole->a, r->to, r->cons_off);
	}
}

/* One round of the others. */
static bool honest_round(void)
{
	bool did = false;

	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		if (!is_hostile(id))
			did |= worker_step(whole->w[id], whole->now);
	return did;
}

static void write_bytes(struct script *s, uint8_t *to, uint64_t room)
{
	uint64_t n = MIN(take(s, 1), MIN((uint64_t)s->left, room));

	memcpy(to, s->at, n);
	s->at += n;
	s->left -= n;
}

static void write_pool(struct script *s)
{
	const struct pool *pool = &whole->a.pool;
	uint32_t i = (uint32_t)take(s, 2) % pool->count, off = (uint32_t)take(s, 2) % pool->stride;

	write_bytes(s, pool_buffer(pool, (struct pkt_index){i}) + off, pool->stride - off);
}

static void write_region(struct script *s)
{
	uint64_t bytes = evil.n_lines * sizeof(uint64_t), off = take(s, 3) % bytes;

	evil.begun = true;
	write_bytes(s, (uint8_t *)evil.lines + off, bytes - off);
}

static void write_slot(struct script *s, uint32_t r)
{
	uint32_t slot = (uint32_t)take(s, 2);
	uint64_t word = take(s, 8);

	if (!is_hostile(evil.ring[r].from))
		return;
	__atomic_store_n(&evil.prod[r]->slots[(evil.prod[r]->prod + slot) & (evil.ring[r].slots - 1)], word,
	        __ATOMIC_RELAXED);
}

static void move_index(uint32_t r, uint32_t index, bool relative)
{
	uint32_t *at = is_hostile(evil.ring[r].from) ? &evil.prod[r]->prod : &evil.cons[r]->cons;

	__atomic_store_n(at, relative ? *at + index : index, __ATOMIC_RELEASE);
}

static void write_status(struct script *s)
{
	uint32_t lane = (uint32_t)take(s, 1) % whole->a.plan.params.lanes, off = (uint32_t)take(s, 1) % 61;
	uint32_t v = (uint32_t)take(s, 4);
	struct worker_status *status = appliance_status(
	        &whole->a, plan_worker_id(&whole->a.plan, hostile, lane));

	memcpy((uint8_t *)status + off, &v, sizeof v);
}

/* Words that honest stages gave it go on to somebody else, the top bit of `n`: each twice. */
static void hand_on(uint32_t from, uint32_t to, uint32_t n)
{
	uint32_t times = 1 + (n >> 7), k, at = evil.cons[from]->cons;

	if (is_hostile(evil.ring[from].from) || !is_hostile(evil.ring[to].from))
		return;
	for (k = 0; k < (n & 0x7f) && at + k != evil.prod[from]->prod; k++)
		for (uint32_t t = 0; t < times; t++)
			evil.prod[to]
			        ->slots[(evil.prod[to]->prod + k * times + t) & (evil.ring[to].slots - 1)] =
			        evil.prod[from]->slots[(at + k) & (evil.ring[from].slots - 1)];
	move_index(to, k * times, true);
	move_index(from, k, true);
}

static void repeat(struct script *s, uint32_t r)
{
	uint32_t back = (uint32_t)take(s, 1), n = (uint32_t)take(s, 1) & 0x3f, mask = evil.ring[r].slots - 1,
	         at = evil.prod[r]->prod;

	if (!is_hostile(evil.ring[r].from))
		return;
	for (uint32_t k = 0; k < n; k++)
		evil.prod[r]->slots[(at + k) & mask] = evil.prod[r]->slots[(at + k - back - 1) & mask];
	move_index(r, n, true);
}

static void command(struct script *s)
{
	uint32_t what = (uint32_t)take(s, 1) % 12, r = 0, to, n;
	size_t used;

	if (what == 4 || what == 5 || what == 6 || what == 9 || what == 11)
		r = (uint32_t)take(s, 1) % evil.n_rings;
	switch (what) {
	case 0:
		n = (uint32_t)take(s, 1) & 31;
		used = world_push(whole, s->at, s->left, n);
		s->at += used;
		s->left -= used;
		break;
	case 1: honest_round(); break;
	case 2: whole->now += take(s, 1) * 20 * NANOS_PER_MS; break;
	case 3: write_pool(s); break;
	case 4: write_slot(s, r); break;
	case 5: move_index(r, (uint32_t)take(s, 1), true); break;
	case 6: move_index(r, (uint32_t)take(s, 4), false); break;
	case 7: write_region(s); break;
	case 8: write_status(s); break;
	case 9:
		to = (uint32_t)take(s, 1) % evil.n_rings;
		hand_on(r, to, (uint32_t)take(s, 1));
		break;
	case 10:
		if (!evil.begun)
			whole_round(whole);
		break;
	case 11: repeat(s, r); break;
	}
}

/* The thread: it writes over buffers and its own region, in no order, until it is told to stop. */
struct scribbler {
	pthread_t thread;
	uint64_t seed;
	bool stop;
};

static void scribble_ring(uint64_t *seed)
{
	uint32_t r = (uint32_t)(random_next(seed) % evil.n_rings);
	uint64_t x = random_next(seed);
	struct desc d = {.index = {(uint32_t)x % (whole->a.pool.count + (x & 63 ? 0 : 9))},
	        .epoch = x >> 32 & 31 ? 1 : 2,
	        .flags = x >> 40 & 7 ? 0 : DESC_MORE};

	if (!is_hostile(evil.ring[r].from)) {
		if (evil.cons[r]->cons != evil.prod[r]->prod)
			move_index(r, 1, true);
		return;
	}
	__atomic_store_n(&evil.prod[r]->slots[evil.prod[r]->prod & (evil.ring[r].slots - 1)], desc_pack(d),
	        __ATOMIC_RELAXED);
	if (evil.prod[r]->prod - evil.cons[r]->cons < evil.ring[r].slots)
		move_index(r, 1, true);
}

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	const struct pool *pool = &whole->a.pool;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		uint64_t x = random_next(&s->seed);
		uint8_t *buffer = pool_buffer(pool, (struct pkt_index){(uint32_t)x % 64 % pool->count});
		/* Mostly what decides: the metadata, and the headers. */
		uint32_t off = x >> 20 & 1 ? (uint32_t)(x >> 32) % CACHE_LINE
		                           : PKT_FRAME_OFF + (uint32_t)(x >> 32) % 80;

		buffer[off] ^= (uint8_t)(x >> 56);
		if (x >> 21 & 1)
			scribble_ring(&s->seed);
		if ((x >> 22 & 0xfff) == 0)
			__atomic_store_n(&evil.lines[random_next(&s->seed) % evil.n_lines],
			        random_next(&s->seed), __ATOMIC_RELAXED);
	}
	return NULL;
}

static void fail(const char *what, const char *who)
{
	fprintf(stderr, "with a hostile %s: %s %s\n", whole->a.ops[hostile]->name, who, what);
	abort();
}

/* What it holds, counted one by one, is what its record says. */
static void judge_held(const struct account *account)
{
	static struct pkt_index index[1 << 16];

	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++) {
		const struct worker *w = whole->w[id];
		uint32_t packets = 0, n;

		if (is_hostile(id) || !w->ops->held)
			continue;
		n = w->ops->held(w->stage, index, &packets);
		if (n != account->worker[id].held_buffers || packets != account->worker[id].held)
			fail("holds what its record does not say", w->ops->name);
		for (uint32_t k = 0; k < n; k++)
			if (!pool_has(&whole->a.pool, index[k]))
				fail("holds a buffer that does not exist", w->ops->name);
	}
}

/* The accounts of the honest alone; what the hostile one says of itself is its own business. */
static void judge(void)
{
	static struct account account;
	const void *stage[WORKERS_MAX] = {0};
	struct account_buffers buffers;

	account_read(&account, &whole->a);
	if (account_count_buffers(&buffers, &whole->a, stage))
		fail("memory", "no");
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++) {
		const struct worker *w = whole->w[id];
		const char *wrong = is_hostile(id) || !w->ops->check ? NULL : w->ops->check(w->stage);

		if (!is_hostile(id) && account.worker[id].balance)
			fail("does not balance", w->ops->name);
		if (wrong)
			fail(wrong, w->ops->name);
	}
	judge_held(&account);
}

/* Everything as it was made, for the next input. */
static uint8_t *image[2][REGION_COUNT];

static bool restored(uint32_t region)
{
	return region == REGION_POOL || region >= REGION_PUBLIC;
}

static void make(uint32_t k)
{
	whole_setup(whole, world_config(k + 1));
	if (!whole_advance(whole, whole->now + 10 * NANOS_PER_SEC, 1000))
		abort();
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		if (!restored(r))
			continue;
		image[k][r] = malloc(whole->a.bytes[r]);
		memcpy(image[k][r], whole->a.map[r], whole->a.bytes[r]);
	}
}

static void renew(uint32_t k)
{
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		worker_stop(whole->w[id]);
	for (uint32_t r = 0; r < REGION_COUNT; r++)
		if (restored(r))
			memcpy(whole->a.map[r], image[k][r], whole->a.bytes[r]);
	for (uint32_t id = 0; id < whole->a.plan.n_workers; id++)
		if (worker_start(whole->w[id], &whole->a, id))
			abort();
	whole->n = whole->taken = 0;
	if (!whole_settle(whole))
		abort();
}

static void play(struct script *s, bool threaded)
{
	struct scribbler scribbler = {.seed = s->left + 1};

	if (threaded) {
		for (size_t k = 0; k < s->left; k++)
			scribbler.seed = hash_mix(scribbler.seed, s->at[k]) | 1;
		evil.begun = true;
		if (pthread_create(&scribbler.thread, NULL, scribble, &scribbler))
			abort();
	}
	while (s->left)
		command(s);
	for (uint32_t k = 0; threaded && k < 20; k++)
		honest_round();
	if (threaded) {
		__atomic_store_n(&scribbler.stop, true, __ATOMIC_RELEASE);
		pthread_join(scribbler.thread, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};
	uint32_t mode = (uint32_t)take(&s, 1), lanes = mode >> 2 & 1, rounds = 0;

	whole = &wholes[lanes];
	hostile = (enum stage_id)(mode & 3);
	if (whole->now)
		renew(lanes);
	else
		make(lanes);
	find_rings();
	play(&s, mode >> 3 & 1);
	/* Timers of ten seconds more: what is held is let go. */
	for (uint32_t k = 0; k < 20; k++, whole->now += 500 * NANOS_PER_MS)
		while (honest_round())
			if (++rounds > ROUNDS_MAX)
				fail("comes to rest", "nobody");
	judge();
	return 0;
}
