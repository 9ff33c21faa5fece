#include "services/keeper/opener/adopt.h"

#include "services/keeper/opener/ethtool.h"
#include "services/keeper/opener/open.h"

#include <fcntl.h>
#include <linux/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADOPT_MAGIC 0x54504441u /* "ADPT" */
#define ADOPT_BYTES (1u << 20)  /* of messages, at most */
#define ADOPT_PATH  1200u

#define GEN_NONE 1 /* IN6_ADDR_GEN_MODE_NONE */

/* The file: this, then the messages by which the kernel told of addresses, then those of routes. */
struct adopt_head {
	uint32_t magic;
	uint32_t ifindex;
	char interface[EPOCH_NAME_LEN];
	uint32_t mtu;
	uint8_t up;
	uint8_t addr_gen_mode;
	uint8_t addresses; /* were taken */
	int8_t gro;        /* negative: unknown */
	uint32_t bytes;    /* of messages */
};

struct collected {
	struct adopt_head head;
	_Alignas(8) uint8_t messages[ADOPT_BYTES];
};

static uint32_t attribute_u32(const struct nlmsghdr *m, size_t bytes, uint16_t type)
{
	struct rtnl_attribute a;
	uint32_t value;

	return rtnl_attribute_find(netlink_attributes(m, bytes), type, &a) && rtnl_u32(&a, &value) ? value
	                                                                                           : 0;
}

static int collect(struct collected *c, const struct nlmsghdr *m)
{
	uint32_t bytes = NLMSG_ALIGN(m->nlmsg_len);

	if (bytes > ADOPT_BYTES - c->head.bytes)
		return -E2BIG;
	memcpy(c->messages + c->head.bytes, m, m->nlmsg_len);
	c->head.bytes += bytes;
	return 0;
}

static int collect_address(void *context, const struct nlmsghdr *m)
{
	struct collected *c = context;
	const struct ifaddrmsg *a = netlink_data(m);

	return m->nlmsg_type == RTM_NEWADDR && a->ifa_index == c->head.ifindex ? collect(c, m) : 0;
}

/* Those that somebody has set; what the kernel makes of addresses comes back with them. */
static int collect_route(void *context, const struct nlmsghdr *m)
{
	struct collected *c = context;
	const struct rtmsg *r = netlink_data(m);

	if (m->nlmsg_type != RTM_NEWROUTE || r->rtm_table != RT_TABLE_MAIN ||
	        r->rtm_protocol == RTPROT_KERNEL || r->rtm_protocol == RTPROT_REDIRECT ||
	        r->rtm_flags & RTM_F_CLONED)
		return 0;
	return attribute_u32(m, sizeof *r, RTA_OIF) == c->head.ifindex ? collect(c, m) : 0;
}

static int collect_addresses(struct netlink *nl, struct collected *c)
{
	int err = netlink_dump(nl, RTM_GETADDR, AF_INET, collect_address, c);

	return err ? err : netlink_dump(nl, RTM_GETADDR, AF_INET6, collect_address, c);
}

static int collect_routes(struct netlink *nl, struct collected *c)
{
	int err = netlink_dump(nl, RTM_GETROUTE, AF_INET, collect_route, c);

	return err ? err : netlink_dump(nl, RTM_GETROUTE, AF_INET6, collect_route, c);
}

static int collect_all(struct netlink *nl, struct collected *c)
{
	int err = collect_addresses(nl, c);

	return err ? err : collect_routes(nl, c);
}

/* Every message in turn; NULL behind the last, or where what follows is none. */
static struct nlmsghdr *message_after(struct collected *c, const struct nlmsghdr *m)
{
	size_t at = m ? (size_t)((const uint8_t *)m - c->messages) + NLMSG_ALIGN(m->nlmsg_len) : 0;
	struct nlmsghdr *next = (struct nlmsghdr *)(void *)(c->messages + at);

	if (at + sizeof *next > c->head.bytes || next->nlmsg_len < sizeof *next ||
	        next->nlmsg_len > c->head.bytes - at)
		return NULL;
	return next;
}

/* Files. */

