#include "common/rtnl/internal.h"

#include <linux/if.h>

bool rtnl_next(struct rtnl_bytes *left, struct rtnl_message *m)
{
	struct nlmsghdr head;
	size_t whole;

	if (left->n < sizeof head)
		return false;
	memcpy(&head, left->at, sizeof head);
	if (head.nlmsg_len < sizeof head || head.nlmsg_len > left->n)
		return false;
	*m = (struct rtnl_message){
	        .type = head.nlmsg_type,
	        .flags = head.nlmsg_flags,
	        .seq = head.nlmsg_seq,
	        .body = left->at + NLMSG_HDRLEN,
	        .len = head.nlmsg_len - (uint32_t)NLMSG_HDRLEN,
	};
	whole = MIN((size_t)NLMSG_ALIGN(head.nlmsg_len), left->n);
	left->at += whole;
	left->n -= whole;
	return true;
}

bool rtnl_attribute_next(struct rtnl_bytes *left, struct rtnl_attribute *a)
{
	struct rtattr head;
	size_t whole;

	if (left->n < sizeof head)
		return false;
	memcpy(&head, left->at, sizeof head);
	if (head.rta_len < sizeof head || head.rta_len > left->n)
		return false;
	*a = (struct rtnl_attribute){
	        .type = head.rta_type & NLA_TYPE_MASK,
	        .value = left->at + sizeof head,
	        .len = head.rta_len - (uint32_t)sizeof head,
	};
	whole = MIN((size_t)RTA_ALIGN(head.rta_len), left->n);
	left->at += whole;
	left->n -= whole;
	return true;
}

bool rtnl_attribute_find(struct rtnl_bytes in, uint16_t type, struct rtnl_attribute *a)
{
	while (rtnl_attribute_next(&in, a))
		if (a->type == type)
			return true;
	return false;
}

bool rtnl_u32(const struct rtnl_attribute *a, uint32_t *to)
{
	if (a->len != sizeof *to)
		return false;
	*to = load_u32(a->value);
	return true;
}

bool rtnl_address(uint8_t family, const uint8_t *value, uint32_t len, struct ip6_addr *to)
{
	struct be32 four;

	if (family == AF_INET && len == sizeof four) {
		memcpy(&four, value, sizeof four);
		*to = ip6_addr_mapped(four);
		return true;
	}
	if (family != AF_INET6 || len != sizeof *to)
		return false;
	memcpy(to, value, sizeof *to);
	return true;
}

bool rtnl_via(const struct rtnl_attribute *a, struct ip6_addr *to)
{
	uint16_t family;

	if (a->len < sizeof family)
		return false;
	memcpy(&family, a->value, sizeof family);
	return family <= UINT8_MAX &&
	       rtnl_address((uint8_t)family, a->value + sizeof family, a->len - (uint32_t)sizeof family, to);
}

int rtnl_link(const struct rtnl_message *m, struct rtnl_link *link)
{
	struct rtnl_attribute a;
	struct ifinfomsg head;
	struct rtnl_bytes left;

	*link = (struct rtnl_link){0};
	if (m->len < sizeof head)
		return -EINVAL;
	memcpy(&head, m->body, sizeof head);
	link->ifindex = (uint32_t)head.ifi_index;
	link->up = head.ifi_flags & IFF_UP && m->type != RTM_DELLINK;
	left = (struct rtnl_bytes){m->body + sizeof head, m->len - sizeof head};
	while (rtnl_attribute_next(&left, &a))
		if (a.type == IFLA_IFNAME && a.len <= sizeof link->name)
			memcpy(link->name, a.value, a.len);
	link->name[sizeof link->name - 1] = 0;
	return 0;
}

int rtnl_error(const struct rtnl_message *m)
{
	int error = 0;

	if (m->len >= sizeof error)
		memcpy(&error, m->body, sizeof error);
	return error < 0 ? error : 0;
}

int fpm_frame(const uint8_t *stream, size_t n, uint32_t *bytes, uint8_t *type)
{
	if (n < FPM_HEADER_BYTES)
		return n && stream[0] != 1 ? -EINVAL : -EAGAIN;
	*type = stream[1];
	*bytes = (uint32_t)stream[2] << 8 | stream[3];
	if (stream[0] != 1 || *bytes < FPM_HEADER_BYTES)
		return -EINVAL;
	return *bytes > n ? -EAGAIN : 0;
}

const char *rtnl_protocol_name(uint8_t protocol)
{
	static const char *const names[256] = {
	        [RTPROT_UNSPEC] = "unspec",
	        [RTPROT_REDIRECT] = "redirect",
	        [RTPROT_KERNEL] = "kernel",
	        [RTPROT_BOOT] = "boot",
	        [RTPROT_STATIC] = "static",
	        [RTPROT_GATED] = "gated",
	        [RTPROT_RA] = "ra",
	        [RTPROT_MRT] = "mrt",
	        [RTPROT_ZEBRA] = "zebra",
	        [RTPROT_BIRD] = "bird",
	        [RTPROT_DNROUTED] = "dnrouted",
	        [RTPROT_XORP] = "xorp",
	        [RTPROT_NTK] = "ntk",
	        [RTPROT_DHCP] = "dhcp",
	        [RTPROT_KEEPALIVED] = "keepalived",
	        [RTPROT_BABEL] = "babel",
	        [RTPROT_BGP] = "bgp",
	        [RTPROT_ISIS] = "isis",
	        [RTPROT_OSPF] = "ospf",
	        [RTPROT_RIP] = "rip",
	        [RTPROT_EIGRP] = "eigrp",
	        /* FRR's own (zebra/rt_netlink.h). */
	        [193] = "ldp",
	        [194] = "sharp",
	        [195] = "pbr",
	        [196] = "static",
	        [197] = "openfabric",
	};

	return names[protocol];
}
