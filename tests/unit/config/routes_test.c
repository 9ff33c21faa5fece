#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/config/config.h"

struct seen {
	char text[16384];
	const struct epoch *epoch;
};

static void say(struct seen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct seen *s, const char *format, ...)
{
	size_t n = strlen(s->text);
	va_list args;

	va_start(args, format);
	vsnprintf(s->text + n, sizeof s->text - n, format, args);
	va_end(args);
}

static void say_address(struct seen *s, const struct ip6_addr *a)
{
	char text[64];

	if (ip6_addr_is_mapped(a))
		inet_ntop(AF_INET, a->b + 12, text, sizeof text);
	else
		inet_ntop(AF_INET6, a->b, text, sizeof text);
	say(s, "%s", text);
}

/* A route as one line of text. */
static int visit(void *context, const struct fib_route *route, const struct fib_group_spec *spec)
{
	static const char *const types[] = {
	        "none", "unicast", "connected", "local", "broadcast", "blackhole", "unreachable", "prohibit"};
	const struct ip6_addr none = {0};
	struct seen *s = context;

	say(s, "%s ", types[spec->type]);
	say_address(s, &route->prefix.addr);
	say(s, "/%u metric %u mtu %u", route->prefix.len, route->metric, spec->mtu);
	if (!ip6_addr_equal(&spec->source, &none)) {
		say(s, " src ");
		say_address(s, &spec->source);
	}
	for (uint32_t i = 0; i < spec->n_hops; i++) {
		const struct fib_hop *h = &spec->hops[i];
		const struct epoch_port *p = epoch_port(s->epoch, h->port);

		say(s, " [");
		if (!ip6_addr_equal(&h->gateway, &none))
			say_address(s, &h->gateway);
		say(s, " %s %u%s]", p ? p->name : "-", h->weight, h->flags & FIB_HOP_ONLINK ? " onlink" : "");
	}
	say(s, "\n");
	return 0;
}

static struct seen routes_of(const char *text)
{
	struct config_errors errors = {0};
	struct config *config;
	struct epoch epoch;
	struct seen s = {.epoch = &epoch};
	void *region;
	size_t used;

