#include "common/config/check.h"

#include <linux/rtnetlink.h>

/* Whether a table before it is the same; 0 stands for what was none. */
static bool stands_before(const struct config_tables *t, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (t->number[i] && t->number[i] == t->number[j])
			return true;
	return false;
}

static void check_tables(struct loader *l, const struct config_item *item, struct config_tables *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (stands_before(t, i))
			element_error(l, item, "tables", i,
			        phrase("table %u for the second time", t->number[i]).text, "each table once",
			        "The first place counts.");
	if (t->n)
		return;
	t->number = arena_take(l->arena, sizeof *t->number);
	if (t->number) {
		t->number[0] = RT_TABLE_MAIN;
		t->n = 1;
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
		check_tables(l, &d->netlink.item, &d->netlink.tables);
	if (!d->fpm.item.node)
		return;
	check_tables(l, &d->fpm.item, &d->fpm.tables);
	check_fpm(l, &d->fpm);
}
