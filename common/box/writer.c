#include "common/box/box.h"

static struct box_head *oldest(struct black_box *box, uint64_t *number)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < BOX_RECORDS; i++)
		newest = MAX(newest, box->head[i].number);
	*number = newest + 1;
	return &box->head[*number % BOX_RECORDS];
}

void box_begin(struct box_writer *w, struct black_box *box, const struct box_head *head)
{
	uint64_t number;
	struct box_head *to = oldest(box, &number);
	const size_t first = offsetof(struct box_head, death);

	*w = (struct box_writer){box, to, (uint32_t)(to - box->head), MIN(head->n, BURST_MAX), 0};
	__atomic_store_n(&to->number, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with still_there's: gone before anything is overwritten */
	to->have = 0;
	to->ended = 0;
	memcpy((uint8_t *)to + first, (const uint8_t *)head + first, sizeof *to - first);
	__atomic_store_n(&to->number, number, __ATOMIC_RELEASE); /* with box_read's first load */
}

void box_add(struct box_writer *w, const struct box_packet *packet, const uint8_t *bytes)
{
	uint32_t stride = box_stride(w->n);
	struct box_packet p = *packet;
	uint8_t *to = w->box->data[w->slot] + (size_t)w->have * stride;

	if (w->have == w->n)
		return;
	p.have = MIN(p.have, stride - (uint32_t)sizeof p);
	memcpy(to, &p, sizeof p);
	if (p.have)
		memcpy(to + sizeof p, bytes, p.have);
	__atomic_store_n(&w->head->have, ++w->have, __ATOMIC_RELEASE); /* with box_read's load of it */
}

void box_end(struct box_writer *w)
{
	__atomic_store_n(&w->head->ended, 1, __ATOMIC_RELEASE);
	w->head = NULL;
}
