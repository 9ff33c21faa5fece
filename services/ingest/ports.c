#include "services/ingest/ports_internal.h"

#include "services/ingest/grants.h"

#include <stdlib.h>
#include <unistd.h>

/* Which of the port's queues is this lane's; queues: none. */
uint32_t ports_queue(const struct stage_env *env, const struct epoch_port *p, uint32_t *queues)
{
	uint32_t lanes = env->params->lanes;

	assert(lanes > 0);
	*queues = MIN(MAX((uint32_t)p->queues, 1u), lanes);
	return MIN((env->lane + lanes - p->lane % lanes) % lanes, *queues);
}

const struct epoch_port *ports_physical(const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = epoch_port(epoch, (struct port_id){(uint16_t)port});

	return p && p->kind == EPOCH_PORT_PHYSICAL && ports_driver(p->driver) ? p : NULL;
}

static void view_port(
        const struct ports *ports, struct ports_view *v, const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = ports_physical(epoch, port);
	uint32_t queues, queue;

	v->identity[port] = 0;
	if (!p)
		return;
	queue = ports_queue(ports->env, p, &queues);
	if (queue == queues)
		return;
	v->queue[port] = (uint8_t)queue;
	v->driver[port] = p->driver;
	v->identity[port] = hash_mix(settings_identity(ports_text(epoch, p)),
	                            (uint64_t)p->driver << 32 | queues << 8 | queue) |
	                    1;
}

const struct ports_view *ports_view_of(struct ports *ports, const struct epoch *epoch)
{
	struct ports_view *v = &ports->view[epoch->number & 1];

	if (likely(v->number == epoch->number))
		return v;
	v->number = epoch->number;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		view_port(ports, v, epoch, i);
	return v;
}

/* What the worker's rounds follow: the largest wish among its ports. */
static void set_pace(struct ports *ports)
{
	struct pace_settings *pace = ports->env->pace, none = PACE_DEFAULTS;

	if (!pace)
		return;
	pace->budget = ports->n_open ? 0 : none.budget;
	pace->budget_time = ports->n_open ? 0 : none.budget_time;
	pace->weight = ports->n_open ? 0 : none.weight;
	pace->busy_poll = 0;
	for (uint32_t k = 0; k < ports->n_open; k++) {
		const struct pace_settings *p = &ports->port[ports->open[k]].pace;

		pace->budget = MAX(pace->budget, p->budget);
		pace->budget_time = MAX(pace->budget_time, p->budget_time);
		pace->weight = MAX(pace->weight, p->weight);
		pace->busy_poll = MAX(pace->busy_poll, p->busy_poll);
	}
}

static void list_open(struct ports *ports)
{
	ports->n_open = 0;
	for (uint32_t leaves = 0; leaves < 2; leaves++) {
		for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
			if (ports->port[i].open && ports->port[i].leaves == leaves)
				ports->open[ports->n_open++] = (uint8_t)i;
		if (!leaves)
			ports->n_polled = ports->n_open;
	}
	set_pace(ports);
}

static void close_port(struct ports *ports, uint32_t port)
{
	struct open_port *o = &ports->port[port];

	if (o->open)
		o->nic.ops->close(&o->nic);
	for (uint32_t i = 0; i < o->n_fds; i++)
		close(o->nic.fd[i]);
	o->n_fds = 0;
	o->open = false;
	o->identity = 0;
	o->incarnation = 0;
	o->retry = NANOS_NEVER;
	ports->touched &= ~(1u << port);
	ports->kicks &= ~(1u << port);
	list_open(ports);
}

static bool leaves(const struct ports *ports, uint32_t port)
{
	return !ports->view[ports->newest & 1].identity[port];
}

/* Opens the port for what its state is; where that cannot be it is tried again, a live one when its opener
 * speaks too. */
static void open_port(struct ports *ports, const struct epoch *epoch, uint32_t port, nanos_t now)
{
	struct open_port *o = &ports->port[port];
	int err;

	close_port(ports, port);
	o->identity = ports->state[port].identity;
	o->incarnation = ports->state[port].incarnation;
	err = ports_open_nic(ports, epoch, port);
	o->open = err == 0;
	o->leaves = leaves(ports, port);
	if (err) {
		for (uint32_t i = 0; i < o->n_fds; i++)
			close(o->nic.fd[i]);
		o->n_fds = 0;
		o->retry = err == -EAGAIN ? NANOS_NEVER : now + PORTS_RETRY;
		ports->retry = MIN(ports->retry, o->retry);
	} else if (o->nic.ops->apply) {
		o->nic.ops->apply(&o->nic);
	}
	list_open(ports);
	if (o->open)
		ports->kicks |= 1u << port;
}

struct nic *ports_get(struct ports *ports, const struct epoch *epoch, struct port_id port)
{
	uint64_t wanted;
	struct open_port *o;

	if (unlikely(port.v >= EPOCH_PHYS_MAX))
		return NULL;
	wanted = ports_view_of(ports, epoch)->identity[port.v];
	o = &ports->port[port.v];
	if (unlikely(!wanted || wanted != ports->state[port.v].identity))
		return NULL;
	if (unlikely(o->identity != wanted))
		open_port(ports, epoch, port.v, 0);
	return o->open ? &o->nic : NULL;
}

