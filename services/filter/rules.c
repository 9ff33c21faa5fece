#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/filter/state.h"

#define COUNTS_A_LINE (CACHE_LINE / sizeof(uint64_t))

static struct epoch_span ruleset_span(const struct epoch *epoch, enum filter_direction direction)
{
	return direction == FILTER_INGRESS ? epoch->header->ingress : epoch->header->egress;
}

static const uint8_t *ruleset_bytes(const struct epoch *epoch, enum filter_direction direction)
{
	return (const uint8_t *)epoch->header + ruleset_span(epoch, direction).off;
}

uint64_t rules_digest(const struct epoch *epoch, enum filter_direction direction)
{
	uint32_t count = ruleset_span(epoch, direction).count;
	const uint8_t *bytes = ruleset_bytes(epoch, direction);
	size_t size = count ? classify_blob_size(bytes, count) : 0;
	uint64_t digest = size;

	for (size_t i = 0; i + 8 <= size; i += 8)
		digest = hash_mix(digest, load_u64(bytes + i));
	return size ? digest | 1 : 0;
}

uint32_t rules_bank(const struct filter_state *state, enum filter_direction direction, uint64_t digest)
{
	for (uint32_t k = 0; k < FILTER_BANKS; k++)
		if (digest && state->bank[direction][k].digest == digest)
			return k;
	return FILTER_BANKS;
}

/* The counter of its rule 0 among those of all banks. */
static uint32_t bank_first(enum filter_direction direction, uint32_t bank)
{
	return ((uint32_t)direction * FILTER_BANKS + bank) * FILTER_BANK_RULES;
}

/* Zeroes what is not zero.  Whether all is. */
static bool bank_clear(struct filter *f, enum filter_direction direction, uint32_t bank, uint32_t *lines)
{
	uint64_t *count = f->state->rule[direction][bank];

	for (uint32_t i = 0; i <= CLASSIFY_RULES_MAX; i += COUNTS_A_LINE) {
		uint64_t any = 0;

		for (uint32_t k = 0; k < COUNTS_A_LINE; k++)
			any |= count[i + k];
		if (!any)
			continue;
		if (!*lines)
			return false;
		--*lines;
		memset(journal_touch(f->env.journal, &count[i]), 0, CACHE_LINE);
	}
	return true;
}

bool rules_adopt(
        struct filter *f, const struct epoch *epoch, enum filter_direction direction, uint32_t *lines)
{
	uint64_t digest = rules_digest(epoch, direction);
	uint32_t k = rules_bank(f->state, direction, digest);
	struct filter_bank *banks = f->state->bank[direction];
	struct classify c;

	if (!digest)
		return true;
	if (k == FILTER_BANKS) {
		if (!tally_fold(f, lines))
			return false;
		k = banks[1].epoch < banks[0].epoch;
		if (banks[k].digest)
			*(struct filter_bank *)journal_touch(
			        f->env.journal, &banks[k]) = (struct filter_bank){0};
		if (!bank_clear(f, direction, k, lines))
			return false;
	}
	if (banks[k].epoch == epoch->number ||
	        classify_attach(&c, ruleset_bytes(epoch, direction), ruleset_span(epoch, direction).count))
		return true;
	*(struct filter_bank *)journal_touch(f->env.journal, &banks[k]) = (struct filter_bank){
	        .digest = digest, .n = c.n_rules, .epoch = epoch->number};
	return true;
}

void rules_attach(struct filter *f, const struct epoch *epoch, enum filter_direction direction,
        struct filter_rules *rules)
{
	uint32_t count = ruleset_span(epoch, direction).count;
	uint32_t k;

	*rules = (struct filter_rules){.first = FILTER_NO_BANK, .none = count == 0};
	if (!count)
		return;
	if (classify_attach(&rules->classify, ruleset_bytes(epoch, direction), count)) {
		rules->broken = true;
		return;
	}
	rules->none = classify_is_empty(&rules->classify) && rules->classify.policy == CLASSIFY_PASS;
	k = rules_bank(f->state, direction, rules_digest(epoch, direction));
	rules->first = k < FILTER_BANKS ? bank_first(direction, k) : FILTER_NO_BANK;
}

/* People count rules from 1. */
static void rule_trace(struct burst *b, uint32_t i, enum filter_direction direction, uint32_t rule)
{
	if (direction == FILTER_INGRESS)
		trace(b->trace, b->pkt[i].trace, TRACE_RULE_INGRESS, rule + 1);
	else
		trace(b->trace, b->pkt[i].trace, TRACE_RULE_EGRESS, rule + 1);
}

/* What goes on behind its first match.  Whether it passes. */
static __attribute__((noinline)) bool rules_walk(struct filter *f, const struct filter_rules *rules,
        enum filter_direction direction, struct burst *b, uint32_t at)
{
	uint32_t i = f->packet[at];
	struct classify_walk walk = classify_walk_start(b->pkt[i].mark);
	bool more;

	do {
		more = classify_run(&rules->classify, f->keys[at], f->first[at], &walk);
		for (uint32_t k = 0; k < walk.n; k++) {
			tally_add(f, rules, walk.rules[k]);
			rule_trace(b, i, direction, walk.rules[k]);
		}
	} while (more);
	b->pkt[i].mark = walk.mark;
	return walk.verdict != CLASSIFY_DROP;
}

