#include "common/config/check.h"

#include <linux/rtnetlink.h>

/* Whether a table before it is the same; 0 stands for what was none. */
static bool stands_before(const struct config_netlink *n, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (n->tables[i] && n->tables[i] == n->tables[j])
			return true;
	return false;
}

static void check_tables(struct loader *l, struct config_netlink *n)
{
	for (uint32_t i = 0; i < n->n_tables; i++)
		if (stands_before(n, i))
			element_error(l, &n->item, "tables", i,
			        phrase("table %u for the second time", n->tables[i]).text, "each table once",
			        "The first place counts.");
	if (n->n_tables)
		return;
	n->tables = arena_take(l->arena, sizeof *n->tables);
	if (n->tables) {
		n->tables[0] = RT_TABLE_MAIN;
		n->n_tables = 1;
	}
}

static void check_fpm(struct loader *l, struct config_fpm *f)
{
	struct config_prefix at = {
	        .addr = f->listen.addr, .family = f->listen.family, .len = f->listen.family == 4 ? 32 : 128};

	if (f->n_from || address_is_loopback(&at))
		return;
	item_error(l, &f->item, "listen", phrase("%s without 'from'", address_text(&at, false).text).text,
	        "an address of this machine alone, or `from` beside it",
	        "Who connects makes routes: name those who may, as in from: [192.0.2.7/32].");
}

void check_dynamic_routes(struct loader *l)
{
	struct config_dynamic_routes *d = &l->config->dynamic_routes;

	if (d->item.node && !d->netlink.item.node && !d->fpm.item.node)
		item_error(l, &d->item, "netlink", "dynamic routes without a source", "`netlink` or `fpm`",
		        "netlink: {} follows the kernel's table main.");
	if (d->netlink.item.node)
		check_tables(l, &d->netlink);
	if (d->fpm.item.node)
		check_fpm(l, &d->fpm);
}