/* Zeroes what is not zero, so that an untouched state costs no undo lines. */
static void clear_state(struct journal *j, struct port_state *s)
{
	static const uint8_t zero[CACHE_LINE];
	uint8_t *line = (uint8_t *)s;

	for (uint32_t i = 0; i < PORT_STATE_LINES; i++, line += CACHE_LINE)
		if (memcmp(line, zero, CACHE_LINE) != 0)
			memset(journal_touch(j, line), 0, CACHE_LINE);
}

struct taking_back {
	struct ports *ports;
	struct burst *burst;
	struct port_id port;
};

/* A buffer that a kernel had which is gone. */
static bool take_back(void *ctx, struct pkt_index index, enum ledger_side side)
{
	const struct taking_back *t = ctx;
	struct burst *b = t->burst;
	bool room = side == LEDGER_TX ? burst_drop_held(b, b->n, index, DROP_PORT_DOWN)
	                              : burst_discard(b, index);

	return room && ledger_take(&t->ports->ledger, index, t->port, side);
}

/* All that the state of a port has leaves it.  false: not all had room. */
static bool empty_state(struct ports *ports, uint32_t port, struct burst *burst)
{
	struct port_state *s = &ports->state[port];
	const struct nic_ops *driver = ports_driver(s->driver);
	struct journal *j = ports->env->journal;
	struct taking_back t = {ports, burst, {(uint16_t)port}};

	close_port(ports, port);
	if (!driver)
		return true;
	if (!nic_fault.drain(j, s->fault, burst) || (driver->drain && !driver->drain(j, s->wire, burst)))
		return false;
	return !epoch_driver_live(s->driver) || ledger_each(&ports->ledger, t.port, take_back, &t);
}

/* The state of a port becomes that of another. */
static void change_state(
        struct ports *ports, const struct ports_view *v, uint32_t port, nanos_t now, struct burst *burst)
{
	struct port_state *s = &ports->state[port];
	struct journal *j = ports->env->journal;

	if (!empty_state(ports, port, burst))
		return;
	clear_state(j, s);
	if (v->identity[port]) {
		journal_touch(j, s);
		s->identity = v->identity[port];
		s->opened_at = now;
		s->driver = v->driver[port];
		s->queue = v->queue[port];
	}
}

/* Whether the opener has opened what the state is for: where BPF is refused it takes AF_PACKET. */
static bool stands_for(uint32_t opened, uint32_t wanted)
{
	return opened == wanted || (opened == EPOCH_DRIVER_AF_PACKET && wanted == EPOCH_DRIVER_AF_XDP);
}

/* What a live port's state can do. */
enum live_step { LIVE_REST, LIVE_CHANGE, LIVE_BEGIN };

static enum live_step live_step(
        const struct port_state *s, uint64_t wanted, uint32_t port, struct grant *word)
{
	bool said = grants_last(port, s->queue, word);

	if (s->incarnation) {
		if (!said || word->incarnation < s->incarnation)
			return LIVE_REST; /* not a word yet about what the predecessor had */
		return word->incarnation > s->incarnation || word->what == GRANT_GONE ? LIVE_CHANGE
		                                                                      : LIVE_REST;
	}
	if (wanted != s->identity)
		return LIVE_CHANGE;
	return said && word->what == GRANT_OPEN && stands_for(word->driver, s->driver) ? LIVE_BEGIN
	                                                                               : LIVE_REST;
}

/* One step towards what the epoch and the opener say.  false: there was none to take. */
static bool settle_state(
        struct ports *ports, const struct ports_view *v, uint32_t port, nanos_t now, struct burst *burst)
{
	struct port_state *s = &ports->state[port];
	struct grant word;

	if (!epoch_driver_live(s->driver)) {
		if (v->identity[port] == s->identity || (ports->older && leaves(ports, port)))
			return false;
		change_state(ports, v, port, now, burst);
		return true;
	}
	switch (live_step(s, v->identity[port], port, &word)) {
	case LIVE_REST: return false;
	case LIVE_CHANGE: change_state(ports, v, port, now, burst); return true;
	case LIVE_BEGIN:
		close_port(ports, port);
		journal_touch(ports->env->journal, s);
		s->incarnation = word.incarnation;
		s->driver = word.driver;
		s->opened_at = now;
		return true;
	}
	return false;
}

/* The private side of a live port follows the opener's last word. */
static void follow_word(struct ports *ports, const struct ports_view *v, uint32_t port)
{
	struct open_port *o = &ports->port[port];
	const struct port_state *s = &ports->state[port];
	struct grant word;

	if (!o->open) {
		close_port(ports, port); /* to be tried anew */
		return;
	}
	if (!grants_last(port, s->queue, &word) || word.what != GRANT_OPEN ||
	        word.incarnation != o->incarnation ||
	        (v->identity[port] != o->identity && !(ports->older && o->leaves))) {
		close_port(ports, port);
		return;
	}
	o->nic.grant = word;
}

