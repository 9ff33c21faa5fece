/* What of an open port follows the epochs without its being opened anew: the MTU, and the MACs that frames
 * are taken for.  Packets of two epochs may be under way, and those of a third be offered: the port serves
 * all of them.
 *
 * The memberships of an epoch are a socket of their own, so that they end with it whoever of us lives then.
 * An MTU hangs on no descriptor: before another one is told to the kernel it is kept that none is known, and
 * who comes after a death tells the one that is wanted. */
#include "services/keeper/opener/port_internal.h"

#include <stdio.h>
#include <unistd.h>

/* Whose frames are to be taken, as a number; never 0. */
static uint64_t members_of(const struct open_wish *wish)
{
	uint64_t id = hash_mix(1, wish->promiscuous);

	for (uint32_t i = 0; i < sizeof wish->mac.b; i++)
		id = hash_mix(id, wish->mac.b[i]);
	return id | 1;
}

void port_follow_begin(struct port *p)
{
	p->mtu = p->want.wish.mtu;
	p->members = members_of(&p->want.wish);
	p->more = 0;
}

/* The MTU. */

static int set_mtu(struct port *p, const struct port_host *host, uint32_t mtu)
{
	int err;

	p->mtu = 0;
	port_keep_own(p, host);
	err = netlink_link_mtu(host->nl, p->opened.ifindex, mtu);
	p->mtu = mtu;
	port_keep_own(p, host);
	return err;
}

/* Only what an epoch changed: who sets another MTU by hand keeps it.  Packets of the epoch before that in
 * force may be as large as it said. */
static int follow_mtu(struct port *p, const struct port_host *host)
{
	uint32_t mtu = MAX(p->want.wish.mtu, p->offer.identity ? p->offer.wish.mtu : 0);

	return p->mtu == mtu || (host->older && mtu < p->link.mtu) ? 0 : set_mtu(p, host, mtu);
}

/* The MACs. */

static int join_more(struct port *p, const struct port_host *host, const struct open_wish *wish, char *why)
{
	int fd = open_join(wish, p->opened.ifindex, why), *more = &p->opened.part[OPEN_MORE];

	if (fd < 0)
		return fd;
	if (*more >= 0)
		close(*more);
	*more = fd;
	p->more = members_of(wish);
	port_keep_own(p, host);
	return 0;
}

static int have_members(struct port *p, const struct port_host *host, const struct open_wish *wish, char *why)
{
	uint64_t id = members_of(wish);

	return p->members == id || p->more == id ? 0 : join_more(p, host, wish, why);
}

static void leave_more(struct port *p, const struct port_host *host)
{
	int *more = &p->opened.part[OPEN_MORE];

	if (*more < 0)
		return;
	close(*more);
	*more = -1;
	p->more = 0;
	port_keep_own(p, host);
}

/* Those of what is in force, and beside them those that packets offered, or of the epoch before, need. */
static void follow_members(struct port *p, const struct port_host *host)
{
	uint64_t id = members_of(&p->want.wish);
	char why[OPEN_ERROR_BYTES];

	if (have_members(p, host, &p->want.wish, why))
		return; /* the old ones stay; again with the next look */
	if (p->members != id) {
		int *part = p->opened.part, old = part[OPEN_MEMBERSHIPS];

		part[OPEN_MEMBERSHIPS] = part[OPEN_MORE];
		part[OPEN_MORE] = old;
		p->more = p->members;
		p->members = id;
		port_keep_own(p, host);
	}
	if (!host->older && !(p->offer.identity && members_of(&p->offer.wish) == p->more))
		leave_more(p, host);
}

/* The other end of a TAP is the kernel itself, which has no filter there. */
static bool has_members(const struct port *p)
{
	return p->driver != EPOCH_DRIVER_TAP;
}

void port_follow(struct port *p, const struct port_host *host)
{
	if (!p->identity || !p->want.identity || !p->link.ifindex)
		return;
	(void)follow_mtu(p, host); /* as it then is, the board shows */
	if (has_members(p))
		follow_members(p, host);
}

/* Offers. */

/* What can be told without doing it. */
static int judge_mtu(const struct port *p, const struct port_host *host, const struct port_want *offer,
        const struct netlink_link *link, char *why)
{
	enum epoch_driver driver = p->identity == offer->identity ? p->driver : offer->wish.driver;

	if (driver == EPOCH_DRIVER_AF_XDP && !open_xdp_fits(host->pool, offer->wish.mtu)) {
		snprintf(why, OPEN_ERROR_BYTES, "frames of that MTU do not fit a buffer of af_xdp");
		return -EMSGSIZE;
	}
	if (!link->mtu_max || offer->wish.mtu <= link->mtu_max)
		return 0;
	snprintf(why, OPEN_ERROR_BYTES, "the kernel takes no MTU above %u on %s", link->mtu_max, link->name);
	return -EINVAL;
}

static int offer_mtu(struct port *p, const struct port_host *host, char *why)
{
	uint32_t before = p->mtu;
	int err = follow_mtu(p, host);

	if (!err)
		return 0;
	snprintf(why, OPEN_ERROR_BYTES, "the kernel does not set it on %s: %s", p->opened.interface,
	        strerror(-err));
	p->mtu = before;
	port_keep_own(p, host);
	return err;
}

static int offer_members(struct port *p, const struct port_host *host, char *why)
{
	if (!has_members(p))
		return 0;
	if (p->want.identity) /* before the second place is taken */
		follow_members(p, host);
	return have_members(p, host, &p->offer.wish, why);
}

int port_offer(struct port *p, const struct port_host *host, const struct port_want *offer,
        enum board_refusal *refused, char *why)
{
	struct netlink_link link;
	int err;

	*refused = BOARD_REFUSED_MTU;
	if (!offer->identity || netlink_link(host->nl, offer->wish.interface, &link))
		return 0;
	err = judge_mtu(p, host, offer, &link, why);
	if (err || !p->identity || p->opened.ifindex != link.ifindex)
		return err;
	p->offer = *offer;
	err = offer_mtu(p, host, why);
	if (!err) {
		*refused = BOARD_REFUSED_MAC;
		err = offer_members(p, host, why);
	}
	if (err)
		port_withdraw(p, host);
	return err;
}

void port_withdraw(struct port *p, const struct port_host *host)
{
	p->offer = (struct port_want){0};
	port_follow(p, host);
}
