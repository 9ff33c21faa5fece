/* writer: a worker's side of the taps.
 *
 *     tap_attach(&t, control, ring, stage, lane);
 *     at each burst:   if (tap_look(&t)) ... tap_wants(&t, TAP_DROP) ... tap_add(&t, &packet, parts, n)
 *     behind commit:   tap_publish(&t)
 *
 * While no tap is open it costs one load and one comparison a burst.  One worker's thread; all of struct
 * tap_writer is private to it and dies with it.
 */
#ifndef SLUICE_COMMON_TAP_WRITER_H
#define SLUICE_COMMON_TAP_WRITER_H

#include "common/tap/tap.h"

struct tap_writer {
	const struct tap_control *control;
	struct tap_ring *ring;
	uint32_t seq;    /* of the taps below */
	uint32_t points; /* that any of them wants */
	uint8_t stage;
	uint8_t lane;
	uint64_t at;    /* end of the records of this burst */
	uint64_t begin; /* of the records of this burst */
	bool counted;   /* this burst had packets for a tap */
	uint64_t captured[TAPS_MAX];
	struct tap tap[TAPS_MAX]; /* our copy, checked: what is invalid is closed */
};

/* A packet to be shown to the taps. */
struct tap_packet {
	nanos_t time;
	enum tap_point point;
	uint32_t len; /* bytes of all of it */
	struct port_id port;
	struct port_id phys; /* under port */
	struct port_id out;
	struct port_id out_phys;
	uint16_t reason;
	uint16_t epoch;
	uint16_t vlan_outer;
	uint16_t vlan_inner;
	uint8_t flags; /* TAP_F_* */
};

/* Its bytes, as they lie: a part a buffer.  Programs see the first. */
struct tap_part {
	const uint8_t *bytes;
	uint32_t len;
};

/* Takes up the ring where a predecessor left it.  `control` may be NULL: then nothing is ever captured. */
void tap_attach(struct tap_writer *t, const struct tap_control *control, struct tap_ring *ring, uint8_t stage,
        uint8_t lane);

/* Takes the taps over as control has them now. */
void tap_renew(struct tap_writer *t);

/* At the start of a burst: which points any tap wants.  0: none, nearly always. */
static always_inline uint32_t tap_look(struct tap_writer *t)
{
	if (unlikely(__atomic_load_n(&t->control->seq, __ATOMIC_RELAXED) != t->seq))
		tap_renew(t);
	return t->points;
}

static always_inline bool tap_wants(const struct tap_writer *t, enum tap_point point)
{
	return t->points >> point & 1;
}

/* Copies the packet for those taps that want it.  What finds no room beside this burst's other records is
 * counted and not copied. */
void tap_add(struct tap_writer *t, const struct tap_packet *packet, const struct tap_part *parts, uint32_t n);

/* The burst has happened: readers may see its packets. */
void tap_publish(struct tap_writer *t);

#endif