/* Opens what is to be opened, and anew what depends on others' states. */
static void settle_open(struct ports *ports, const struct epoch *epoch, const struct ports_view *v,
        uint32_t port, nanos_t now, bool adopting)
{
	struct open_port *o = &ports->port[port];
	bool live = epoch_driver_live(ports->state[port].driver);

	if (o->leaves != leaves(ports, port)) {
		o->leaves = leaves(ports, port);
		list_open(ports);
	}
	if (live)
		follow_word(ports, v, port);
	else if (o->identity && !o->open && (adopting || o->retry <= now))
		close_port(ports, port);
	/* A driver that knows a peer's state looks for it again. */
	if (!live && adopting && o->open && !o->leaves && ports_driver(ports->state[port].driver)->drain)
		close_port(ports, port);
	if (v->identity[port] && v->identity[port] == ports->state[port].identity &&
	        o->identity != v->identity[port])
		open_port(ports, epoch, port, now);
}

/* Settings of polling, and the MTU, may change while a port stays open. */
static void follow_epoch(struct ports *ports, const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = ports_physical(epoch, port);
	struct nic_settings settings;
	char error[NIC_ERROR_BYTES];

	if (!p || !ports->port[port].open)
		return;
	ports->port[port].nic.mtu = p->mtu;
	if (!settings_parse(
	            &settings, (enum epoch_driver)p->driver, ports_text(epoch, p), error, sizeof error))
		ports->port[port].pace = ports_pace(&settings.poll);
}

static bool settle(
        struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst, bool adopting)
{
	const struct ports_view *v = ports_view_of(ports, epoch);
	uint32_t heard = grants_count();

	ports->unsettled = true;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (settle_state(ports, v, i, now, burst))
			return false;
	ports->retry = NANOS_NEVER;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		settle_open(ports, epoch, v, i, now, adopting);
		ports->retry = MIN(
		        ports->retry, ports->port[i].identity ? ports->port[i].retry : NANOS_NEVER);
		if (adopting)
			follow_epoch(ports, epoch, i);
	}
	set_pace(ports);
	ports->heard = heard;
	ports->unsettled = false;
	return true;
}

bool ports_adopt(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	ports->newest = epoch->number;
	ports->older = true;
	return settle(ports, epoch, now, burst, true);
}

bool ports_retire(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	/* What has just been given to a kernel is on its way before the opener closes the rings. */
	for (uint32_t k = ports->n_polled; k < ports->n_open; k++) {
		struct nic *nic = &ports->port[ports->open[k]].nic;

		if (nic->ops->kick)
			nic->ops->kick(nic);
	}
	ports->older = false;
	return settle(ports, epoch, now, burst, true);
}

bool ports_unsettled(const struct ports *ports, nanos_t now)
{
	return ports->unsettled || ports->heard != grants_count() || ports->retry <= now;
}

void ports_settle(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	(void)!settle(ports, epoch, now, burst, false);
}

nanos_t ports_await(struct ports *ports, nanos_t now)
{
	struct grant word;

	if (likely(!ports->awaits))
		return 0;
	if (ports->awaits == NANOS_NEVER)
		ports->awaits = now + PORTS_AWAIT;
	if (now < ports->awaits)
		for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
			const struct port_state *s = &ports->state[i];

			if (s->incarnation &&
			        (!grants_last(i, s->queue, &word) || word.incarnation < s->incarnation))
				return ports->awaits;
		}
	ports->awaits = 0;
	return 0;
}

void ports_apply(struct ports *ports)
{
	ledger_apply(&ports->ledger);
	for (uint32_t mask = ports->touched; mask; mask &= mask - 1) {
		struct nic *nic = &ports->port[__builtin_ctz(mask)].nic;

		if (nic->ops->apply)
			nic->ops->apply(nic);
	}
	ports->kicks |= ports->touched;
	ports->touched = 0;
}

const char *ports_error(const struct ports *ports, uint32_t port)
{
	const struct open_port *o = &ports->port[port];

	if (o->open)
		return o->nic.grant.what && !o->nic.grant.link
		               ? o->nic.grant.reason[0] ? o->nic.grant.reason : "no carrier"
		               : NULL;
	return o->identity ? o->error : NULL;
}

int ports_attach(struct ports *ports, const struct stage_env *env, struct port_state *state,
        struct ledger_state *ledger)
{
	memset(ports, 0, sizeof *ports);
	ports->env = env;
	ports->state = state;
	ports->retry = NANOS_NEVER;
	ports->heard = grants_count();
	ports->port = calloc(EPOCH_PHYS_MAX, sizeof *ports->port);
	if (!ports->port)
		return -ENOMEM;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		ports->port[i].retry = NANOS_NEVER;
		if (state[i].incarnation)
			ports->awaits = NANOS_NEVER;
	}
	ledger_attach(&ports->ledger, ledger, env->journal, env->params->buffers);
	return 0;
}

void ports_detach(struct ports *ports)
{
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		close_port(ports, i);
	free(ports->port);
}
