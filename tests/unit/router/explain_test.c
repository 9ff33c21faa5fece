#include "tests/unit/router/world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>

/* The sentences about the burst's packets, one a line. */
static const char *story(const struct world *w)
{
	static char text[16384];
	size_t len = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < w->f.trace.n; i++) {
		len += trace_format(&w->f.trace.event[i], NULL, NULL, text + len, sizeof text - len);
		if (len + 1 < sizeof text)
			text[len++] = '\n';
		text[len] = 0;
	}
	return text;
}

static const char *explain4(struct world *w, const struct frame4 *f)
{
	uint32_t i = world_add4(w, f);
	const char *s;

	w->f.burst.pkt[i].trace = 1;
	world_run(w);
	s = story(w);
	world_end(w);
	return s;
}

static const char *explain6(struct world *w, const struct frame6 *f)
{
	uint32_t i = world_add6(w, f);
	const char *s;

	w->f.burst.pkt[i].trace = 1;
	world_run(w);
	s = story(w);
	world_end(w);
	return s;
}

#define SAYS(text, what) cr_expect(strstr(text, what), "\"%s\" is not in:\n%s", what, text)

Test(router_explain, tells_the_way_of_a_packet_by_ipv4)
{
	struct frame4 f = {.port = P0,
	        .src = HOST(0, 2),
	        .dst = IP4(192, 0, 2, 9),
	        .proto = IP_PROTO_UDP,
	        .payload_len = 30};
	struct world w;
	const char *s;

	world_init(&w, 1);
	s = explain4(&w, &f);
	SAYS(s, "IPv4 header is sound: 10.0.0.2 to 192.0.2.9, protocol 17, TTL 64, 50 bytes");
	SAYS(s, "route to 192.0.2.9 matches /24, group");
	SAYS(s, "next hop 10.0.1.2 on port 1, MTU 1500");
	SAYS(s, "forwarded: TTL 64 to 63, 50 bytes, MTU of the way 1500");
	SAYS(s, "Ethernet header for 02:00:00:01:01:02 on port 1");
	f.ttl = 1;
	s = explain4(&w, &f);
	SAYS(s, "ICMP error type 11 code 0 from 10.0.0.1 to 10.0.0.2, 50 bytes quoted");
	for (uint32_t i = 0; i < 6; i++)
		s = explain4(&w, &f);
	SAYS(s, "beyond the rate limit");
	f.ttl = 0;
	f.dst = IP4(8, 8, 8, 8);
	SAYS(explain4(&w, &f), "no route to 8.8.8.8");
	f.dst = IP4(203, 0, 113, 1);
	SAYS(explain4(&w, &f), "the route is a blackhole");
	f.dst = HOST(0, 1);
	SAYS(explain4(&w, &f), "goes to session lane 0");
	f.dst = HOST(1, 77);
	SAYS(explain4(&w, &f), "waits for");
	f.bad_csum = true;
	SAYS(explain4(&w, &f), "IPv4 header is not sound");
	w.region->port[0].rp_filter = 1;
	world_publish(&w);
	f.bad_csum = false;
	SAYS(explain4(&w, &f), "way back to 10.0.0.2 looked up: rp_filter 1, a neighbor 1");
	world_free(&w);
}

Test(router_explain, tells_the_way_of_a_packet_by_ipv6)
{
	struct frame6 f = {.port = P0,
	        .src = IP6(0, 2),
	        .dst = IP6(0x10, 9),
	        .next_header = IP_PROTO_UDP,
	        .payload_len = 20};
	struct world w;
	const char *s;

	world_init(&w, 1);
	s = explain6(&w, &f);
	SAYS(s, "IPv6 header is sound: 2001:db8::2 to 2001:db8:0:10::9, next header 17, hop limit 64");
	SAYS(s, "route to 2001:db8:0:10::9 matches /64, group");
	SAYS(s, "next hop fe80::2 on port 1, MTU 1500");
	f.hop_limit = 1;
	SAYS(explain6(&w, &f), "ICMPv6 type 3 code 0 from 2001:db8::1, 60 bytes quoted");
	f.hop_limit = 0;
	f.dst = IP6(0x77, 1);
	SAYS(explain6(&w, &f), "no route to 2001:db8:0:77::1");
	f.dst = IP6(0, 1);
	f.next_header = 99;
	SAYS(explain6(&w, &f), "nobody here speaks protocol 99");
	f.version = 0x50;
	SAYS(explain6(&w, &f), "IPv6 header is not sound");
	f.version = 0;
	w.region->port[0].rp_filter = 1;
	world_publish(&w);
	SAYS(explain6(&w, &f), "way back to 2001:db8::2 looked up: rp_filter 1");
	world_free(&w);
}

