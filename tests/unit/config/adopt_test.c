/* What ports take over from the kernel's interfaces, beside what the text gives. */
#include "common/config/config.h"
#include "common/wire/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct config *load(const char *text)
{
	struct config_errors errors = {0};
	struct config *c;

	if (config_parse("test.yaml", text, strlen(text), &c, &errors)) {
		config_errors_print(stderr, &errors);
		cr_assert_fail("refused");
	}
	return c;
}

static struct config_name name(const char *text)
{
	struct config_name n = {""};

	snprintf(n.text, sizeof n.text, "%s", text);
	return n;
}

static struct config_prefix prefix(const char *text)
{
	struct ip6_prefix six;
	char addr[64];
	struct be32 four;
	const char *slash = strchr(text, '/');

	if (strchr(text, ':')) {
		snprintf(addr, sizeof addr, "%.*s", (int)(slash - text), text);
		cr_assert_eq(text_parse_ip6(addr, strlen(addr), &six.addr, NULL), 0, "%s", text);
		return (struct config_prefix){
		        .addr = six.addr, .family = 6, .len = (uint8_t)strtoul(slash + 1, NULL, 10)};
	}
	snprintf(addr, sizeof addr, "%.*s", (int)(slash - text), text);
	cr_assert_eq(text_parse_ipv4(addr, strlen(addr), &four, NULL), 0, "%s", text);
	return (struct config_prefix){
	        .addr = ip6_addr_mapped(four), .family = 4, .len = (uint8_t)strtoul(slash + 1, NULL, 10)};
}

static struct config_adopted_address address(const char *port, const char *text)
{
	return (struct config_adopted_address){.port = name(port), .address = prefix(text)};
}

static struct config_adopted_route route(const char *port, const char *to, const char *via, uint32_t metric)
{
	return (struct config_adopted_route){.port = name(port),
	        .to = prefix(to),
	        .via = via ? prefix(via) : (struct config_prefix){.family = 0},
	        .metric = metric};
}

static void adopt(struct config *c, const struct config_adopted_address *a, uint32_t n_a,
        const struct config_adopted_route *r, uint32_t n_r)
{
	cr_assert_eq(config_adopt(c, &(struct config_adopted){a, r, n_a, n_r}), 0);
}

/* The epoch's addresses of a port, in order, with a + before those that were adopted. */
static const char *addresses(const struct config *c, const char *port)
{
	static char text[1024];
	_Alignas(CACHE_LINE) static uint8_t region[1 << 20];
	struct epoch e;
	size_t used, n = 0;

	cr_assert_eq(config_compile(c, 1, NULL, region, sizeof region, &used), 0);
	cr_assert_eq(epoch_attach(region, used, &e), 0);
	cr_expect_eq(e.header->adopted, c->adopted_identity);
	text[0] = 0;
	for (uint32_t i = 0; i < e.n_addresses; i++) {
		const struct epoch_address *a = &e.addresses[i];
		char out[TEXT_IP6_SIZE];

		if (strcmp(e.ports[a->port.v].name, port) != 0 || a->scope != EPOCH_SCOPE_GLOBAL)
			continue;
		n += (size_t)snprintf(text + n, sizeof text - n, " %s%s/%u",
		        a->flags & EPOCH_ADDRESS_ADOPTED ? "+" : "",
		        a->family == 4 ? text_ipv4(out, a->addr.w32[3]) : text_ip6(out, &a->addr),
		        a->prefix_len);
	}
	return text;
}

static int collect(void *context, const struct fib_route *r, const struct fib_group_spec *spec)
{
	char *text = context, to[TEXT_IP6_SIZE], via[TEXT_IP6_SIZE];
	size_t n = strlen(text);
	bool four = r->prefix.family == FIB_IPV4;

	if (r->protocol == CONFIG_PROTOCOL_ADOPTED)
		snprintf(text + n, 1024 - n, " %s/%u,%s,%u",
		        four ? text_ipv4(to, r->prefix.addr.w32[3]) : text_ip6(to, &r->prefix.addr),
		        r->prefix.len,
		        spec->type == FIB_CONNECTED ? "dev"
		        : four                      ? text_ipv4(via, spec->hops[0].gateway.w32[3])
		                                    : text_ip6(via, &spec->hops[0].gateway),
		        r->metric);
	return 0;
}

