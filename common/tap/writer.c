#include "common/tap/writer.h"

#define BURST_BYTES (TAP_RING_BYTES / 2) /* of one burst: what is older stays for readers */

static const struct tap_control none;

void tap_attach(struct tap_writer *t, const struct tap_control *control, struct tap_ring *ring, uint8_t stage,
        uint8_t lane)
{
	memset(t, 0, offsetof(struct tap_writer, tap));
	for (uint32_t k = 0; k < TAPS_MAX; k++)
		t->tap[k].number = 0;
	t->control = control ? control : &none;
	t->ring = ring;
	t->stage = stage;
	t->lane = lane;
	t->begin = t->at = ring->prod;
	memcpy(t->captured, ring->captured, sizeof t->captured);
}

/* What the copy says is not to be believed before it was checked: its writer is another process. */
static void take_over(struct tap_writer *t)
{
	t->points = 0;
	for (uint32_t k = 0; k < TAPS_MAX; k++) {
		struct tap *tap = &t->tap[k];

		if (tap->n_insns > TAP_INSNS_MAX || tap->snap_bytes > TAP_SNAP_MAX ||
		        (tap->n_insns && !tap_program_check(tap->insn, tap->n_insns)))
			tap->number = 0;
		if (!tap->number)
			continue;
		t->points |= tap->points & ((1u << TAP_POINTS) - 1);
		if (t->ring->number[k] == tap->number)
			continue;
		t->captured[k] = 0;
		__atomic_store_n(&t->ring->captured[k], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&t->ring->since[k], t->at, __ATOMIC_RELAXED);
		__atomic_store_n(&t->ring->number[k], tap->number, __ATOMIC_RELEASE);
	}
}

void tap_renew(struct tap_writer *t)
{
	const struct tap_control *c = t->control;
	uint32_t seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
	struct tap copy[TAPS_MAX];

	if (seq & 1)
		return; /* as it was, until the change is done */
	memcpy(copy, c->tap, sizeof copy);
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* with change_begin's, in tap.c */
	if (__atomic_load_n(&c->seq, __ATOMIC_RELAXED) != seq)
		return;
	memcpy(t->tap, copy, sizeof copy);
	t->seq = seq;
	take_over(t);
}

static bool is_at(const struct tap_packet *p, struct port_id port)
{
	return port_id_equal(port, p->port) || port_id_equal(port, p->phys) || port_id_equal(port, p->out) ||
	       port_id_equal(port, p->out_phys);
}

/* The bytes that the tap wants of the packet, or -1: none. */
static int64_t wanted(const struct tap *tap, const struct tap_packet *p, const struct tap_part *first)
{
	uint32_t want = tap->snap_bytes;

	if (!tap->number || !(tap->points >> p->point & 1))
		return -1;
	if (!port_id_equal(tap->port, PORT_NONE) && !is_at(p, tap->port))
		return -1;
	if (tap->reason && p->point == TAP_DROP && tap->reason != p->reason)
		return -1;
	if (tap->n_insns) {
		uint32_t chosen = tap_program_run(tap->insn, first->bytes, p->len, first->len);

		if (!chosen)
			return -1;
		want = MIN(want, chosen);
	}
	return want;
}

static void ring_copy(struct tap_ring *ring, uint64_t at, const void *bytes, uint32_t len)
{
	uint32_t from = (uint32_t)at % TAP_RING_BYTES, first = MIN(len, TAP_RING_BYTES - from);

	memcpy(ring->data + from, bytes, first);
	memcpy(ring->data, (const uint8_t *)bytes + first, len - first);
}

/* Says that the bytes up to `end` are about to be overwritten, before they are.  Never less than before: what
 * a dead predecessor has spoilt stays known as spoilt. */
static void claim(struct tap_ring *ring, uint64_t end)
{
	if (end <= ring->claim)
		return;
	__atomic_store_n(&ring->claim, end, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* with take's, in reader.c */
}

/* Where a record will start that is the first to do so in its part of the ring. */
static void mark(struct tap_ring *ring, uint64_t before, uint64_t start)
{
	if (before / TAP_PART != start / TAP_PART)
		__atomic_store_n(&ring->mark[start / TAP_PART % TAP_MARKS], start, __ATOMIC_RELAXED);
}

static void write_record(struct tap_writer *t, struct tap_record *r, const struct tap_part *parts, uint32_t n)
{
	uint64_t at = t->at, end;
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++)
		left += MIN(parts[i].len, r->have - left);
	r->have = left;
	r->bytes = (uint32_t)sizeof *r + ALIGN_UP(left, 8u);
	end = at + r->bytes;
	if (end - t->begin > BURST_BYTES)
		return;
	claim(t->ring, end);
	ring_copy(t->ring, at, r, sizeof *r);
	at += sizeof *r;
	for (uint32_t i = 0; i < n && left; i++) {
		uint32_t len = MIN(parts[i].len, left);

		ring_copy(t->ring, at, parts[i].bytes, len);
		at += len;
		left -= len;
	}
	mark(t->ring, t->at, end);
	t->at = end;
}

void tap_add(struct tap_writer *t, const struct tap_packet *p, const struct tap_part *parts, uint32_t n)
{
	static const struct tap_part empty = {.bytes = (const uint8_t *)"", .len = 0};
	struct tap_record r = {
	        .time = p->time,
	        .len = p->len,
	        .port = p->port,
	        .phys = p->phys,
	        .out = p->out,
	        .reason = p->reason,
	        .epoch = p->epoch,
	        .vlan_outer = p->vlan_outer,
	        .vlan_inner = p->vlan_inner,
	        .stage = t->stage,
	        .lane = t->lane,
	        .point = (uint8_t)p->point,
	        .flags = p->flags,
	};

	for (uint32_t k = 0; k < TAPS_MAX; k++) {
		int64_t want = wanted(&t->tap[k], p, n ? parts : &empty);

		if (want < 0)
			continue;
		r.taps |= (uint8_t)(1u << k);
		r.have = MAX(r.have, (uint32_t)want);
		r.number[k] = (uint32_t)++t->captured[k];
	}
	if (!r.taps)
		return;
	t->counted = true;
	write_record(t, &r, parts, n);
}

void tap_publish(struct tap_writer *t)
{
	if (!t->counted)
		return;
	for (uint32_t k = 0; k < TAPS_MAX; k++)
		__atomic_store_n(&t->ring->captured[k], t->captured[k], __ATOMIC_RELAXED);
	__atomic_store_n(&t->ring->prod, t->at, __ATOMIC_RELEASE); /* with take's, in reader.c */
	t->begin = t->at;
	t->counted = false;
}