/* --- source addresses --- */

static struct ip6_addr address6(const char *text6)
{
	struct ip6_addr a = {};

	cr_assert_eq(inet_pton(AF_INET6, text6, a.b), 1, "%s", text6);
	return a;
}

Test(router_source, is_chosen_by_the_rules_of_rfc_6724)
{
	static const struct {
		const char *dst;
		const char *src; /* of those given below */
		uint16_t port;
	} cases[] = {
	        {"fe80:0:0:0:0:0:0:99", "fe80:0:0:0:0:0:0:1", 1},     /* scope */
	        {"2001:db8:0:1:0:0:0:99", "2001:db8:0:1:0:0:0:1", 1}, /* the port's own */
	        {"2001:db8:0:2:0:0:0:99", "2001:db8:0:1:0:0:0:1", 1}, /* the port before the prefix */
	        {"fd00:0:0:2:0:0:0:9", "fd00:0:0:1:0:0:0:1", 1},      /* label */
	        {"2002:0:0:0:0:0:0:9", "2002:1:0:0:0:0:0:1", 1},      /* label */
	        {"2001:db8:0:0:0:0:0:1", "2001:db8:0:0:0:0:0:1", 0},  /* the same */
	        {"ff02:0:0:0:0:0:0:1", "fe80:0:0:0:0:0:0:1", 2},      /* a group's scope */
	        {"ff0e:0:0:0:0:0:0:1", "2001:db8:0:2:0:0:0:1", 2},
	        {"2003:0:0:0:0:0:0:1", "2001:db8:0:1:0:0:0:1", 1}, /* label before the longer prefix */
	        {"2001:0:0:0:0:0:0:1", "2001:db8:0:1:0:0:0:1", 1},
	};
	struct router_call c;
	struct world w;

	world_init(&w, 1);
	w.region->address[9] = (struct epoch_address){.addr = address6("fd00:0:0:1:0:0:0:1"),
	        .family = 6,
	        .prefix_len = 64,
	        .port = P1,
	        .flags = 1};
	w.region->address[10] = w.region->address[9];
	w.region->address[10].addr = address6("2002:1:0:0:0:0:0:1");
	w.region->h.addresses.count = 11;
	world_publish(&w);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip6_addr dst = address6(cases[i].dst), want = address6(cases[i].src), got;

		cr_assert(source_select6(&c, (struct port_id){cases[i].port}, &dst, &got));
		cr_expect(ip6_addr_equal(&got, &want), "%s", cases[i].dst);
	}
	w.region->h.addresses.count = 0;
	world_publish(&w);
	c.epoch = &w.epoch;
	cr_assert_not(source_select6(&c, P1, &IP6(1, 2), &(struct ip6_addr){}));
	world_free(&w);
}

Test(router_source, is_that_of_the_next_hops_network)
{
	struct router_call c;
	struct be32 src;
	struct world w;

	world_init(&w, 1);
	w.region->address[9] = w.region->address[3];
	w.region->address[9].addr = ip6_addr_mapped(IP4(10, 7, 7, 1));
	w.region->h.addresses.count = 10;
	world_publish(&w);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	cr_assert(source_select4(&c, P1, IP4(10, 7, 7, 9), &src));
	cr_assert_eq(src.raw, IP4(10, 7, 7, 1).raw);
	cr_assert(source_select4(&c, P1, IP4(99, 7, 7, 9), &src));
	cr_assert_eq(src.raw, HOST(1, 1).raw, "the port's first");
	cr_assert(source_select4(&c, P_LO, IP4(99, 7, 7, 9), &src));
	cr_assert_eq(src.raw, HOST(0, 1).raw, "of any port");
	w.region->h.addresses.count = 0;
	world_publish(&w);
	c.epoch = &w.epoch;
	cr_assert_not(source_select4(&c, P1, IP4(99, 7, 7, 9), &src));
	world_free(&w);
}
