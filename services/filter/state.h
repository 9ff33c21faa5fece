/* state: what the parts of the filter share; private to it. */
#ifndef SLUICE_SERVICES_FILTER_STATE_H
#define SLUICE_SERVICES_FILTER_STATE_H

#include "common/classify/classify.h"
#include "services/filter/filter.h"

#define FILTER_MAGIC   0x544c4946u /* "FILT" */
#define FILTER_VERSION 3u
#define FILTER_BANKS   2u /* as many as epochs are live */

/* Lines that one packet may touch beside those of rules: its port's counters, perhaps logged twice. */
#define FILTER_LINES_PORT  2u
#define FILTER_LINES_RULE  14u
#define FILTER_LINES_MAX   (FILTER_LINES_PORT + FILTER_LINES_RULE)
#define FILTER_LINES_BURST 128u
#define FILTER_LINES_KEPT  128u /* for the tally, and what the frame counts at the end of a burst */

#define FILTER_BANK_RULES (CLASSIFY_RULES_MAX + 1)
#define FILTER_TALLY      1022u
#define FILTER_NO_BANK    UINT32_MAX

/* Matches that are not in their rules' counters yet: places among all counters. */
struct filter_tally {
	_Alignas(CACHE_LINE) uint32_t n;
	uint32_t folds; /* times that the list was counted */
	uint32_t match[FILTER_TALLY];
};

static_assert(sizeof(struct filter_tally) == 4096, "whole lines");

/* Whose a bank of counters is. */
struct filter_bank {
	uint64_t digest; /* of the ruleset's bytes; 0: of none, perhaps half cleared */
	uint32_t n;      /* rules */
	uint32_t epoch;  /* the newest one that uses it */
};

struct filter_state {
	uint32_t magic;
	uint32_t version;
	uint64_t uncounted;
	struct port_counts counts;
	_Alignas(CACHE_LINE) struct filter_bank bank[FILTER_DIRECTIONS][FILTER_BANKS];
	struct filter_tally tally;
	uint64_t rule[FILTER_DIRECTIONS][FILTER_BANKS][FILTER_BANK_RULES];
};

static_assert(offsetof(struct filter_state, counts) == PORT_COUNTS_OFF, "shared layout");
static_assert(offsetof(struct filter_state, rule) % CACHE_LINE == 0, "shared layout");

/* A ruleset of an epoch, ready to be used. */
struct filter_rules {
	struct classify classify;
	uint32_t first; /* counter of rule 0 among all; FILTER_NO_BANK: not counted yet (adopt goes on) */
	bool none;      /* no ruleset, or an empty one that passes all */
	bool broken;    /* unreadable: everything is dropped */
};

/* What is known of an epoch. */
struct filter_view {
	uint32_t number; /* 0: nothing */
	struct filter_rules rules[FILTER_DIRECTIONS];
};

/* The private side. */
struct filter {
	struct stage_env env;
	struct filter_state *state;
	struct filter_view view[2]; /* by epoch number & 1 */
	/* Scratch of a burst. */
	struct classify_key key[BURST_MAX];
	const struct classify_key *keys[BURST_MAX]; /* of each its address */
	uint32_t first[BURST_MAX];
	uint32_t packet[BURST_MAX];
	uint32_t n_matched;
	uint32_t matched[BURST_MAX]; /* for the tally */
};

/* The digest of an epoch's ruleset, 0 where there is none. */
uint64_t rules_digest(const struct epoch *epoch, enum filter_direction direction);

/* The bank whose counters are those of the ruleset; FILTER_BANKS: none. */
uint32_t rules_bank(const struct filter_state *state, enum filter_direction direction, uint64_t digest);

/* Makes a bank ready for the epoch's ruleset, touching at most *lines lines, which goes down.  Whether it is.
 */
bool rules_adopt(
        struct filter *f, const struct epoch *epoch, enum filter_direction direction, uint32_t *lines);

/* Reads the epoch's ruleset. */
void rules_attach(struct filter *f, const struct epoch *epoch, enum filter_direction direction,
        struct filter_rules *rules);

/* A rule has matched (tally.c): counted with the burst's others by tally_flush, which is due at the end of
 * each burst that has rules. */
void tally_flush(struct filter *f);
void tally_add_unknown(struct filter *f);

static always_inline void tally_add(struct filter *f, const struct filter_rules *rules, uint32_t rule)
{
	if (unlikely(rules->first == FILTER_NO_BANK)) {
		tally_add_unknown(f);
		return;
	}
	f->matched[f->n_matched++] = rules->first + rule;
	if (unlikely(f->n_matched == BURST_MAX))
		tally_flush(f);
}

/* Counts what is on the list, touching at most *lines lines, which goes down.  Whether nothing is left. */
bool tally_fold(struct filter *f, uint32_t *lines);

/* Adds what waits for the n rules whose counters stand from `first` on. */
void tally_read(const struct filter_state *s, uint32_t first, uint64_t *count, uint32_t n);

/* NULL, or what is wrong. */
const char *tally_check(const struct filter_state *s);

/* Runs all packets of the burst that have no verdict through the rules: marks them, counts matches, drops. */
void rules_run(struct filter *f, const struct filter_rules *rules, enum filter_direction direction,
        const struct epoch *epoch, struct burst *b);

/* The same at ingress for a burst of plain packets from one port, without tags and for our MAC: each passes
 * on, or is dropped.  Returns how many are. */
uint32_t rules_run_alike(struct filter *f, const struct filter_rules *rules, struct burst *b);

/* What a packet's frame, p->len bytes whose network header is at p->l3_off, looks like to a rule; the
 * Ethernet header is at the frame's start.  Ports, VLANs, ethertype and mark are the caller's to set before:
 * the key's other fields are filled. */
void key_dissect(struct classify_key *key, const uint8_t *frame, const struct pkt *p);

/* The whole key of an untagged packet at ingress that is nearly every one: IPv4 without options, no fragment,
 * TCP or UDP with all that a key wants of them.  false: it is another, the key is spoilt. */
bool key_plain(struct classify_key *key, const uint8_t *frame, const struct pkt *p);

/* Counters of consecutive packets of a port, before they go into the state. */
struct port_sum {
	struct port_id port;
	uint32_t packets, dropped, multicast;
	uint64_t bytes;
};

void rx_burst(struct filter *f, const struct epoch *epoch, const struct filter_view *view, struct burst *b);
void tx_burst(struct filter *f, const struct epoch *epoch, const struct filter_view *view, struct burst *b);

/* The verdict of a packet's first buffer is that of all. */
static inline void burst_spread_verdicts(struct burst *b)
{
	if (burst_is_plain(b))
		return;
	for (uint32_t i = 1; i < b->n; i++)
		if (b->more[i - 1])
			b->verdict[i] = b->verdict[i - 1];
}

#endif
