/* reassembly_check sees each way in which the state can be wrong: or the other tests would prove little. */
#include <criterion/criterion.h>

#include "tests/unit/router/reassembly/bed.h"

static struct bed b;
static struct reassembly *f;

/* Open datagrams in slots 0 (three pieces), 1 and 2; a whole one and a doomed one wait. */
static void set_up(void)
{
	bed_init(&b);
	f = b.router.reassembly;
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 16, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 32, 8, .more = true));
	bed_one(&b, T0 + 1, PIECE(FRAG_IPV4, 8, 8, .id = 1));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true, .id = 1));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true, .id = 2));
	b.room = 1;
	bed_one(&b, T0, PIECE(FRAG_IPV6, 8, 8, .more = true, .id = 2));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 8, 8, .id = 1));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 16, .more = true, .id = 2));
	cr_assert(f->whole.first != FRAG_NONE && f->doomed.first != FRAG_NONE);
}

static void tear_down(void)
{
	bed_free(&b);
}

TestSuite(reassembly_check, .init = set_up, .fini = tear_down);

/* With this done to a field of the state the check complains, and is content when it is undone. */
#define WRONG(field, value)                                                                                  \
	do {                                                                                                 \
		typeof(field) was_ = (field);                                                                \
		(field) = (value);                                                                           \
		cr_expect_not_null(reassembly_check(&b.router), #field " = " #value);                        \
		(field) = was_;                                                                              \
		cr_assert_null(reassembly_check(&b.router));                                                 \
	} while (0)

Test(reassembly_check, sees_what_is_wrong)
{
	struct frag_queue *q = frag_queue(f, 0), *other = frag_queue(f, 1);
	struct frag_queue *whole = frag_queue(f, f->whole.first), *doomed = frag_queue(f, f->doomed.first);
	struct frag_piece *first = frag_piece(f, q->first), *second = frag_piece(f, first->next);

	WRONG(first->next, FRAG_NONE);
	WRONG(first->next, f->n_buffers);
	WRONG(second->next, q->first);
	WRONG(second->queue, 1);
	WRONG(second->offset, 4);
	WRONG(second->len, 4);
	WRONG(first->offset, 1);
	WRONG(q->end, 41);
	WRONG(q->bytes, 25);
	WRONG(q->pieces, 2);
	WRONG(q->last, q->first);
	WRONG(q->flags, 0);
	WRONG(q->state, FRAG_FREE);
	WRONG(q->state, FRAG_WHOLE);
	WRONG(q->newer, FRAG_NONE);
	WRONG(q->newer, f->n_queues);
	WRONG(q->key.id, 99);
	WRONG(q->created, T0 + 2);
	WRONG(other->older, 2);
	WRONG(other->flags, FRAG_HAS_FIRST | FRAG_HAS_LAST);
	WRONG(f->age[FRAG_IPV4].last, 0);
	WRONG(f->age[FRAG_IPV4].first, 1);
	WRONG(f->pieces[FRAG_IPV6], 1);
	WRONG(f->used, 3);
	WRONG(f->free, FRAG_NONE);
	WRONG(f->free, 0);
	WRONG(f->whole.first, FRAG_NONE);
	WRONG(f->doomed.first, f->whole.first);
	WRONG(whole->next, f->doomed.first);
	WRONG(whole->bytes, 8);
	WRONG(frag_piece(f, whole->first)->offset, 4);
	WRONG(doomed->pieces, 0);
	WRONG(q->key.family, FRAG_IPV6);
}

Test(reassembly_check, sees_a_datagram_that_is_whole_and_waits)
{
	struct frag_queue *other = frag_queue(f, 1);

	/* Of 8 bytes, from 8 on: as if these were all. */
	frag_piece(f, other->first)->offset = 0;
	other->end = 8;
	other->flags = FRAG_HAS_FIRST | FRAG_HAS_LAST;
	cr_expect_str_eq(reassembly_check(&b.router), "reassembly: a datagram is whole and waits");
}

Test(reassembly_check, sees_timers_that_are_wrong)
{
	struct wheel wheel = frag_wheel(f);

	wheel_set(&wheel, &b.f.journal, f->whole.first, T0, T0 + 1);
	cr_expect_str_eq(reassembly_check(&b.router), "reassembly: a closed datagram has a timer");
	wheel_cancel(&wheel, &b.f.journal, f->whole.first);
	cr_expect_null(reassembly_check(&b.router));
	wheel_cancel(&wheel, &b.f.journal, 0);
	cr_expect_str_eq(reassembly_check(&b.router), "reassembly: a datagram has no timer");
}
