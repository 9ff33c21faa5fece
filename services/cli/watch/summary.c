#include "services/cli/watch/summary.h"

#include "common/wire/arp.h"
#include "common/wire/dissect.h"
#include "common/wire/tcp.h"
#include "common/wire/text.h"
#include "common/wire/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

struct line {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->text + l->len, SUMMARY_BYTES - l->len, format, ap);
	va_end(ap);
	if (n > 0)
		l->len = MIN(l->len + (size_t)n, (size_t)SUMMARY_BYTES - 1);
}

static void add_address(struct line *l, const uint8_t *frame, uint16_t at, bool ipv6)
{
	char text[TEXT_IP6_SIZE];
	struct ip6_addr a6;
	struct be32 a4;

	memcpy(&a4, frame + at, sizeof a4);
	if (!ipv6) {
		add(l, "%s", text_ipv4(text, a4));
		return;
	}
	memcpy(&a6, frame + at, sizeof a6);
	add(l, "%s", text_ip6(text, &a6));
}

static void add_tcp(struct line *l, const struct dissect *d)
{
	static const struct {
		uint8_t bit;
		char sign;
	} flags[] = {{TCP_FIN, 'F'}, {TCP_SYN, 'S'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'}, {TCP_ACK, '.'},
	        {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'W'}};
	char signs[ARRAY_LEN(flags) + 1] = "";
	uint32_t n = 0;

	for (uint32_t k = 0; k < ARRAY_LEN(flags); k++)
		if (d->tcp_flags & flags[k].bit)
			signs[n++] = flags[k].sign;
	signs[n] = 0;
	add(l, "Flags [%s]", n ? signs : "none");
}

static const char *icmp_name(const struct dissect *d)
{
	bool v6 = d->l3 == DISSECT_IPV6;

	switch (d->icmp_type) {
	case 0: return v6 ? NULL : "echo reply";
	case 1: return v6 ? "destination unreachable" : NULL;
	case 2: return v6 ? "packet too big" : NULL;
	case 3: return v6 ? "time exceeded" : "destination unreachable";
	case 4: return v6 ? "parameter problem" : NULL;
	case 5: return v6 ? NULL : "redirect";
	case 8: return v6 ? NULL : "echo request";
	case 11: return v6 ? NULL : "time exceeded";
	case 12: return v6 ? NULL : "parameter problem";
	case 128: return v6 ? "echo request" : NULL;
	case 129: return v6 ? "echo reply" : NULL;
	case 133: return v6 ? "router solicitation" : NULL;
	case 134: return v6 ? "router advertisement" : NULL;
	case 135: return v6 ? "neighbor solicitation" : NULL;
	case 136: return v6 ? "neighbor advertisement" : NULL;
	case 143: return v6 ? "multicast listener report" : NULL;
	default: return NULL;
	}
}

static void add_icmp(struct line *l, const uint8_t *frame, const struct dissect *d)
{
	const char *name = icmp_name(d);

	add(l, d->l3 == DISSECT_IPV6 ? "ICMP6" : "ICMP");
	if (!name)
		add(l, " type %u", (unsigned)d->icmp_type);
	else
		add(l, " %s", name);
	if (d->icmp_code)
		add(l, " code %u", (unsigned)d->icmp_code);
	if (d->icmp_id)
		add(l, ", id %u, seq %u", (unsigned)d->icmp_id,
		        (unsigned)wire_load_u16(frame + d->l4_offset + 6));
}

static void add_transport(struct line *l, const uint8_t *frame, const struct dissect *d)
{
	if (d->fragment == DISSECT_LATER_FRAGMENT)
		add(l, "fragment of protocol %u", (unsigned)d->l4_proto);
	else if (d->flags & DISSECT_ICMP)
		add_icmp(l, frame, d);
	else if (d->flags & DISSECT_PORTS && d->l4_proto == IP_PROTO_TCP)
		add_tcp(l, d);
	else if (d->flags & DISSECT_PORTS && d->l4_proto == IP_PROTO_UDP)
		add(l, "UDP");
	else
		add(l, "protocol %u", (unsigned)d->l4_proto);
	if (d->fragment == DISSECT_FIRST_FRAGMENT)
		add(l, ", first fragment");
}

static void add_ip(struct line *l, const uint8_t *frame, const struct dissect *d)
{
	bool ipv6 = d->l3 == DISSECT_IPV6, ports = d->flags & DISSECT_PORTS;

	add(l, ipv6 ? "IP6 " : "IP ");
	add_address(l, frame, d->src_offset, ipv6);
	if (ports)
		add(l, ".%u", (unsigned)d->src_port);
	add(l, " > ");
	add_address(l, frame, d->dst_offset, ipv6);
	if (ports)
		add(l, ".%u", (unsigned)d->dst_port);
	add(l, ": ");
	add_transport(l, frame, d);
	if (d->ttl <= 1)
		add(l, ", ttl %u", (unsigned)d->ttl);
}

static void add_arp(struct line *l, const uint8_t *frame, const struct dissect *d)
{
	bool request = d->l4_proto == 1;

	add(l, request ? "ARP who-has " : d->l4_proto == 2 ? "ARP reply " : "ARP ");
	add_address(l, frame, request ? d->dst_offset : d->src_offset, false);
	add(l, request ? " tell " : " to ");
	add_address(l, frame, request ? d->src_offset : d->dst_offset, false);
}

static void add_other(struct line *l, const uint8_t *frame, uint32_t have, const struct dissect *d)
{
	char src[TEXT_MAC_SIZE], dst[TEXT_MAC_SIZE];
	struct mac_addr mac[2];

	if (have < ETHER_HDR_LEN) {
		add(l, "no Ethernet header");
		return;
	}
	memcpy(mac, frame, sizeof mac);
	add(l, "%s > %s, %s 0x%04x", text_mac(src, &mac[1]), text_mac(dst, &mac[0]),
	        d->flags & DISSECT_802_3 ? "802.3" : "ethertype", (unsigned)d->ether_type);
}

const char *summary_frame(const uint8_t *frame, uint32_t have, uint32_t len, char text[SUMMARY_BYTES])
{
	struct line l = {text, 0};
	struct dissect d;

	dissect_frame(frame, have, &d);
	text[0] = 0;
	for (uint32_t k = 0; k < d.vlan_count; k++)
		add(&l, "vlan %u, ", (unsigned)vlan_id(d.vlan_tci[k]));
	if (d.src_offset && d.dst_offset && d.l3 == DISSECT_ARP)
		add_arp(&l, frame, &d);
	else if (d.src_offset && d.dst_offset && d.l3 != DISSECT_NO_L3)
		add_ip(&l, frame, &d);
	else
		add_other(&l, frame, have, &d);
	add(&l, ", length %u", len);
	if (d.flags & DISSECT_MALFORMED && have == len)
		add(&l, ", malformed");
	return text;
}

const char *summary_time(nanos_t since_1970, char text[32])
{
	time_t seconds = (time_t)(since_1970 / NANOS_PER_SEC);
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	snprintf(text, 32, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
	        (unsigned)(since_1970 % NANOS_PER_SEC / 1000));
	return text;
}