static int write_whole(const char *path, const void *bytes, size_t n)
{
	char part[ADOPT_PATH];
	int fd, err = 0;

	snprintf(part, sizeof part, "%s.part", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, bytes, n) != (ssize_t)n || fsync(fd))
		err = errno ? -errno : -ENOSPC;
	close(fd);
	if (!err && rename(part, path))
		err = -errno;
	if (err)
		unlink(part);
	return err;
}

static int read_whole(const char *path, struct collected *c)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, c, sizeof *c);
	close(fd);
	if (n < (ssize_t)sizeof c->head || c->head.magic != ADOPT_MAGIC ||
	        c->head.bytes > (size_t)n - offsetof(struct collected, messages) ||
	        c->head.interface[EPOCH_NAME_LEN - 1])
		return -EINVAL;
	return 0;
}

/* The board. */

/* false: it is none that Sluice can have. */
static bool own_address_of(struct board_address *to, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *a = netlink_data(m);
	const struct rtnl_bytes all = netlink_attributes(m, sizeof *a);
	struct rtnl_attribute own;

	*to = (struct board_address){
	        .family = a->ifa_family == AF_INET ? 4 : 6, .prefix_len = a->ifa_prefixlen};
	return (rtnl_attribute_find(all, IFA_LOCAL, &own) || rtnl_attribute_find(all, IFA_ADDRESS, &own)) &&
	       rtnl_address(a->ifa_family, own.value, own.len, &to->addr);
}

/* A port has a link-local address of its own making. */
static void tell_address(struct board_adopted *b, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *a = netlink_data(m);
	struct board_address to;

	if (a->ifa_scope >= RT_SCOPE_LINK)
		return;
	if (b->n_addresses == BOARD_ADDRESSES || !own_address_of(&to, m))
		b->left_out++;
	else
		b->address[b->n_addresses++] = to;
}

/* An address that a route may lack.  false: it is no address of the family. */
static bool take_address(struct rtnl_bytes in, uint16_t type, uint8_t family, struct ip6_addr *to)
{
	struct rtnl_attribute a;

	return !rtnl_attribute_find(in, type, &a) || rtnl_address(family, a.value, a.len, to);
}

/* false: it is a route that Sluice does not have. */
static bool route_of(struct board_route *to, const struct nlmsghdr *m)
{
	const struct rtmsg *r = netlink_data(m);
	const struct rtnl_bytes all = netlink_attributes(m, sizeof *r);
	struct rtnl_attribute other;

	*to = (struct board_route){.metric = attribute_u32(m, sizeof *r, RTA_PRIORITY),
	        .family = r->rtm_family == AF_INET ? 4 : 6,
	        .prefix_len = r->rtm_dst_len,
	        .flags = r->rtm_flags & RTNH_F_ONLINK ? BOARD_ROUTE_ONLINK : 0};
	if (to->family == 4)
		to->to = ip6_addr_mapped((struct be32){0});
	return r->rtm_type == RTN_UNICAST && !r->rtm_src_len && !r->rtm_tos &&
	       !rtnl_attribute_find(all, RTA_VIA, &other) && !rtnl_attribute_find(all, RTA_ENCAP, &other) &&
	       take_address(all, RTA_DST, r->rtm_family, &to->to) &&
	       take_address(all, RTA_GATEWAY, r->rtm_family, &to->gateway);
}

static void tell_route(struct board_adopted *b, const struct nlmsghdr *m)
{
	struct board_route to;

	if (b->n_routes == BOARD_ROUTES || !route_of(&to, m))
		b->left_out++;
	else
		b->route[b->n_routes++] = to;
}

static void tell(struct collected *c, const char *port, struct board_adopted *b)
{
	board_adopted_begin(b);
	b->n_addresses = b->n_routes = b->left_out = 0;
	snprintf(b->name, sizeof b->name, "%s", port);
	for (const struct nlmsghdr *m = message_after(c, NULL); m; m = message_after(c, m))
		if (m->nlmsg_type == RTM_NEWADDR)
			tell_address(b, m);
		else
			tell_route(b, m);
	board_adopted_end(b);
}

void adopt_forget(struct board_adopted *b)
{
	if (!b->name[0])
		return;
	board_adopted_begin(b);
	b->name[0] = 0;
	b->n_addresses = b->n_routes = b->left_out = 0;
	board_adopted_end(b);
}

