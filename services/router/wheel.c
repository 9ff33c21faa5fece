#include "services/router/wheel.h"

/* A timer stands on the level of the highest digit (of 6 bits) in which its tick differs from `cur`, in the
 * slot of that digit of its own.  So all of a level is due before anything of a higher one, and within a
 * level slots are due in their order.  When `cur` comes to a slot of a higher level, its timers move down one
 * by one; they stand then in the slot of cur's own digit, which is how an unfinished move is recognised. */

#define DIGIT_BITS 6u

struct wheel_head {
	_Alignas(CACHE_LINE) uint64_t cur; /* in ms; the wheel has been turned so far */
	uint64_t occupied[WHEEL_LEVELS];   /* a bit a slot */
	uint32_t first[WHEEL_LEVELS][WHEEL_SLOTS];
};

struct wheel_timer {
	uint32_t next;
	uint32_t prev;
	uint64_t at; /* tick << 16 | place + 1, where place is level * 64 + slot; 0: not set */
};

static_assert(sizeof(struct wheel_timer) == 16, "four to a line");

static uint32_t digit(uint64_t tick, uint32_t level)
{
	return tick >> (level * DIGIT_BITS) & (WHEEL_SLOTS - 1);
}

uint64_t wheel_state_bytes(uint32_t count)
{
	return sizeof(struct wheel_head) +
	       ALIGN_UP((uint64_t)count * sizeof(struct wheel_timer), (uint64_t)CACHE_LINE);
}

void wheel_init(void *state, uint32_t count)
{
	struct wheel_head *head = state;

	memset(head, 0, wheel_state_bytes(count));
	memset(head->first, 0xff, sizeof head->first);
}

void wheel_attach(struct wheel *w, void *state, uint32_t count)
{
	*w = (struct wheel){
	        .head = state,
	        .timer = (void *)((uint8_t *)state + sizeof(struct wheel_head)),
	        .count = count,
	};
}

bool wheel_is_set(const struct wheel *w, uint32_t timer)
{
	return w->timer[timer].at != 0;
}

static bool wheel_empty(const struct wheel *w)
{
	for (uint32_t level = 0; level < WHEEL_LEVELS; level++)
		if (w->head->occupied[level])
			return false;
	return true;
}

static void link_timer(struct wheel *w, struct journal *j, uint32_t timer, uint64_t tick)
{
	struct wheel_head *head = w->head;
	uint64_t differ = tick ^ head->cur;
	uint32_t level = differ ? (63 - (uint32_t)__builtin_clzll(differ)) / DIGIT_BITS : 0;
	uint32_t slot = digit(tick, level);
	uint32_t *first = journal_touch(j, &head->first[level][slot]);
	struct wheel_timer *t = journal_touch(j, &w->timer[timer]);
	uint64_t *occupied = journal_touch(j, &head->occupied[level]);

	*t = (struct wheel_timer){*first, WHEEL_NONE, tick << 16 | (level * WHEEL_SLOTS + slot + 1)};
	if (*first != WHEEL_NONE)
		((struct wheel_timer *)journal_touch(j, &w->timer[*first]))->prev = timer;
	*first = timer;
	*occupied |= UINT64_C(1) << slot;
}

static void unlink_timer(struct wheel *w, struct journal *j, uint32_t timer)
{
	struct wheel_timer *t = journal_touch(j, &w->timer[timer]);
	uint32_t place = (uint32_t)(t->at & UINT16_MAX) - 1, level = place / WHEEL_SLOTS,
	         slot = place % WHEEL_SLOTS;
	uint32_t next = t->next, prev = t->prev;

	t->at = 0;
	if (next != WHEEL_NONE)
		((struct wheel_timer *)journal_touch(j, &w->timer[next]))->prev = prev;
	if (prev != WHEEL_NONE) {
		((struct wheel_timer *)journal_touch(j, &w->timer[prev]))->next = next;
		return;
	}
	*(uint32_t *)journal_touch(j, &w->head->first[level][slot]) = next;
	if (next == WHEEL_NONE)
		*(uint64_t *)journal_touch(j, &w->head->occupied[level]) &= ~(UINT64_C(1) << slot);
}

