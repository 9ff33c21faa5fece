#include "services/keeper/opener/netlink.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES (64u << 10)

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

int netlink_open(struct netlink *nl, uint32_t groups)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int one = 1, err;

	*nl = (struct netlink){
	        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), NETLINK_ROUTE), 0};
	if (nl->fd < 0)
		return -errno;
	/* What a dump is filtered by is an extension that is only on request; without it more comes. */
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
	if (bind(nl->fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	err = -errno;
	netlink_close(nl);
	return err;
}

uint64_t netlink_namespace(const struct netlink *nl)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof cookie;

	return getsockopt(nl->fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &bytes) ? 0 : cookie;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

bool netlink_drain(struct netlink *nl)
{
	char scrap[ANSWER_BYTES];
	bool any = false;
	ssize_t n;

	while ((n = recv(nl->fd, scrap, sizeof scrap, MSG_DONTWAIT)) > 0 || (n < 0 && errno == ENOBUFS))
		any = true;
	return any;
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, size_t bytes)
{
	memset(r, 0, sizeof *r);
	r->head.nlmsg_len = NLMSG_LENGTH((uint32_t)bytes);
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
}

void netlink_put(struct netlink_request *r, uint16_t attribute, const void *value, size_t bytes)
{
	uint32_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + at);

	assert(at + RTA_LENGTH(bytes) <= sizeof *r);
	a->rta_type = attribute;
	a->rta_len = (uint16_t)RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(a), value, bytes);
	r->head.nlmsg_len = at + a->rta_len;
}

static int send_message(struct netlink *nl, struct nlmsghdr *message)
{
	message->nlmsg_seq = ++nl->seq;
	message->nlmsg_pid = 0;
	return send(nl->fd, message, message->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* One message of an answer.  1: go on. */
static int take(struct netlink *nl, const struct nlmsghdr *m,
        int (*each)(void *context, const struct nlmsghdr *message), void *context)
{
	int err;

	if (m->nlmsg_seq != nl->seq)
		return 1; /* of an earlier question that was given up */
	if (m->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)netlink_data(m))->error;
	if (m->nlmsg_type == NLMSG_DONE)
		return 0;
	err = each ? each(context, m) : 0;
	return err ? err : 1;
}

/* Answers up to the acknowledgement, or the end of a dump.  After an error of `each` the rest is left and
 * known by its number. */
static int answers(
        struct netlink *nl, int (*each)(void *context, const struct nlmsghdr *message), void *context)
{
	_Alignas(struct nlmsghdr) static _Thread_local uint8_t buffer[ANSWER_BYTES];

	for (;;) {
		ssize_t n = recv(nl->fd, buffer, sizeof buffer, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (uint32_t at = 0; at + NLMSG_HDRLEN <= (uint32_t)n;) {
			const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)(buffer + at);
			int err = m->nlmsg_len < NLMSG_HDRLEN || m->nlmsg_len > (uint32_t)n - at
			                  ? -EPROTO
			                  : take(nl, m, each, context);

			if (err != 1)
				return err;
			at += NLMSG_ALIGN(m->nlmsg_len);
		}
	}
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *message)
{
	int err;

	message->nlmsg_flags |= NLM_F_ACK;
	err = send_message(nl, message);
	return err ? err : answers(nl, NULL, NULL);
}

int netlink_dump(struct netlink *nl, uint16_t type, uint8_t family,
        int (*each)(void *context, const struct nlmsghdr *message), void *context)
{
	struct netlink_request r;
	int err;

	netlink_begin(
	        &r, type, NLM_F_DUMP, type == RTM_GETADDR ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg));
	if (type == RTM_GETADDR)
		r.address.ifa_family = family;
	else
		r.route.rtm_family = family;
	err = send_message(nl, &r.head);
	return err ? err : answers(nl, each, context);
}

struct rtnl_bytes netlink_attributes(const struct nlmsghdr *message, size_t bytes)
{
	size_t head = NLMSG_SPACE(bytes);

	if (message->nlmsg_len < head)
		return (struct rtnl_bytes){0};
	return (struct rtnl_bytes){(const uint8_t *)message + head, message->nlmsg_len - head};
}

/* The attributes within another; none where there is none of that type. */
static struct rtnl_bytes within(struct rtnl_bytes in, uint16_t type)
{
	struct rtnl_attribute a;