/* The interface. */

static int remove_addresses(struct netlink *nl, struct collected *c)
{
	int err = netlink_link_addr_gen(nl, c->head.ifindex, GEN_NONE);

	if (err == -EOPNOTSUPP || err == -EAFNOSUPPORT) /* no IPv6 there: none to be kept from coming */
		err = 0;
	for (struct nlmsghdr *m = message_after(c, NULL); m && !err; m = message_after(c, m)) {
		if (m->nlmsg_type != RTM_NEWADDR)
			continue;
		m->nlmsg_type = RTM_DELADDR;
		m->nlmsg_flags = NLM_F_REQUEST;
		err = netlink_ask(nl, m);
		m->nlmsg_type = RTM_NEWADDR;
		if (err == -EADDRNOTAVAIL) /* went with the one that it was second to */
			err = 0;
	}
	return err;
}

static int change(struct netlink *nl, const struct netlink_link *link, const struct adopt_wish *w,
        struct collected *c, char *error)
{
	int err = 0;

	if (w->mtu && w->mtu != link->mtu) {
		err = netlink_link_mtu(nl, link->ifindex, w->mtu);
		if (err) {
			snprintf(error, OPEN_ERROR_BYTES, "%s does not take MTU %u: %s", link->name, w->mtu,
			        strerror(-err));
			return err;
		}
	}
	if (w->addresses)
		err = remove_addresses(nl, c);
	if (!err && !(link->flags & IFF_UP))
		err = netlink_link_up(nl, link->ifindex, true);
	if (err)
		snprintf(error, OPEN_ERROR_BYTES, "%s cannot be set up: %s", link->name, strerror(-err));
	return err;
}

static int write_down(struct netlink *nl, struct collected *c, const struct adopt_wish *w, const char *file)
{
	int err = w->addresses ? collect_all(nl, c) : 0;

	return err ? err : write_whole(file, c, offsetof(struct collected, messages) + c->head.bytes);
}

int adopt_take(struct netlink *nl, const struct netlink_link *link, const struct adopt_wish *w,
        const char *file, struct board_adopted *board, char *error)
{
	struct collected *c = calloc(1, sizeof *c);
	int err = -ENOMEM;

	if (!c) {
		snprintf(error, OPEN_ERROR_BYTES, "no memory");
		return err;
	}
	c->head = (struct adopt_head){
	        .magic = ADOPT_MAGIC,
	        .ifindex = link->ifindex,
	        .mtu = link->mtu,
	        .up = link->flags & IFF_UP ? 1 : 0,
	        .addr_gen_mode = link->addr_gen_mode,
	        .addresses = w->addresses,
	        .gro = (int8_t)MAX(ethtool_gro(link->name), -1),
	};
	memcpy(c->head.interface, link->name, sizeof c->head.interface);
	err = write_down(nl, c, w, file);
	if (err)
		snprintf(error, OPEN_ERROR_BYTES, "%.150s cannot be written: %s", file, strerror(-err));
	else
		err = change(nl, link, w, c, error);
	if (!err && w->addresses)
		tell(c, w->port, board);
	free(c);
	if (err)
		adopt_give_back(nl, file);
	return err;
}

void adopt_no_gro(const char *interface)
{
	if (ethtool_gro(interface) > 0 && ethtool_set_gro(interface, false) != 0)
		return; /* what is merged then is counted as too long */
}

/* What comes later. */

uint64_t adopt_waiting(struct netlink *nl, uint32_t ifindex)
{
	struct collected *c = calloc(1, sizeof *c);
	uint64_t id = 0;

	if (!c)
		return 0;
	c->head.ifindex = ifindex;
	if (!collect_addresses(nl, c) && c->head.bytes && !collect_routes(nl, c))
		id = 1;
	for (const struct nlmsghdr *m = message_after(c, NULL); m && id; m = message_after(c, m)) {
		struct board_address a;
		struct board_route r;

		/* Not the messages: lifetimes run in them. */
		if (m->nlmsg_type == RTM_NEWADDR && own_address_of(&a, m))
			id = hash_ip6(&a.addr, id + a.prefix_len) | 1;
		else if (m->nlmsg_type == RTM_NEWROUTE && route_of(&r, m))
			id = hash_ip6(&r.to, hash_ip6(&r.gateway, id + r.prefix_len)) + r.metric;
	}
	free(c);
	return id;
}