/* Whether packet number `at` of those that have keys passes. */
static always_inline bool rules_decide(struct filter *f, const struct filter_rules *rules,
        enum filter_direction direction, struct burst *b, uint32_t at)
{
	uint32_t first = f->first[at];
	enum classify_verdict verdict = classify_decides(&rules->classify, first);

	if (unlikely(verdict == CLASSIFY_CONTINUE))
		return rules_walk(f, rules, direction, b, at);
	if (first != CLASSIFY_NO_RULE) {
		tally_add(f, rules, first);
		if (unlikely(b->pkt[f->packet[at]].trace))
			rule_trace(b, f->packet[at], direction, first);
	}
	return verdict != CLASSIFY_DROP;
}

static void key_ingress(struct classify_key *key, const struct pkt *p)
{
	*key = (struct classify_key){
	        .in_port = p->port,
	        .out_port = PORT_NONE,
	        .vlan = p->flags & PKT_F_TAGGED ? vlan_id(p->vlan_outer) : CLASSIFY_UNTAGGED,
	        .inner_vlan = p->flags & PKT_F_TAGGED2 ? vlan_id(p->vlan_inner) : CLASSIFY_UNTAGGED,
	        .ethertype = p->ethertype,
	        .mark = p->mark,
	};
}

/* The VLANs are those that the packet will leave by. */
static void key_egress(struct classify_key *key, const struct pkt *p, const struct epoch_port *out)
{
	*key = (struct classify_key){
	        .in_port = p->port,
	        .out_port = p->out,
	        .vlan = out->n_tags ? out->vid[0] : CLASSIFY_UNTAGGED,
	        .inner_vlan = out->n_tags > 1 ? out->vid[1] : CLASSIFY_UNTAGGED,
	        .ethertype = p->ethertype,
	        .mark = p->mark,
	};
}

static uint32_t keys_make(
        struct filter *f, enum filter_direction direction, const struct epoch *epoch, struct burst *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct classify_key *key = &f->key[n];

		if (burst_decided(b, i) || (i && b->more[i - 1]))
			continue;
		if (direction == FILTER_INGRESS)
			key_ingress(key, &b->pkt[i]);
		else
			key_egress(key, &b->pkt[i], epoch_port(epoch, b->pkt[i].out));
		key_dissect(key, b->frame[i], &b->pkt[i]);
		f->packet[n++] = i;
	}
	return n;
}

void rules_run(struct filter *f, const struct filter_rules *rules, enum filter_direction direction,
        const struct epoch *epoch, struct burst *b)
{
	enum drop_reason reason = direction == FILTER_INGRESS ? DROP_TC_INGRESS : DROP_TC_EGRESS;
	uint32_t n = keys_make(f, direction, epoch, b);

	if (!rules->broken)
		classify_bulk(&rules->classify, f->keys, n, f->first);
	for (uint32_t at = 0; at < n; at++)
		if (rules->broken || !rules_decide(f, rules, direction, b, at))
			burst_drop(b, f->packet[at], reason);
	tally_flush(f);
}

/* Of packets without tags, for which key_plain does mostly. */
static void keys_make_alike(struct filter *f, const struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->pkt[i];

		f->packet[i] = i;
		if (unlikely(!key_plain(&f->key[i], b->frame[i], p))) {
			key_ingress(&f->key[i], p);
			key_dissect(&f->key[i], b->frame[i], p);
		}
	}
}

uint32_t rules_run_alike(struct filter *f, const struct filter_rules *rules, struct burst *b)
{
	struct out_id out = out_id(OUT_RX, b->lane);
	uint32_t n = b->n, dropped = 0;

	if (!rules->broken) {
		keys_make_alike(f, b);
		classify_bulk(&rules->classify, f->keys, n, f->first);
	}
	for (uint32_t i = 0; i < n; i++) {
		burst_pass(b, i, out);
		if (unlikely(rules->broken || !rules_decide(f, rules, FILTER_INGRESS, b, i))) {
			burst_drop(b, i, DROP_TC_INGRESS);
			dropped++;
		}
	}
	tally_flush(f);
	return dropped;
}

void filter_rule_counts(const void *state, const struct epoch *epoch, enum filter_direction direction,
        uint64_t *count, uint32_t n)
{
	const struct filter_state *s = state;
	uint32_t k = rules_bank(s, direction, rules_digest(epoch, direction)), folds, tries = 0;

	memset(count, 0, n * sizeof *count);
	if (k == FILTER_BANKS)
		return;
	n = MIN(n, s->bank[direction][k].n);
	do { /* again where the list was counted meanwhile */
		folds = __atomic_load_n(&s->tally.folds, __ATOMIC_ACQUIRE);
		for (uint32_t i = 0; i < n; i++)
			count[i] = __atomic_load_n(&s->rule[direction][k][i], __ATOMIC_RELAXED);
		tally_read(s, bank_first(direction, k), count, n);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&s->tally.folds, __ATOMIC_RELAXED) != folds && ++tries < 8);
}