	if (config_parse("test.yaml", text, strlen(text), &config, &errors)) {
		config_errors_print(stderr, &errors);
		cr_assert_fail("refused");
	}
	cr_assert_eq(config_compile(config, 1, NULL, NULL, 0, &used), -ENOSPC);
	region = aligned_alloc(CACHE_LINE, ALIGN_UP(used, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(config, 1, NULL, region, used, &used), 0);
	cr_assert_eq(epoch_attach(region, used, &epoch), 0);
	cr_assert_eq(config_routes(config, &epoch, visit, &s), 0);
	free(region);
	config_free(config);
	s.epoch = NULL;
	return s;
}

#define LO                                                                                                   \
	"local 127.0.0.0/8 metric 0 mtu 0 [ lo 1]\n"                                                         \
	"local ::1/128 metric 0 mtu 0 [ lo 1]\n"

Test(routes, an_address_implies_what_it_does_in_linux)
{
	struct seen s = routes_of(
	        "ports:\n"
	        "  wan: {addresses: [192.0.2.1/24, 192.0.2.2/24, 203.0.113.7/32, 2001:db8::1/64]}\n"
	        "  p2p: {addresses: [10.0.0.0/31, \"fe80::5/64\"]}\n");

	cr_expect_str_eq(s.text, "local 192.0.2.1/32 metric 0 mtu 0 src 192.0.2.1 [ wan 1]\n"
	                         "connected 192.0.2.0/24 metric 0 mtu 0 src 192.0.2.1 [ wan 1]\n"
	                         "broadcast 192.0.2.255/32 metric 0 mtu 0 src 192.0.2.1 [ wan 1]\n"
	                         "local 192.0.2.2/32 metric 0 mtu 0 src 192.0.2.2 [ wan 1]\n"
	                         "local 203.0.113.7/32 metric 0 mtu 0 src 203.0.113.7 [ wan 1]\n"
	                         "local 2001:db8::1/128 metric 0 mtu 0 [ wan 1]\n"
	                         "connected 2001:db8::/64 metric 0 mtu 0 [ wan 1]\n"
	                         "local 2001:db8::/128 metric 0 mtu 0 [ wan 1]\n"
	                         "local 10.0.0.0/32 metric 0 mtu 0 src 10.0.0.0 [ p2p 1]\n"
	                         "connected 10.0.0.0/31 metric 0 mtu 0 src 10.0.0.0 [ p2p 1]\n" LO);
}

Test(routes, given_routes_find_their_ports)
{
	struct seen s = routes_of(
	        "ports: {wan: {addresses: [192.0.2.1/32]}, lan: {}}\n"
	        "vlans: {v: {parent: lan, id: 5, addresses: [10.0.0.1/24, \"2001:db8::1/64\"]}}\n"
	        "routes:\n"
	        "- {to: default, via: \"fe80::1\", port: wan}\n"
	        "- {to: default, via: 10.0.0.9, metric: 5, mtu: 1400, src: 192.0.2.1}\n"
	        "- {to: default, port: wan}\n"
	        "- {to: 172.16.0.0/12, nexthops: [{via: 10.0.0.7, weight: 3}, {via: 1.1.1.1, port: wan, "
	        "onlink: true}]}\n"
	        "- {to: 192.168.0.0/16, type: prohibit}\n"
	        "- {to: 192.168.5.0/24, type: local}\n"
	        "- {to: 192.168.6.255/32, type: broadcast, port: v}\n");

	cr_expect_str_eq(s.text,
	        "local 192.0.2.1/32 metric 0 mtu 0 src 192.0.2.1 [ wan 1]\n" LO
	        "local 10.0.0.1/32 metric 0 mtu 0 src 10.0.0.1 [ v 1]\n"
	        "connected 10.0.0.0/24 metric 0 mtu 0 src 10.0.0.1 [ v 1]\n"
	        "broadcast 10.0.0.255/32 metric 0 mtu 0 src 10.0.0.1 [ v 1]\n"
	        "local 2001:db8::1/128 metric 0 mtu 0 [ v 1]\n"
	        "connected 2001:db8::/64 metric 0 mtu 0 [ v 1]\n"
	        "local 2001:db8::/128 metric 0 mtu 0 [ v 1]\n"
	        "connected 0.0.0.0/0 metric 0 mtu 0 [ wan 1]\n"
	        "unicast 0.0.0.0/0 metric 5 mtu 1400 src 192.0.2.1 [10.0.0.9 v 1]\n"
	        "unicast 172.16.0.0/12 metric 0 mtu 0 [10.0.0.7 v 3] [1.1.1.1 wan 1 onlink]\n"
	        "prohibit 192.168.0.0/16 metric 0 mtu 0 [ - 1]\n"
	        "local 192.168.5.0/24 metric 0 mtu 0 [ lo 1]\n"
	        "broadcast 192.168.6.255/32 metric 0 mtu 0 [ v 1]\n"
	        "unicast ::/0 metric 0 mtu 0 [fe80::1 wan 1]\n");
}

/* A gateway behind a smaller network that starts before it, and one in a network with another port's address
 * in it. */
Test(routes, a_gateway_is_found_in_networks_that_hold_others)
{
	struct seen s = routes_of(
	        "ports: {a: {addresses: [10.0.0.1/8, 10.1.0.1/16]}, b: {addresses: [10.2.0.1/32]}}\n"
	        "routes: [{to: 172.16.0.0/16, via: 10.200.0.9}, {to: 172.17.0.0/16, via: 10.1.0.9},\n"
	        "  {to: 172.18.0.0/16, via: 10.2.0.2}]\n");

	cr_expect_str_eq(strstr(s.text, LO), LO "unicast 172.16.0.0/16 metric 0 mtu 0 [10.200.0.9 a 1]\n"
	                                        "unicast 172.17.0.0/16 metric 0 mtu 0 [10.1.0.9 a 1]\n"
	                                        "unicast 172.18.0.0/16 metric 0 mtu 0 [10.2.0.2 a 1]\n");
}

Test(routes, a_port_that_is_down_has_its_addresses_alone)
{
	struct seen s = routes_of(
	        "ports: {a: {addresses: [10.0.0.1/24], up: false}, b: {addresses: [10.0.1.1/24]}}\n"
	        "routes: [{to: 10.1.0.0/16, via: 10.0.0.9},\n"
	        "  {to: 10.2.0.0/16, nexthops: [{via: 10.0.0.9}, {via: 10.0.1.9}]}]\n");

	cr_expect_str_eq(s.text, "local 10.0.0.1/32 metric 0 mtu 0 src 10.0.0.1 [ a 1]\n"
	                         "local 10.0.1.1/32 metric 0 mtu 0 src 10.0.1.1 [ b 1]\n"
	                         "connected 10.0.1.0/24 metric 0 mtu 0 src 10.0.1.1 [ b 1]\n"
	                         "broadcast 10.0.1.255/32 metric 0 mtu 0 src 10.0.1.1 [ b 1]\n" LO
	                         "unicast 10.2.0.0/16 metric 0 mtu 0 [10.0.1.9 b 1]\n");
}

/* A file of routes beside a configuration, in the test's own folder. */
Test(routes, a_file_is_read_as_ip_route_prints_it)
{
	static const char lines[] = "default via 192.0.2.254 dev wan proto dhcp src 192.0.2.1 metric 100 \n"
	                            "10.1.0.0/16 via 192.0.2.9 dev wan proto bgp\n"
	                            "10.2.0.0/16 dev wan scope link   # a remark\n"
	                            "\n"
	                            "blackhole 10.3.0.0/16\n"
	                            "10.4.0.0/16 proto bgp \n"
	                            "\tnexthop via 192.0.2.8 dev wan weight 2 \n"
	                            "\tnexthop via 192.0.2.9 dev wan weight 1 \n"
	                            "2001:db8:5::/48 via 2001:db8::9 dev wan metric 1024 pref medium\r\n"
	                            "10.5.0.1 via 1.1.1.1 dev wan onlink mtu 1280";
	char folder[] = "/tmp/sluice-routes-XXXXXX", path[64], text[256];
	struct seen s;
	FILE *f;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/routes.txt", folder);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	cr_assert_eq(fwrite(lines, 1, sizeof lines - 1, f), sizeof lines - 1);
	cr_assert_eq(fclose(f), 0);
	snprintf(text, sizeof text,
	        "ports: {wan: {addresses: [192.0.2.1/24, 2001:db8::1/64]}}\nroutes: [{file: %s}]\n", path);
	s = routes_of(text);
	cr_assert_eq(remove(path), 0);
	cr_assert_eq(remove(folder), 0);
	cr_expect_str_eq(strstr(s.text, LO),
	        LO "unicast 0.0.0.0/0 metric 100 mtu 0 src 192.0.2.1 [192.0.2.254 wan 1]\n"
	           "unicast 10.1.0.0/16 metric 0 mtu 0 [192.0.2.9 wan 1]\n"
	           "connected 10.2.0.0/16 metric 0 mtu 0 [ wan 1]\n"
	           "blackhole 10.3.0.0/16 metric 0 mtu 0 [ - 1]\n"
	           "unicast 10.4.0.0/16 metric 0 mtu 0 [192.0.2.8 wan 2] [192.0.2.9 wan 1]\n"
	           "unicast 10.5.0.1/32 metric 0 mtu 1280 [1.1.1.1 wan 1 onlink]\n"
	           "unicast 2001:db8:5::/48 metric 1024 mtu 0 [2001:db8::9 wan 1]\n");
}