void wheel_set(struct wheel *w, struct journal *j, uint32_t timer, nanos_t now, nanos_t when)
{
	uint64_t tick = when / NANOS_PER_MS + (when % NANOS_PER_MS != 0);

	assert(timer < w->count);
	if (w->timer[timer].at)
		unlink_timer(w, j, timer);
	if (wheel_empty(w))
		*(uint64_t *)journal_touch(j, &w->head->cur) = now / NANOS_PER_MS;
	link_timer(w, j, timer, MAX(tick, w->head->cur));
}

void wheel_cancel(struct wheel *w, struct journal *j, uint32_t timer)
{
	assert(timer < w->count);
	if (w->timer[timer].at)
		unlink_timer(w, j, timer);
}

/* Where something is to be done next: a level and slot, and from which tick on. */
struct place {
	uint32_t level, slot;
	uint64_t tick;
};

static bool next_place(const struct wheel *w, struct place *p)
{
	const struct wheel_head *head = w->head;

	for (uint32_t level = WHEEL_LEVELS; level-- > 0;) {
		*p = (struct place){level, digit(head->cur, level), head->cur};
		if (head->occupied[level] >> p->slot & 1)
			return true;
	}
	for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
		uint32_t below = level * DIGIT_BITS;

		if (!head->occupied[level])
			continue;
		p->level = level;
		p->slot = (uint32_t)__builtin_ctzll(head->occupied[level]);
		p->tick = (head->cur >> below >> DIGIT_BITS << DIGIT_BITS | p->slot) << below;
		return true;
	}
	return false;
}

nanos_t wheel_next(const struct wheel *w)
{
	struct place p;

	return next_place(w, &p) ? p.tick * NANOS_PER_MS : NANOS_NEVER;
}

uint32_t wheel_take(struct wheel *w, struct journal *j, nanos_t now, uint32_t *steps)
{
	struct place p;

	for (; *steps && next_place(w, &p) && p.tick * NANOS_PER_MS <= now; (*steps)--) {
		uint32_t timer = w->head->first[p.level][p.slot];

		if (p.tick != w->head->cur)
			*(uint64_t *)journal_touch(j, &w->head->cur) = p.tick;
		if (p.level == 0) {
			unlink_timer(w, j, timer);
			return timer;
		}
		uint64_t tick = w->timer[timer].at >> 16;

		unlink_timer(w, j, timer);
		link_timer(w, j, timer, tick);
	}
	return WHEEL_NONE;
}

static const char *check_slot(const struct wheel *w, uint32_t level, uint32_t slot, uint32_t *seen)
{
	uint32_t prev = WHEEL_NONE, place = level * WHEEL_SLOTS + slot + 1;
	uint32_t timer = w->head->first[level][slot];

	if ((timer == WHEEL_NONE) == (w->head->occupied[level] >> slot & 1))
		return "wheel: a slot's bit does not say whether it has timers";
	for (; timer != WHEEL_NONE; timer = w->timer[timer].next) {
		if (timer >= w->count || (*seen)++ >= w->count)
			return "wheel: a chain leads astray";
		const struct wheel_timer *t = &w->timer[timer];

		if (t->prev != prev || (t->at & UINT16_MAX) != place)
			return "wheel: a timer does not know its place";
		if (t->at >> 16 < w->head->cur || digit(t->at >> 16, level) != slot)
			return "wheel: a timer stands in a wrong slot";
		prev = timer;
	}
	return NULL;
}

const char *wheel_check(const struct wheel *w)
{
	uint32_t seen = 0, set = 0;

	for (uint32_t level = 0; level < WHEEL_LEVELS; level++)
		for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++) {
			const char *wrong = check_slot(w, level, slot, &seen);

			if (wrong)
				return wrong;
			if (w->head->occupied[level] >> slot & 1 && slot < digit(w->head->cur, level))
				return "wheel: a slot lies behind";
		}
	for (uint32_t i = 0; i < w->count; i++)
		set += w->timer[i].at != 0;
	return set == seen ? NULL : "wheel: a timer is set and in no slot";
}
