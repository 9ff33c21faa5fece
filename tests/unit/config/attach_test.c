#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/config/config.h"

static const char text[] =
        "ports: {wan: {addresses: [192.0.2.1/24], groups: [224.0.0.5]}, lan: {driver: pcap, in: a.pcap}}\n"
        "vlans: {v: {parent: wan, id: 5}, q: {parent: wan, id: [7, 9], addresses: [10.0.0.1/24]}}\n"
        "neighbors: [{address: 192.0.2.9, mac: 02:00:00:00:00:09}]\n"
        "rules: {ingress: {rules: [{name: one, action: count}, {name: two, action: drop}]}}\n"
        "sockets: [{name: s, udp: \"[::]:53\", port: wan, join: [\"ff02::fb\"]}]\n";

static uint64_t sum; /* so that every byte that is read counts */

static void read_bytes(const struct epoch *e, struct epoch_span s, uint64_t size)
{
	const uint8_t *at = (const uint8_t *)e->header + s.off;

	for (uint64_t i = 0; i < s.count * size; i++)
		sum += at[i];
}

static void read_port(const struct epoch *e, const struct epoch_port *p, struct port_id id)
{
	const struct ip6_addr other = {0};
	uint16_t vid[2];

	sum += strlen(p->name) + strlen(epoch_text(e, p->driver_text)) +
	       (epoch_port_address(e, p, &other) != NULL);
	read_bytes(e, p->addresses, sizeof(struct epoch_address));
	read_bytes(e, p->groups, sizeof(struct ip6_addr));
	cr_assert(port_id_equal(p->phys, PORT_NONE) || p->phys.v < e->n_ports);
	for (vid[0] = 1; vid[0] < 16; vid[0]++) {
		for (vid[1] = 0; vid[1] < 16; vid[1]++) {
			struct port_id sub = epoch_vlan_port(e, id, vid, 1 + vid[1] % 2);

			cr_assert(port_id_equal(sub, PORT_NONE) || sub.v < e->n_ports);
		}
	}
}

/* Reads all that readers of an attached epoch may read without a look at bounds. */
static void read_all(const struct epoch *e)
{
	const struct epoch_header *h = e->header;

	for (uint16_t i = 0; i < e->n_ports; i++) {
		const struct epoch_port *p = epoch_port(e, (struct port_id){i});

		if (p)
			read_port(e, p, (struct port_id){i});
	}
	for (uint32_t i = 0; i < e->n_addresses; i++)
		cr_assert_lt(e->addresses[i].port.v, e->n_ports);
	for (uint32_t i = 0; i < e->n_neighbors; i++)
		cr_assert_lt(e->neighbors[i].port.v, e->n_ports);
	for (uint32_t i = 0; i < e->n_sockets; i++)
		sum += strlen(e->sockets[i].name);
	for (uint32_t i = 0; i < 4; i++) {
		const char *name = epoch_rule_name(e, h->ingress_names, i);

		sum += name ? strlen(name) : 0;
	}
	read_bytes(e, h->ingress, 1);
	read_bytes(e, h->egress, 1);
}

/* A region with a few spoilt bytes is refused, or can be read as if it were whole: a sanitizer looks on. */
Test(attach, a_spoilt_region_is_refused_or_harmless)
{
	struct config_errors errors = {0};
	uint64_t random = 99, attached = 0;
	struct config *config;
	uint8_t *whole, *spoilt;
	size_t bytes;

	cr_assert_eq(config_parse("t.yaml", text, sizeof text - 1, &config, &errors), 0);
	cr_assert_eq(config_compile(config, 1, NULL, NULL, 0, &bytes), -ENOSPC);
	whole = aligned_alloc(CACHE_LINE, ALIGN_UP(bytes, (size_t)CACHE_LINE));
	spoilt = aligned_alloc(CACHE_LINE, ALIGN_UP(bytes, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(config, 1, NULL, whole, bytes, &bytes), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct epoch epoch;

		memcpy(spoilt, whole, bytes);
		for (uint32_t n = 1 + i % 3; n; n--) {
			uint64_t r = random_next(&random);
			size_t room = r & 0x1000 ? bytes : r & 0x2000 ? 8192 : sizeof(struct epoch_header);

			spoilt[(r >> 16) % MIN(room, bytes)] = r & 0x4000 ? (uint8_t)r
			                                                  : (uint8_t)(r & 1 ? 0xff : 0x40);
		}
		if (epoch_attach(spoilt, bytes, &epoch))
			continue;
		attached++;
		read_all(&epoch);
	}
	cr_expect_gt(attached, 1000);
	cr_expect_lt(attached, 19000);
	cr_expect_neq(sum, 0);
	free(whole);
	free(spoilt);
	config_free(config);
}

Test(attach, a_shorter_region_is_refused)
{
	struct config_errors errors = {0};
	struct config *config;
	struct epoch epoch;
	uint8_t *whole;
	size_t bytes;

	cr_assert_eq(config_parse("t.yaml", text, sizeof text - 1, &config, &errors), 0);
	cr_assert_eq(config_compile(config, 1, NULL, NULL, 0, &bytes), -ENOSPC);
	whole = aligned_alloc(CACHE_LINE, ALIGN_UP(bytes, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(config, 1, NULL, whole, bytes, &bytes), 0);
	for (size_t n = 0; n < bytes; n += 61)
		cr_assert_eq(epoch_attach(whole, n, &epoch), -EINVAL);
	cr_assert_eq(epoch_attach(whole, bytes, &epoch), 0);
	free(whole);
	config_free(config);
}
