/* dynamic: the sources of routes that come and go, and the moments at which they reach the FIBs. */
#include "services/control/routes/dynamic.h"

#include <stdlib.h>
#include <sys/random.h>

#define GATHER_MS 5u  /* after a change: what is deleted and told again at once is changed in one step */
#define LATER_MS  20u /* until something retired may be reclaimed, or an epoch is published */

static void on_flush(uv_timer_t *timer)
{
	struct control *c = timer->data;
	struct dynamic *d = c->dynamic;
	uint32_t slot[2];
	int more = rib_flush(d->rib);

	if (d->configure && !rib_inherits(d->rib))
		dynamic_configure(c);
	/* What a predecessor made can be read, not written: the same again, with a writer. */
	if (more < 0 && !rib_inherits(d->rib) && c->publisher.number &&
	        !publisher_live(&c->publisher, slot) && !c->apply.config) {
		if (d->tried || !start_again(c))
			return;
		d->tried = true;
	}
	if (more)
		uv_timer_start(timer, on_flush, more > 0 ? 1 : LATER_MS, 0);
}

static void changed(void *context)
{
	struct control *c = context;

	if (uv_is_active((uv_handle_t *)&c->dynamic->flush))
		return;
	uv_update_time(c->loop);
	uv_timer_start(&c->dynamic->flush, on_flush, GATHER_MS, 0);
}

static int open_sources(struct control *c, struct dynamic *d, const int *netlink)
{
	uint64_t key;
	int err;

	if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
		key = uv_hrtime();
	err = rib_open(&d->rib, &c->publisher, key);
	if (!err)
		rib_on_change(d->rib, monitor_route, c);
	if (!err && netlink)
		err = follow_open(&d->follow, c->loop, d->rib, netlink, changed, c);
	if (!err)
		err = fpm_open(&d->fpm, c->loop, d->rib, changed, c);
	return err;
}

int dynamic_open(struct control *c, const int *netlink)
{
	struct dynamic *d = calloc(1, sizeof *d);

	if (!d)
		return -ENOMEM;
	c->dynamic = d;
	uv_timer_init(c->loop, &d->flush);
	d->flush.data = c;
	c->open_handles++;
	d->inherits = c->publisher.number;
	if (open_sources(c, d, netlink))
		return -ENOMEM;
	if (d->inherits)
		rib_inherit(d->rib);
	changed(c);
	return 0;
}

bool dynamic_inherits(const struct control *c)
{
	return rib_inherits(c->dynamic->rib);
}

void dynamic_configure(struct control *c)
{
	struct dynamic *d = c->dynamic;
	const struct config_dynamic_routes *want = c->config ? &c->config->dynamic_routes : NULL;
	bool links;

	/* Not known yet: what there is stays. */
	d->configure = want && rib_inherits(d->rib);
	if (!want || d->configure)
		return;
	links = want->fpm.item.node && want->fpm.interfaces;
	rib_configure(d->rib, c->config);
	if (d->follow)
		follow_want(d->follow, want->netlink.tables.number,
		        want->netlink.item.node ? want->netlink.tables.n : 0, links);
	fpm_want(d->fpm, &want->fpm, d->inherits);
	if (rib_lacks(d->rib, RIB_NETLINK) && d->follow)
		follow_again(d->follow);
	if (rib_lacks(d->rib, RIB_FPM))
		fpm_again(d->fpm);
	d->inherits = false;
	changed(c);
}

void dynamic_published(struct control *c)
{
	c->dynamic->tried = false;
	changed(c);
}

int dynamic_fill_begin(struct control *c)
{
	return rib_fill_begin(c->dynamic->rib);
}

int dynamic_fill(struct control *c)
{
	return rib_fill(c->dynamic->rib);
}

void dynamic_withdraw(struct control *c)
{
	publish_withdraw(&c->publisher);
	rib_fill_end(c->dynamic->rib);
	changed(c);
}

void dynamic_close(struct control *c, uv_close_cb closed)
{
	struct dynamic *d = c->dynamic;

	if (!d)
		return;
	if (d->follow)
		follow_close(d->follow);
	if (d->fpm)
		fpm_close(d->fpm);
	uv_close((uv_handle_t *)&d->flush, closed);
}

void dynamic_free(struct control *c)
{
	if (c->dynamic && c->dynamic->rib)
		rib_close(c->dynamic->rib);
	free(c->dynamic);
}
