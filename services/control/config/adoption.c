/* adoption: addresses and routes that ports have taken over from the kernel's interfaces come into force. */
#include "services/control/internal.h"

#include "common/wire/addr.h"

#include <stdlib.h>
#include <string.h>

/* What the board tells, as config_adopt wants it. */
struct told {
	struct config_adopted_address address[EPOCH_PHYS_MAX * BOARD_ADDRESSES];
	struct config_adopted_route route[EPOCH_PHYS_MAX * BOARD_ROUTES];
	struct config_adopted all;
};

static struct config_prefix prefix_of(const struct ip6_addr *addr, uint8_t family, uint8_t len)
{
	return (struct config_prefix){.addr = *addr, .family = family, .len = len};
}

/* The opener has rights that control has not, but is not believed blindly either. */
static bool holds(const struct ip6_addr *addr, uint8_t family, uint8_t len)
{
	return family == 4 ? len <= 32 && ip6_addr_is_mapped(addr) : family == 6 && len <= 128;
}

static void take_address(struct told *t, const struct config_name *port, const struct board_address *a)
{
	if (holds(&a->addr, a->family, a->prefix_len))
		t->address[t->all.n_addresses++] = (struct config_adopted_address){
		        .port = *port, .address = prefix_of(&a->addr, a->family, a->prefix_len)};
}

static void take_route(struct told *t, const struct config_name *port, const struct board_route *r)
{
	bool via = !ip6_is_unspecified(&r->gateway);

	if (holds(&r->to, r->family, r->prefix_len) &&
	        (!via || holds(&r->gateway, r->family, r->family == 4 ? 32 : 128)))
		t->route[t->all.n_routes++] = (struct config_adopted_route){
		        .port = *port,
		        .to = prefix_of(&r->to, r->family, r->prefix_len),
		        .via = prefix_of(&r->gateway, via ? r->family : 0, r->family == 4 ? 32 : 128),
		        .metric = r->metric,
		        .onlink = r->flags & BOARD_ROUTE_ONLINK,
		};
}

static void take_port(struct told *t, const struct board_adopted *from)
{
	struct board_adopted copy;
	struct config_name port;

	/* Half of an entry, whose writer died: the next opener writes it anew. */
	if (!board_adopted_read(from, &copy) || !copy.name[0])
		return;
	memcpy(port.text, copy.name, sizeof port.text);
	for (uint32_t i = 0; i < copy.n_addresses; i++)
		take_address(t, &port, &copy.address[i]);
	for (uint32_t i = 0; i < copy.n_routes; i++)
		take_route(t, &port, &copy.route[i]);
}

int adoption_take(const struct control *c, struct config *config)
{
	const struct board *board = control_board(c);
	struct told *t = board ? calloc(1, sizeof *t) : NULL;
	int err;

	if (!t)
		return board ? -ENOMEM : 0;
	t->all.addresses = t->address;
	t->all.routes = t->route;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		take_port(t, &board->adopted[i]);
	err = config_adopt(config, &t->all);
	free(t);
	return err;
}

static bool is_opening(const struct board *board, const char *port)
{
	struct board_port copy;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (board_port_read(&board->port[i], &copy) && !strcmp(copy.name, port))
			return copy.state == BOARD_PORT_CLOSED || copy.state == BOARD_PORT_OPENING;
	return true;
}

bool adoption_opening(const struct board *board, const struct config *config)
{
	for (uint32_t i = 0; i < config->n_ports; i++)
		if (config->ports[i].adopt && is_opening(board, config->ports[i].name.text))
			return true;
	return false;
}

/* Ports are opened one after another.  With the default route of one, and the network of another not there
 * yet, packets to that would leave by the default, and their senders be redirected for minutes. */
static bool is_due(struct control *c)
{
	if (!c->adoption_due)
		c->adoption_due = uv_now(c->loop) + ADOPTION_WAIT_MS;
	if (uv_now(c->loop) < c->adoption_due && adoption_opening(control_board(c), c->config))
		return false;
	c->adoption_due = 0;
	return true;
}

/* Whatever is being put in force has what is adopted too, so that this waits for it. */
static void tick(uv_timer_t *timer)
{
	struct control *c = timer->data;
	uint32_t told = control_board(c) ? board_adoptions(control_board(c)) : 0;

	if (told == c->adoptions || !c->config || c->apply.config || !is_due(c) ||
	        adoption_take(c, c->config))
		return;
	c->adoptions = told;
	if (c->config->adopted_identity != publisher_epoch(&c->publisher)->header->adopted)
		apply_adopted(c);
}

void adoption_begin(struct control *c)
{
	uv_timer_start(&c->adoption_timer, tick, ADOPTION_TICK_MS, ADOPTION_TICK_MS);
}
