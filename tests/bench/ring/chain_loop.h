/* chain_loop: the life of a process of the chain, over whichever rings the file that includes this has
 * defined:
 *
 *     struct link_in, struct link_out
 *     uint32_t link_pop(struct link_in *, uint64_t *words, uint32_t max)
 *     void link_push(struct link_out *, const uint64_t *words, uint32_t n)      there always is room
 *     bool link_empty(struct link_in *)
 *     uint32_t link_fill(struct link_out *)
 *     void link_arm(struct link_in *, bool), bool link_armed(struct link_out *)
 *     bool link_must_wake(struct link_out *)                                    once an arming
 */
#include "tests/bench/ring/chain.h"

struct chain_process {
	const struct chain *chain;
	uint32_t self;
	struct link_in in;
	struct link_out out;
	bool unwoken;
	uint64_t waiting;
	uint32_t kept; /* A's */
	uint64_t keep[CHAIN_SLOTS];
};

/* As common/stage wakes. */
static void chain_wake(struct chain_process *p, uint64_t now, bool all)
{
	if (!p->unwoken)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!link_armed(&p->out)) {
		p->unwoken = false;
		p->waiting = 0;
		return;
	}
	if (!p->waiting)
		p->waiting = now;
	if (!chain_wake_due(link_fill(&p->out), now - p->waiting, !all))
		return;
	if (link_must_wake(&p->out))
		chain_bell_ring(p->chain->bell[(p->self + 1) % CHAIN_PROCESSES]);
	p->unwoken = false;
	p->waiting = 0;
}

static void chain_hand_on(struct chain_process *p, const uint64_t *words, uint32_t n, uint64_t now)
{
	link_push(&p->out, words, n);
	p->unwoken = true;
	chain_wake(p, now, false);
}

static void chain_touch(const struct chain_process *p, const uint64_t *words, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(p->chain->pool + words[i] * CHAIN_STRIDE + CHAIN_HEADER, 1);
	for (uint32_t i = 0; i < n; i++)
		p->chain->pool[words[i] * CHAIN_STRIDE + CHAIN_HEADER]++;
}

static bool chain_going(const struct chain_process *p)
{
	return __atomic_load_n(&p->chain->control->go, __ATOMIC_RELAXED);
}

/* A: what has come home goes on at once, or is kept. */
static bool chain_step_first(struct chain_process *p, uint64_t now)
{
	struct chain_control *control = p->chain->control;
	bool going = chain_going(p);
	uint64_t words[CHAIN_BURST];
	uint32_t n = link_pop(&p->in, words, CHAIN_BURST), k = 0;

	if (!going) {
		for (uint32_t i = 0; i < n; i++)
			p->keep[p->kept++] = words[i];
		__atomic_store_n(&control->at_home, p->kept, __ATOMIC_RELEASE);
		return n;
	}
	for (; n + k < CHAIN_BURST && k < p->kept; k++)
		words[n + k] = p->keep[p->kept - 1 - k];
	if (n + k == 0)
		return false;
	p->kept -= k;
	chain_touch(p, words, n + k);
	__atomic_store_n(&control->sent, control->sent + n + k, __ATOMIC_RELAXED);
	__atomic_store_n(&control->at_home, p->kept, __ATOMIC_RELEASE);
	chain_hand_on(p, words, n + k, now);
	return true;
}

static bool chain_step(struct chain_process *p, uint64_t now)
{
	uint64_t words[CHAIN_BURST];
	uint32_t n = link_pop(&p->in, words, CHAIN_BURST);

	if (!n)
		return false;
	chain_touch(p, words, n);
	chain_hand_on(p, words, n, now);
	return true;
}

static void chain_sleep(struct chain_process *p)
{
	bool first = p->self == 0;

	link_arm(&p->in, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (link_empty(&p->in) && !(first && p->kept && chain_going(p))) {
		p->chain->control->sleeps[p->self]++;
		chain_bell_sleep(p->chain->bell[p->self]);
	}
	link_arm(&p->in, false);
}

static void chain_live(struct chain_process *p)
{
	while (!__atomic_load_n(&p->chain->control->stop, __ATOMIC_RELAXED)) {
		uint64_t now = chain_now();

		if (p->self == 0 ? chain_step_first(p, now) : chain_step(p, now))
			continue;
		chain_wake(p, now, true);
		chain_sleep(p);
	}
}
