#include "common/board/board.h"

#include <stdio.h>

#define TRIES 1000

static void begin(uint32_t *seq)
{
	/* A writer that died in the middle left it odd. */
	__atomic_store_n(seq, *seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with read_entry's: the mark is seen before what follows */
}

static void end(uint32_t *seq)
{
	__atomic_store_n(seq, (*seq | 1) + 1, __ATOMIC_RELEASE); /* with read_entry's first load */
}

void board_port_begin(struct board_port *p)
{
	begin(&p->seq);
}

void board_port_end(struct board_port *p)
{
	end(&p->seq);
}

void board_role_begin(struct board_role *r)
{
	begin(&r->seq);
}

void board_role_end(struct board_role *r)
{
	end(&r->seq);
}

void board_usage_begin(struct board_usage *u)
{
	begin(&u->seq);
}

void board_usage_end(struct board_usage *u)
{
	end(&u->seq);
}

void board_adopted_begin(struct board_adopted *a)
{
	begin(&a->seq);
}

void board_adopted_end(struct board_adopted *a)
{
	end(&a->seq);
}

void board_opener_begin(struct board_opener *o)
{
	begin(&o->seq);
}

void board_opener_end(struct board_opener *o)
{
	end(&o->seq);
}

void board_opener_gone(struct board_opener *o)
{
	board_opener_begin(o);
	o->lives = o->ready = o->refused = o->adopted = 0;
	board_opener_end(o);
}

/* Words, each loaded whole, so that a reader beside the writer is no data race. */
static void copy_words(void *to, const void *from, size_t bytes)
{
	const uint32_t *in = from;
	uint32_t *out = to;

	for (size_t i = 0; i < bytes / sizeof *in; i++)
		out[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
}

static bool read_entry(const uint32_t *seq, const void *entry, void *copy, size_t bytes)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

		copy_words(copy, entry, bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(before & 1) && __atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

bool board_port_read(const struct board_port *p, struct board_port *copy)
{
	bool whole = read_entry(&p->seq, p, copy, sizeof *copy);

	copy->name[EPOCH_NAME_LEN - 1] = copy->mode_name[EPOCH_NAME_LEN - 1] = 0;
	copy->reason[BOARD_TEXT - 1] = copy->why_not[BOARD_TEXT - 1] = 0;
	return whole;
}

bool board_role_read(const struct board_role *r, struct board_role *copy)
{
	return read_entry(&r->seq, r, copy, sizeof *copy);
}

bool board_usage_read(const struct board_usage *u, struct board_usage *copy)
{
	return read_entry(&u->seq, u, copy, sizeof *copy);
}

bool board_adopted_read(const struct board_adopted *a, struct board_adopted *copy)
{
	bool whole = read_entry(&a->seq, a, copy, sizeof *copy);

	copy->n_addresses = MIN(copy->n_addresses, BOARD_ADDRESSES);
	copy->n_routes = MIN(copy->n_routes, BOARD_ROUTES);
	copy->name[EPOCH_NAME_LEN - 1] = 0;
	return whole;
}

bool board_opener_read(const struct board_opener *o, struct board_opener *copy)
{
	bool whole = read_entry(&o->seq, o, copy, sizeof *copy);

	copy->why[BOARD_WHY - 1] = 0;
	return whole;
}

uint32_t board_adoptions(const struct board *board)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		n += __atomic_load_n(&board->adopted[i].seq, __ATOMIC_ACQUIRE);
	return n;
}

bool board_link_set(struct board_links *links, uint32_t phys, uint64_t link)
{
	if (links->link[phys] == link)
		return false;
	__atomic_store_n(&links->link[phys], link, __ATOMIC_RELAXED);
	board_links_again(links);
	return true;
}

void board_links_again(struct board_links *links)
{
	__atomic_store_n(
	        &links->changes, links->changes + 1, __ATOMIC_RELEASE); /* with board_links_changes */
}

const char *board_death_text(char text[BOARD_DEATH_TEXT], int32_t signal, int32_t status)
{
	const char *word = signal ? sigabbrev_np(signal) : NULL;

	if (!signal)
		snprintf(text, BOARD_DEATH_TEXT, "exit %d", status);
	else
		snprintf(text, BOARD_DEATH_TEXT, "SIG%s", word ? word : "?");
	return text;
}

const char *board_role_name(enum role role)
{
	switch (role) {
	case ROLE_INGEST: return "ingest";
	case ROLE_FILTER: return "filter";
	case ROLE_ROUTER: return "router";
	case ROLE_SESSION: return "session";
	case ROLE_CONTROL: return "control";
	case ROLE_COUNT: break;
	}
	return "?";
}

const char *board_role_state_name(uint32_t state)
{
	switch ((enum board_role_state)state) {
	case BOARD_ROLE_NONE: return "none";
	case BOARD_ROLE_STARTING: return "starting";
	case BOARD_ROLE_RUNNING: return "running";
	case BOARD_ROLE_WAITING: return "waiting";
	case BOARD_ROLE_FAILED: return "failed";
	case BOARD_ROLE_STOPPED: return "stopped";
	}
	return "?";
}

const char *board_port_state_name(uint32_t state)
{
	switch ((enum board_port_state)state) {
	case BOARD_PORT_CLOSED: return "closed";
	case BOARD_PORT_OPENING: return "opening";
	case BOARD_PORT_UP: return "up";
	case BOARD_PORT_DOWN: return "down";
	case BOARD_PORT_ABSENT: return "absent";
	}
	return "?";
}