	return rtnl_attribute_find(in, type, &a) ? (struct rtnl_bytes){a.value, a.len}
	                                         : (struct rtnl_bytes){0};
}

static void copy_attribute(struct rtnl_bytes in, uint16_t type, void *to, size_t bytes)
{
	struct rtnl_attribute a;

	if (rtnl_attribute_find(in, type, &a))
		memcpy(to, a.value, MIN((size_t)a.len, bytes));
}

static int take_link(void *context, const struct nlmsghdr *m)
{
	const struct ifinfomsg *i = netlink_data(m);
	const struct rtnl_bytes all = netlink_attributes(m, sizeof *i);
	struct rtnl_link_stats64 stats = {0};
	struct netlink_link *l = context;

	if (m->nlmsg_type != RTM_NEWLINK)
		return 0;
	l->ifindex = (uint32_t)i->ifi_index;
	l->flags = i->ifi_flags;
	l->carrier = i->ifi_flags & IFF_LOWER_UP && i->ifi_flags & IFF_UP;
#define COPY(type, field) copy_attribute(all, type, &(field), sizeof(field))
	COPY(IFLA_MTU, l->mtu);
	COPY(IFLA_MAX_MTU, l->mtu_max);
	COPY(IFLA_NUM_RX_QUEUES, l->rx_queues);
	COPY(IFLA_ADDRESS, l->mac);
	COPY(IFLA_CARRIER_CHANGES, l->changes);
	COPY(IFLA_CARRIER_DOWN_COUNT, l->losses);
	COPY(IFLA_STATS64, stats);
#undef COPY
	copy_attribute(all, IFLA_IFNAME, l->name, sizeof l->name - 1);
	copy_attribute(within(all, IFLA_LINKINFO), IFLA_INFO_KIND, l->kind, sizeof l->kind - 1);
	copy_attribute(within(within(all, IFLA_AF_SPEC), AF_INET6), IFLA_INET6_ADDR_GEN_MODE,
	        &l->addr_gen_mode, sizeof l->addr_gen_mode);
	l->rx_dropped = stats.rx_dropped + stats.rx_missed_errors;
	l->rx_errors = stats.rx_errors;
	l->tx_errors = stats.tx_errors;
	l->tx_dropped = stats.tx_dropped;
	return 0;
}

int netlink_link(struct netlink *nl, const char *name, struct netlink_link *link)
{
	struct netlink_request r;
	int err;

	memset(link, 0, sizeof *link);
	netlink_begin(&r, RTM_GETLINK, NLM_F_ACK, sizeof r.link);
	netlink_put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	err = send_message(nl, &r.head);
	if (!err)
		err = answers(nl, take_link, link);
	return err ? err : link->ifindex ? 0 : -ENODEV;
}

static int set_link(struct netlink *nl, uint32_t ifindex, struct netlink_request *r)
{
	r->link.ifi_index = (int)ifindex;
	return netlink_ask(nl, &r->head);
}

int netlink_link_up(struct netlink *nl, uint32_t ifindex, bool up)
{
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWLINK, 0, sizeof r.link);
	r.link.ifi_change = IFF_UP;
	r.link.ifi_flags = up ? IFF_UP : 0;
	return set_link(nl, ifindex, &r);
}

int netlink_link_mtu(struct netlink *nl, uint32_t ifindex, uint32_t mtu)
{
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWLINK, 0, sizeof r.link);
	netlink_put(&r, IFLA_MTU, &mtu, sizeof mtu);
	return set_link(nl, ifindex, &r);
}

int netlink_link_addr_gen(struct netlink *nl, uint32_t ifindex, uint8_t mode)
{
	/* { IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: mode } } } */
	struct {
		struct rtattr inet6;
		struct rtattr mode;
		uint8_t value[4];
	} spec = {
	        .inet6 = {sizeof(struct rtattr) + RTA_SPACE(1), AF_INET6 | NLA_F_NESTED},
	        .mode = {RTA_LENGTH(1), IFLA_INET6_ADDR_GEN_MODE},
	        .value = {mode},
	};
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWLINK, 0, sizeof r.link);
	netlink_put(&r, IFLA_AF_SPEC | NLA_F_NESTED, &spec, sizeof spec);
	return set_link(nl, ifindex, &r);
}
