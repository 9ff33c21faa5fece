/* bed: reassembly alone, on a fixture; beside it a naive reassembler that must agree about everything.
 *
 *     struct bed b; bed_init(&b);
 *     bed_burst(&b, now, pieces, n);  look at b.verdict[], b.dropped[], b.whole[0 .. b.n_whole)
 *     bed_timer(&b, now);             one burst of timers; b.dropped[], b.n_error
 *
 * Each burst first runs and is undone, as by a death, with nothing changed: neither state nor what is held;
 * then runs for good, and ends with a look at the state's consistency and at who holds which buffer.
 */
#ifndef SLUICE_TESTS_UNIT_ROUTER_REASSEMBLY_BED_H
#define SLUICE_TESTS_UNIT_ROUTER_REASSEMBLY_BED_H

#include "services/router/reassembly/internal.h"
#include "tests/unit/fixture/fixture.h"

#define BED_WHOLE 256u
#define T0        (1000 * NANOS_PER_SEC)

/* A fragment to be sent. */
struct bed_piece {
	uint8_t family; /* enum frag_family */
	uint8_t proto;  /* of the payload */
	uint8_t ecn;
	bool more, df;
	uint16_t port;
	uint32_t host; /* the sender */
	uint32_t id;
	uint32_t offset;
	uint32_t len;
	uint32_t
	        options; /* IPv4: bytes of options; IPv6: of destination options before the fragment header */
	uint32_t cut;    /* bytes of the payload that are missing in the buffer */
	bool on_link;    /* IPv6: to a link-local address */
	bool nested;     /* was reassembled already */
	uint8_t salt;    /* payload byte i of the datagram is bed_byte(id, salt, i) */
};

struct bed_whole {
	struct pkt pkt;
	uint32_t pieces;
	uint32_t len;         /* from l3_off on */
	uint8_t bytes[66000]; /* the same */
};

struct bed {
	struct fixture f;
	struct router router;
	struct epoch_header header;
	struct epoch epoch;
	uint8_t *before; /* of a burst: the state, and the pool */
	uint32_t room;   /* outbox entries that there seem to be; 0: all */
	uint32_t spare;  /* spare buffers, UINT32_MAX: all */

	/* Of the last burst. */
	struct verdict verdict[BURST_MAX];
	struct pkt_index index[BURST_MAX];
	uint32_t dropped[DROP_REASON_COUNT]; /* in the burst and in the outbox */
	uint32_t n_whole;
	struct bed_whole *whole;
	uint32_t n_error; /* ICMP errors */
	uint8_t error_type, error_code;
	uint32_t timer_lines; /* the most undo lines that a timer burst has needed */
	uint32_t lines;       /* the most undo lines that a burst of packets has needed for each */
};

void bed_init(struct bed *b);
void bed_free(struct bed *b);

/* Settings of params.limits were changed: makes a new state. */
void bed_restart(struct bed *b);

void bed_burst(struct bed *b, nanos_t now, const struct bed_piece *piece, uint32_t n);
struct verdict bed_one(struct bed *b, nanos_t now, struct bed_piece piece);
void bed_timer(struct bed *b, nanos_t now);

/* Timer bursts until nothing is due at `now`; what they dropped, errors and wholes added up. */
void bed_until(struct bed *b, nanos_t now);

uint32_t bed_held(const struct bed *b);

static inline uint8_t bed_byte(uint32_t id, uint8_t salt, uint32_t i)
{
	return (uint8_t)(id * 31 + salt + i * 7 + (i >> 8) * 13);
}

/* The whole must have the header that its first fragment says, and this payload; NULL: that of its salt. */
void bed_expect_whole(
        const struct bed_whole *w, const struct bed_piece *first, const uint8_t *payload, uint32_t len);

/* A fragment of UDP from sender 2: family, offset, length, and what else is to be set. */
#define PIECE(f, off, bytes, ...)                                                                            \
	((struct bed_piece){                                                                                 \
	        .family = (f), .proto = 17, .host = 2, .offset = (off), .len = (bytes), __VA_ARGS__})

#define EACH_FAMILY(f) for (int f = FRAG_IPV4; f < FRAG_FAMILIES; f++)

#define BED_EXPECT(v, want_kind, want_reason)                                                                \
	do {                                                                                                 \
		const struct verdict v_ = (v);                                                               \
		cr_assert_eq(v_.kind, (want_kind), "verdict %u, %s", v_.kind,                                \
		        drop_reason_label((enum drop_reason)v_.reason));                                     \
		cr_assert_eq(                                                                                \
		        v_.reason, (want_reason), "%s", drop_reason_label((enum drop_reason)v_.reason));     \
	} while (0)

#endif