/* Whether two messages tell of one address, or one route. */
static bool same(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	struct board_address address[2];
	struct board_route route[2];

	if (a->nlmsg_type != b->nlmsg_type)
		return false;
	if (a->nlmsg_type == RTM_NEWADDR)
		return own_address_of(&address[0], a) && own_address_of(&address[1], b) &&
		       !memcmp(&address[0], &address[1], sizeof address[0]);
	return route_of(&route[0], a) && route_of(&route[1], b) &&
	       !memcmp(&route[0], &route[1], sizeof route[0]);
}

static bool has(struct collected *c, const struct nlmsghdr *what)
{
	for (const struct nlmsghdr *m = message_after(c, NULL); m; m = message_after(c, m))
		if (same(m, what))
			return true;
	return false;
}

/* `late` is what the interface has now, `c` what was taken over before. */
static int take_more(struct netlink *nl, const char *file, struct collected *c, struct collected *late)
{
	int err = read_whole(file, c);

	late->head.ifindex = c->head.ifindex;
	if (!err)
		err = collect_all(nl, late);
	for (const struct nlmsghdr *m = message_after(late, NULL); m && !err; m = message_after(late, m))
		if (!has(c, m))
			err = collect(c, m);
	c->head.up = 1; /* who gave it addresses has set it up too, which was no change any more */
	if (!err)
		err = write_whole(file, c, offsetof(struct collected, messages) + c->head.bytes);
	return err ? err : remove_addresses(nl, late);
}

int adopt_more(struct netlink *nl, const char *port, const char *file, struct board_adopted *board)
{
	struct collected *c = calloc(2, sizeof *c);
	int err = c ? take_more(nl, file, &c[0], &c[1]) : -ENOMEM;

	if (!err)
		tell(&c[0], port, board);
	free(c);
	return err;
}

static int replay(struct netlink *nl, struct collected *c, uint16_t type)
{
	int err = 0;

	for (struct nlmsghdr *m = message_after(c, NULL); m; m = message_after(c, m)) {
		int e;

		if (m->nlmsg_type != type)
			continue;
		m->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
		e = netlink_ask(nl, m);
		err = err ? err : e == -EEXIST ? 0 : e;
	}
	return err;
}

static int give_back(struct netlink *nl, struct collected *c)
{
	struct adopt_head *h = &c->head;
	struct netlink_link link;
	int err = netlink_link(nl, h->interface, &link), e = 0;

	if (err || link.ifindex != h->ifindex)
		return err == -ENODEV ? 0 : err; /* gone, and what is called so now is another */
	if (link.mtu != h->mtu)
		err = netlink_link_mtu(nl, h->ifindex, h->mtu);
	if (h->gro >= 0 && ethtool_gro(h->interface) != h->gro)
		e = ethtool_set_gro(h->interface, h->gro);
	err = err ? err : e;
	if (h->addresses) {
		e = netlink_link_addr_gen(nl, h->ifindex, h->addr_gen_mode);
		err = err || e == -EOPNOTSUPP || e == -EAFNOSUPPORT ? err : e;
		e = replay(nl, c, RTM_NEWADDR);
		err = err ? err : e;
		(void)replay(nl, c, RTM_NEWROUTE); /* a gateway may be reached by one that comes later */
		e = replay(nl, c, RTM_NEWROUTE);
		err = err ? err : e;
	}
	if (!h->up && link.flags & IFF_UP) {
		e = netlink_link_up(nl, h->ifindex, false);
		err = err ? err : e;
	}
	return err;
}

int adopt_give_back(struct netlink *nl, const char *file)
{
	struct collected *c = calloc(1, sizeof *c);
	int err;

	if (!c)
		return -ENOMEM;
	err = read_whole(file, c);
	if (!err)
		err = give_back(nl, c);
	free(c);
	if (err == -ENOENT)
		return err;
	unlink(file);
	return err;
}