static const char *routes(const struct config *c)
{
	static char text[1024];
	_Alignas(CACHE_LINE) static uint8_t region[1 << 20];
	struct epoch e;
	size_t used;

	cr_assert_eq(config_compile(c, 1, NULL, region, sizeof region, &used), 0);
	cr_assert_eq(epoch_attach(region, used, &e), 0);
	text[0] = 0;
	cr_assert_eq(config_routes(c, &e, collect, text), 0);
	return text;
}

static const char *const wan_and_lan = "ports:\n"
                                       "  wan: {driver: af_xdp, adopt: true, addresses: [10.0.0.1/24]}\n"
                                       "  lan: {driver: af_xdp, addresses: [10.1.0.1/24]}\n"
                                       "  dmz: {driver: tap, adopt: true, ipv6: false}\n"
                                       "routes:\n"
                                       "- {to: 172.16.0.0/12, via: 10.1.0.9}\n";

Test(adopt, addresses_stand_behind_those_of_the_text_and_routes_find_their_networks)
{
	struct config *c = load(wan_and_lan);
	const struct config_adopted_address a[] = {address("wan", "192.0.2.1/24"),
	        address("wan", "2001:db8::1/64"), address("dmz", "198.51.100.1/24")};
	const struct config_adopted_route r[] = {route("wan", "0.0.0.0/0", "192.0.2.254/32", 0),
	        route("wan", "::/0", "fe80::1/128", 1024), route("dmz", "10.9.0.0/16", NULL, 7),
	        route("wan", "10.8.0.0/16", "10.0.0.9/32", 0)};

	cr_expect_eq(c->adopted_identity, 0);
	adopt(c, a, 3, r, 4);
	cr_expect_str_eq(addresses(c, "wan"), " 10.0.0.1/24 +192.0.2.1/24 +2001:db8::1/64");
	cr_expect_str_eq(addresses(c, "lan"), " 10.1.0.1/24");
	cr_expect_str_eq(addresses(c, "dmz"), " +198.51.100.1/24");
	cr_expect_str_eq(routes(c),
	        " 0.0.0.0/0,192.0.2.254,0 ::/0,fe80::1,1024 10.9.0.0/16,dev,7 10.8.0.0/16,10.0.0.9,0");
	for (uint32_t i = 0; i < c->n_ports; i++)
		cr_expect_null(c->ports[i].not_adopted, "%s", c->ports[i].not_adopted);
	config_free(c);
}

Test(adopt, the_last_word_counts_and_the_text_stays)
{
	struct config *c = load(wan_and_lan);
	const struct config_adopted_address a[] = {address("wan", "192.0.2.1/24")},
	                                    b[] = {address("wan", "192.0.2.2/24"),
	                                            address("dmz", "9.0.0.1/8")};
	const struct config_adopted_route r[] = {route("wan", "0.0.0.0/0", "192.0.2.254/32", 0)};
	uint64_t first;

	adopt(c, a, 1, r, 1);
	first = c->adopted_identity;
	cr_expect_neq(first, 0);
	adopt(c, b, 2, NULL, 0);
	cr_expect_neq(c->adopted_identity, first);
	cr_expect_str_eq(addresses(c, "wan"), " 10.0.0.1/24 +192.0.2.2/24");
	cr_expect_str_eq(addresses(c, "dmz"), " +9.0.0.1/8");
	cr_expect_str_eq(routes(c), "");
	adopt(c, a, 1, r, 1);
	cr_expect_eq(c->adopted_identity, first, "the same has the same identity");
	adopt(c, NULL, 0, NULL, 0);
	cr_expect_eq(c->adopted_identity, 0);
	cr_expect_str_eq(addresses(c, "wan"), " 10.0.0.1/24");
	cr_expect_str_eq(addresses(c, "dmz"), "");
	config_free(c);
}

/* What one piece is left out for. */
static void expect_left_out(const char *port, const struct config_adopted_address *a,
        const struct config_adopted_route *r, const char *why)
{
	struct config *c = load(wan_and_lan);

	adopt(c, a, a ? 1 : 0, r, r ? 1 : 0);
	cr_expect_eq(c->adopted_identity, 0, "%s", why);
	cr_assert_not_null(config_port(c, port)->not_adopted, "%s", why);
	cr_expect_str_eq(config_port(c, port)->not_adopted, why);
	config_free(c);
}

