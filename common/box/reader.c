#include "common/box/box.h"

/* Whether what was copied before this call is of that record. */
static bool still_there(const struct box_head *head, uint64_t number)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* with box_begin's */
	return __atomic_load_n(&head->number, __ATOMIC_RELAXED) == number;
}

/* What a writer of ours never writes. */
static void make_sound(struct box_head *h)
{
	h->n = MIN(h->n, BURST_MAX);
	h->have = MIN(h->have, h->n);
	h->ended = h->ended == 1;
	if (h->step >= BOX_STEP_COUNT)
		h->step = BOX_STEP_NONE;
	if (h->culprit.kind >= BOX_CULPRIT_COUNT)
		h->culprit.kind = BOX_CULPRIT_NONE;
	h->culprit.bytes = MIN(h->culprit.bytes, BOX_DUMP);
}

bool box_read(const struct black_box *box, uint32_t slot, struct box_head *copy)
{
	const struct box_head *from = &box->head[slot];
	uint64_t number = __atomic_load_n(&from->number, __ATOMIC_ACQUIRE);
	uint32_t ended = __atomic_load_n(&from->ended, __ATOMIC_ACQUIRE),
	         have = __atomic_load_n(&from->have, __ATOMIC_ACQUIRE);

	if (!number)
		return false;
	memcpy(copy, from, sizeof *copy);
	copy->number = number;
	copy->ended = ended;
	copy->have = have;
	make_sound(copy);
	return still_there(from, number);
}

bool box_packet(const struct black_box *box, uint32_t slot, const struct box_head *copy, uint32_t k,
        struct box_packet *packet, uint8_t *bytes)
{
	uint32_t stride = box_stride(copy->n);
	const uint8_t *from = box->data[slot] + (size_t)k * stride;

	assert(k < copy->have && copy->n <= BURST_MAX);
	memcpy(packet, from, sizeof *packet);
	packet->have = MIN(packet->have, stride - (uint32_t)sizeof *packet);
	memcpy(bytes, from + sizeof *packet, packet->have);
	return still_there(&box->head[slot], copy->number);
}
