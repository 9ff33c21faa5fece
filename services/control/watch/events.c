#include "services/control/watch/events.h"

#include "common/wire/text.h"

#include <stdio.h>

static const char *const kind_names[] = {
#define X(name, word) word,
        EVENT_KINDS(X)
#undef X
};

const char *event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

enum event_kind event_kind_of(const char *name)
{
	uint32_t k = 0;

	while (k < EVENT_KINDS_N && strcmp(kind_names[k], name) != 0)
		k++;
	return (enum event_kind)k;
}

static struct event begin(enum event_kind kind, const char *name, const char *what)
{
	struct event e = {.kind = kind, .what = what};

	snprintf(e.name, sizeof e.name, "%s", name);
	return e;
}

static void emit(const struct event_sink *to, const struct event *e)
{
	to->emit(to->context, e);
}

/* ---- processes ---- */

static void died(const struct event_sink *to, const char *name, const struct board_role *was,
        const struct board_role *is)
{
	struct event e = begin(EVENT_PROCESS, name, is->stalls != was->stalls ? "stalled" : "died");
	uint64_t others = is->starts - was->starts;
	char how[BOARD_DEATH_TEXT];
	size_t len;

	e.at = is->died_at;
	e.pid = (uint32_t)was->pid;
	snprintf(e.text, sizeof e.text, "%s", board_death_text(how, is->last_signal, is->last_exit));
	len = strlen(e.text);
	/* One start is what follows this death; where it lives not yet, it follows later. */
	if (others > 1)
		snprintf(e.text + len, sizeof e.text - len, ", the last of %llu deaths",
		        (unsigned long long)others);
	len = strlen(e.text);
	if (is->crash)
		snprintf(e.text + len, sizeof e.text - len, "; sluice crash show %u", is->crash);
	emit(to, &e);
}

void events_role(const struct event_sink *to, const char *name, const struct board_role *was,
        const struct board_role *is)
{
	struct event e = begin(EVENT_PROCESS, name, "started");

	if (is->died_at != was->died_at)
		died(to, name, was, is);
	if (is->starts != was->starts) {
		e.at = is->started_at;
		e.pid = (uint32_t)is->pid;
		snprintf(e.text, sizeof e.text, "start %llu", (unsigned long long)is->starts);
		emit(to, &e);
	}
	if (is->state == was->state || (is->state != BOARD_ROLE_FAILED && is->state != BOARD_ROLE_STOPPED))
		return;
	e = begin(EVENT_PROCESS, name, is->state == BOARD_ROLE_FAILED ? "failed" : "stopped");
	if (is->state == BOARD_ROLE_FAILED)
		snprintf(e.text, sizeof e.text,
		        "it has died of its own faults too often, and is started seldom");
	emit(to, &e);
}

/* ---- ports ---- */

static void port_changed(
        const struct event_sink *to, const struct event_port *was, const struct event_port *is)
{
	struct event e = begin(EVENT_PORT, is->name, is->state);
	bool stays = strcmp(was->state, is->state) == 0;

	if (!stays || was->incarnation != is->incarnation) {
		if (stays)
			e.what = "replaced";
		snprintf(e.text, sizeof e.text, "%s", *is->reason ? is->reason : is->how);
		emit(to, &e);
	} else if (strcmp(was->how, is->how) != 0) {
		e.what = "driver";
		snprintf(e.text, sizeof e.text, "%s instead of %s", *is->how ? is->how : "none",
		        *was->how ? was->how : "none");
		emit(to, &e);
	}
	if (was->carrier == is->carrier || !stays)
		return;
	e = begin(EVENT_PORT, is->name, is->carrier ? "carrier" : "no carrier");
	emit(to, &e);
}

void events_port(const struct event_sink *to, const struct event_port *was, const struct event_port *is)
{
	struct event e;

	if (*was->name && *is->name && strcmp(was->name, is->name) == 0) {
		port_changed(to, was, is);
		return;
	}
	if (*was->name) {
		e = begin(EVENT_PORT, was->name, "removed");
		emit(to, &e);
	}
	if (*is->name) {
		e = begin(EVENT_PORT, is->name, "added");
		snprintf(e.text, sizeof e.text, "%s%s%s", is->state, *is->reason ? ": " : "", is->reason);
		emit(to, &e);
	}
}

/* ---- neighbors ---- */

static void neighbor_event(const struct event_sink *to, const struct event_neighbor *n, const char *what,
        const struct mac_addr *before)
{
	struct event e = begin(EVENT_NEIGHBOR, n->address, what);
	char text[TEXT_MAC_SIZE];

	snprintf(e.port, sizeof e.port, "%s", n->port);
	if (n->resolved)
		snprintf(e.mac, sizeof e.mac, "%s", text_mac(text, &n->mac));
	if (before)
		snprintf(e.text, sizeof e.text, "it was %s", text_mac(text, before));
	emit(to, &e);
}

void events_neighbor(
        const struct event_sink *to, const struct event_neighbor *was, const struct event_neighbor *is)
{
	bool same = strcmp(was->address, is->address) == 0 && strcmp(was->port, is->port) == 0;

	if (*was->address && !same)
		neighbor_event(to, was, "gone", NULL);
	if (!*is->address)
		return;
	if (!same)
		neighbor_event(to, is, is->failed ? "failed" : "new", NULL);
	else if (is->failed && !was->failed)
		neighbor_event(to, is, "failed", NULL);
	else if (is->resolved && !was->resolved)
		neighbor_event(to, is, "resolved", NULL);
	else if (is->resolved && memcmp(&is->mac, &was->mac, sizeof is->mac) != 0)
		neighbor_event(to, is, "changed", &was->mac);
}

/* ---- routes ---- */

void events_route(const struct event_sink *to, const struct event_route *r)
{
	struct event e = begin(EVENT_ROUTE, r->to, r->what);
	size_t len;

	snprintf(e.port, sizeof e.port, "%s", r->port);
	snprintf(e.text, sizeof e.text, "%s%s%sproto %s metric %u", *r->gateway ? "via " : "", r->gateway,
	        *r->gateway ? " " : "", r->protocol, r->metric);
	len = strlen(e.text);
	if (r->ways > 1)
		snprintf(e.text + len, sizeof e.text - len, ", the first of %u ways", r->ways);
	emit(to, &e);
}

/* ---- who asks, and what is changed ---- */

void events_clients(
        const struct event_sink *to, const struct event_clients *was, const struct event_clients *is)
{
	struct event e = begin(EVENT_CLIENT, "calls", "refused");

	if (is->refused != was->refused) {
		snprintf(e.text, sizeof e.text, "%llu, by role or limit",
		        (unsigned long long)(is->refused - was->refused));
		emit(to, &e);
	}
	e.what = "malformed";
	if (is->malformed != was->malformed) {
		snprintf(e.text, sizeof e.text, "%llu", (unsigned long long)(is->malformed - was->malformed));
		emit(to, &e);
	}
}

void events_entry(const struct event_sink *to, const struct entry *r)
{
	char number[16];
	struct event e;

	snprintf(number, sizeof number, "%u", r->number);
	e = begin(EVENT_CONFIG, number, entry_event_word((enum entry_event)r->event));
	e.pid = r->pid;
	if (r->why[0])
		snprintf(e.text, sizeof e.text, "%s", r->why);
	else if (r->change[0])
		snprintf(e.text, sizeof e.text, "%s", r->change);
	else if (r->event == ENTRY_APPLIED || r->event == ENTRY_RESTORED)
		snprintf(e.text, sizeof e.text, "epoch %u", r->epoch);
	emit(to, &e);
}