Test(adopt, what_the_text_contradicts_is_left_out)
{
	const struct {
		const char *port, *address, *why;
	} a[] = {
	        {"wan", "10.1.0.1/32", "10.1.0.1/32 ('lan' has this address)"},
	        {"wan", "10.1.0.7/16", "10.1.0.7/16 ('lan' is on that network)"},
	        {"wan", "10.1.0.7/25", "10.1.0.7/25 ('lan' is on that network)"},
	        {"wan", "224.0.0.1/24", "224.0.0.1/24 (a multicast address)"},
	        {"wan", "127.0.0.1/8", "127.0.0.1/8 (a loopback address)"},
	        {"wan", "192.0.2.0/24", "192.0.2.0/24 (the address of the network itself)"},
	        {"dmz", "2001:db8::1/64", "2001:db8::1/64 (`ipv6: false`)"},
	};
	const struct {
		const char *port, *to, *via, *why;
	} r[] = {
	        {"wan", "172.16.0.0/12", "10.0.0.9/32",
	                "172.16.0.0/12 (the configuration gives one with this metric)"},
	        {"wan", "10.1.0.0/24", NULL, "10.1.0.0/24 (a port is on that network)"},
	        {"wan", "0.0.0.0/0", "10.1.0.9/32", "0.0.0.0/0 (its gateway is in no network of the port)"},
	        {"wan", "0.0.0.0/0", "10.0.0.1/32", "0.0.0.0/0 (its gateway is an address of our own)"},
	        {"wan", "0.0.0.0/0", "224.0.0.1/32", "0.0.0.0/0 (its gateway is no neighbor's address)"},
	        {"wan", "fe80::/64", NULL, "fe80::/64 (no unicast prefix beyond the link)"},
	        {"dmz", "::/0", "fe80::1/128", "::/0 (`ipv6: false`)"},
	};

	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		const struct config_adopted_address one = address(a[i].port, a[i].address);

		expect_left_out(a[i].port, &one, NULL, a[i].why);
	}
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		const struct config_adopted_route one = route(r[i].port, r[i].to, r[i].via, 0);

		expect_left_out(r[i].port, NULL, &one, r[i].why);
	}
}

Test(adopt, two_ports_cannot_have_the_same_and_the_rest_goes_on)
{
	struct config *c = load(wan_and_lan);
	const struct config_adopted_address a[] = {address("dmz", "192.0.2.1/24"),
	        address("wan", "192.0.2.9/24"), address("wan", "192.0.2.1/24"), address("wan", "9.0.0.1/8")};
	struct config_adopted_route r[] = {route("wan", "0.0.0.0/0", "10.0.0.9/32", 0),
	        route("dmz", "0.0.0.0/0", "192.0.2.9/32", 0), route("dmz", "0.0.0.0/0", "192.0.2.9/32", 1),
	        route("dmz", "10.9.0.0/16", "1.1.1.1/32", 1)};

	r[3].onlink = true;
	adopt(c, a, 4, r, 4);
	cr_expect_str_eq(addresses(c, "dmz"), " +192.0.2.1/24");
	cr_expect_str_eq(addresses(c, "wan"), " 10.0.0.1/24 +9.0.0.1/8");
	cr_expect_str_eq(routes(c), " 0.0.0.0/0,10.0.0.9,0 0.0.0.0/0,192.0.2.9,1 10.9.0.0/16,1.1.1.1,1");
	cr_expect_str_eq(
	        config_port(c, "wan")->not_adopted, "192.0.2.9/24 ('dmz' is on that network), and 1 more");
	cr_expect_str_eq(config_port(c, "dmz")->not_adopted, "0.0.0.0/0 (another one was adopted)");
	config_free(c);
}

Test(adopt, no_port_has_what_it_was_not_asked_to_take_or_has_already)
{
	struct config *c = load(wan_and_lan);
	const struct config_adopted_address a[] = {address("lan", "192.0.2.1/24"),
	        address("gone", "192.0.2.1/24"), address("wan", "10.0.0.1/24"), address("wan", "fe80::5/64")};
	const struct config_adopted_route r[] = {route("lan", "0.0.0.0/0", "10.1.0.9/32", 0)};

	adopt(c, a, 4, r, 1);
	cr_expect_eq(c->adopted_identity, 0);
	cr_expect_str_eq(addresses(c, "lan"), " 10.1.0.1/24");
	cr_expect_str_eq(addresses(c, "wan"), " 10.0.0.1/24");
	cr_expect_null(config_port(c, "wan")->not_adopted);
	config_free(c);
}
