#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/config/config.h"
#include "common/settings/settings.h"

/* A configuration in memory, compiled and attached. */
struct built {
	struct config *config;
	struct epoch epoch;
	void *region;
	size_t used;
};

static struct config *parse(const char *text)
{
	struct config_errors errors = {0};
	struct config *config;

	if (config_parse("test.yaml", text, strlen(text), &config, &errors)) {
		config_errors_print(stderr, &errors);
		config_errors_free(&errors);
		cr_assert_fail("refused");
	}
	cr_assert_eq(errors.n, 0);
	return config;
}

static struct built build_after(const char *text, const struct epoch *previous)
{
	struct built b = {.config = parse(text)};
	size_t need, again;

	cr_assert_eq(config_compile(b.config, 7, previous, NULL, 0, &need), -ENOSPC);
	b.region = aligned_alloc(CACHE_LINE, ALIGN_UP(need, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(b.config, 7, previous, b.region, need - 1, &again), -ENOSPC);
	cr_assert_eq(config_compile(b.config, 7, previous, b.region, need, &b.used), 0);
	cr_assert_eq(b.used, need);
	cr_assert_eq(epoch_attach(b.region, b.used, &b.epoch), 0);
	cr_assert_eq(b.epoch.number, 7);
	return b;
}

static struct built build(const char *text)
{
	return build_after(text, NULL);
}

static void drop(struct built *b)
{
	config_free(b->config);
	free(b->region);
}

static const struct epoch_port *port(const struct built *b, const char *name, struct port_id *id)
{
	for (uint16_t i = 0; i < b->epoch.n_ports; i++) {
		const struct epoch_port *p = epoch_port(&b->epoch, (struct port_id){i});

		if (p && strcmp(p->name, name) == 0) {
			*id = (struct port_id){i};
			return p;
		}
	}
	cr_assert_fail("no port %s", name);
	return NULL;
}

static struct port_id id_of(const struct built *b, const char *name)
{
	struct port_id id;

	(void)port(b, name, &id);
	return id;
}

Test(config, ports_have_their_settings_and_defaults)
{
	struct built b = build(
	        "ports:\n"
	        "  wan: {addresses: [192.0.2.1/24], mac: 02:11:22:33:44:55, mtu: 1400, rp_filter: loose,\n"
	        "        forwarding: {ipv6: no}, mss_clamp: pmtu, neighbor: {reachable: 5s}}\n"
	        "  lan: {any_mac: true, ipv6: false, hop_limit: 9, up: false}\n");
	struct port_id id;
	const struct epoch_port *p = port(&b, "wan", &id);

	cr_expect_eq(id.v, 0);
	cr_expect_eq(p->kind, EPOCH_PORT_PHYSICAL);
	cr_expect_eq(p->mtu, 1400);
	cr_expect_eq(p->rp_filter, 2);
	cr_expect_eq(p->mss_clamp4, 1);
	cr_expect_eq(p->reachable_ms, 5000);
	cr_expect_eq(p->retrans_ms, 1000);
	cr_expect_eq(p->hop_limit, 64);
	cr_expect_eq(p->flags, EPOCH_PORT_UP | EPOCH_PORT_FORWARD4 | EPOCH_PORT_IPV6 | EPOCH_PORT_REDIRECTS);
	p = port(&b, "lan", &id);
	cr_expect_eq(id.v, 1);
	cr_expect_eq(p->mtu, 1500);
	cr_expect_eq(p->hop_limit, 9);
	cr_expect_eq(p->flags, EPOCH_PORT_FORWARD4 | EPOCH_PORT_FORWARD6 | EPOCH_PORT_REDIRECTS |
	                               EPOCH_PORT_ANY_MAC | EPOCH_PORT_PROMISC);
	cr_expect_eq(p->addresses.count, 0);
	p = port(&b, "lo", &id);
	cr_expect_eq(id.v, EPOCH_PORT_LO);
	cr_expect_eq(p->addresses.count, 2);
	drop(&b);
}

Test(config, ports_without_a_link_local_address_get_one_from_their_mac)
{
	struct built b = build("ports:\n"
	                       "  a: {mac: 02:11:22:33:44:55}\n"
	                       "  b: {addresses: [\"fe80::7/64\"]}\n");
	const struct ip6_addr eui = {.b = {0xfe, 0x80, [9] = 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55}};
	const struct ip6_addr seven = {.b = {0xfe, 0x80, [15] = 7}};
	const struct epoch_address *a;
	struct port_id id;

	a = epoch_port_address(&b.epoch, port(&b, "a", &id), &eui);
	cr_assert_not_null(a);
	cr_expect_eq(a->scope, EPOCH_SCOPE_LINK);
	cr_expect_eq(a->prefix_len, 64);
	cr_expect_eq(port(&b, "b", &id)->addresses.count, 1);
	cr_expect_not_null(epoch_port_address(&b.epoch, port(&b, "b", &id), &seven));
	cr_expect_null(epoch_port_address(&b.epoch, port(&b, "a", &id), &seven));
	drop(&b);
}

Test(config, tags_lead_to_sub_ports)
{
	struct built b = build("ports: {wan: {}, lan: {}}\n"
	                       "vlans:\n"
	                       "  wan.5: {parent: wan, id: 5}\n"
	                       "  q1: {parent: wan, id: [7, 1]}\n"
	                       "  q2: {parent: wan, id: [7, 2]}\n"
	                       "  q0: {parent: wan, id: 7, protocol: 802.1ad}\n"
	                       "  lan.7: {parent: lan, id: 7}\n"
	                       "  p: {parent: lan, id: 8}\n"
	                       "  q3: {parent: lan, id: [8, 8]}\n");
	const struct {
		const char *phys;
		uint16_t vid[2];
		uint32_t n;
		const char *want;
	} cases[] = {
	        {"wan", {5}, 1, "wan.5"},
	        {"wan", {7}, 1, "q0"},
	        {"wan", {7, 1}, 2, "q1"},
	        {"wan", {7, 2}, 2, "q2"},
	        {"wan", {7, 0}, 2, "q0"},
	        {"wan", {7, 3}, 2, NULL},
	        {"wan", {6}, 1, NULL},
	        {"wan", {0}, 1, "wan"},
	        {"wan", {0, 5}, 2, "wan.5"},
	        {"wan", {5, 1}, 2, NULL},
	        {"lan", {7}, 1, "lan.7"},
	        {"lan", {8}, 1, "p"},
	        {"lan", {8, 8}, 2, "q3"},
	        {"lan", {5}, 1, NULL},
	        {"lan", {0}, 0, "lan"},
	};
	struct port_id id;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct port_id got = epoch_vlan_port(
		        &b.epoch, id_of(&b, cases[i].phys), cases[i].vid, cases[i].n);
		struct port_id want = cases[i].want ? id_of(&b, cases[i].want) : PORT_NONE;

		cr_expect_eq(got.v, want.v, "case %zu: %u", i, got.v);
	}
	cr_expect_eq(port(&b, "q1", &id)->tpid[0], 0x88a8);
	cr_expect_eq(port(&b, "q1", &id)->tpid[1], 0x8100);
	cr_expect_eq(port(&b, "wan.5", &id)->tpid[0], 0x8100);
	cr_expect_eq(port(&b, "wan.5", &id)->mtu, 1500);
	drop(&b);
}

Test(config, a_port_keeps_its_id_in_the_next_epoch)
{
	struct built a = build("ports: {one: {}, two: {}, three: {}}\n"
	                       "vlans: {v1: {parent: one, id: 1}, v2: {parent: one, id: 2}}\n");
	struct built b = build_after(
	        "ports: {zero: {}, three: {}, two: {}, four: {}}\n"
	        "vlans: {v0: {parent: two, id: 9}, v2: {parent: two, id: 2}, v3: {parent: two, id: 3}}\n",
	        &a.epoch);

	cr_expect_eq(id_of(&b, "two").v, id_of(&a, "two").v);
	cr_expect_eq(id_of(&b, "three").v, id_of(&a, "three").v);
	cr_expect_eq(id_of(&b, "v2").v, id_of(&a, "v2").v);
	cr_expect_eq(id_of(&b, "zero").v, 3, "packets that leave by `one` are under way");
	cr_expect_eq(id_of(&b, "four").v, 4);
	cr_expect_eq(id_of(&b, "v0").v, id_of(&a, "v2").v + 1);
	drop(&a);
	a = build_after("ports: {three: {}, two: {}, five: {}}\n", &b.epoch);
	cr_expect_eq(id_of(&a, "five").v, 0, "which is long over");
	drop(&a);
	drop(&b);
}

Test(config, a_port_takes_another_ones_id_only_where_none_is_free)
{
	char before[1024] = "ports:\n", after[1024] = "ports:\n";
	struct built a, b;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		snprintf(before + strlen(before), sizeof before - strlen(before), "  a%u: {}\n", i);
		snprintf(after + strlen(after), sizeof after - strlen(after), "  %c%u: {}\n",
		        i == 7 ? 'b' : 'a', i);
	}
	a = build(before);
	b = build_after(after, &a.epoch);
	cr_expect_eq(id_of(&b, "b7").v, id_of(&a, "a7").v);
	drop(&a);
	drop(&b);
}

Test(config, drivers_get_their_settings_as_text)
{
	struct built b = build("ports:\n"
	                       "  a: {driver: pcap, in: x.pcap, out: /y.pcap, pace: 1000 pps, loop: 3}\n"
	                       "  b: {driver: loop, peer: c, fault: {seed: 9, drop: 1%, delay: 5ms}}\n"
	                       "  c: {driver: loop, peer: b}\n"
	                       "  d: {}\n");
	struct port_id id;

	cr_expect_str_eq(epoch_text(&b.epoch, port(&b, "a", &id)->driver_text),
	        "in=x.pcap;out=/y.pcap;pace=1000;loop=3");
	cr_expect_str_eq(epoch_text(&b.epoch, port(&b, "b", &id)->driver_text),
	        "peer=c;fault.seed=9;fault.drop=10000;fault.repeat=0;fault.reorder=0;fault.corrupt=0;fault."
	        "truncate=0;"
	        "fault.delay_ms=5");
	cr_expect_str_eq(epoch_text(&b.epoch, port(&b, "d", &id)->driver_text), "");
	cr_expect_eq(port(&b, "d", &id)->driver, EPOCH_DRIVER_NONE);
	cr_assert_eq(config_port_set_driver(b.config, 3, EPOCH_DRIVER_PCAP, "in=z"), 0);
	cr_assert_eq(config_port_set_driver(b.config, 4, EPOCH_DRIVER_PCAP, "in=z"), -EINVAL);
	cr_assert_eq(config_compile(b.config, 1, NULL, NULL, 0, &b.used), -ENOSPC);
	free(b.region);
	b.region = aligned_alloc(CACHE_LINE, ALIGN_UP(b.used, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(b.config, 1, NULL, b.region, b.used, &b.used), 0);
	cr_assert_eq(epoch_attach(b.region, b.used, &b.epoch), 0);
	cr_expect_str_eq(epoch_text(&b.epoch, port(&b, "d", &id)->driver_text), "in=z");
	drop(&b);
}

Test(config, an_interface_that_is_played_takes_frames_for_the_mac_that_it_had)
{
	struct built b = build("ports:\n"
	                       "  a: {driver: af_xdp}\n"
	                       "  b: {driver: af_packet, mac: 02:00:00:00:00:09}\n"
	                       "  c: {}\n");

	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(config_port_set_driver(b.config, i, EPOCH_DRIVER_PCAP, "in=z"), 0);
		cr_expect_eq(b.config->ports[i].any_mac, i == 0, "port %u", i);
	}
	drop(&b);
}

Test(config, interfaces_of_the_machine_get_their_settings_as_text)
{
	struct built b = build(
	        "ports:\n"
	        "  a: {driver: af_xdp, interface: eth7, mode: generic, rx_ring: 512, adopt: true}\n"
	        "  b: {driver: af_packet, mode: v3, checksum: full, poll: {weight: 8, busy_poll_us: 50}}\n"
	        "  c: {driver: tap, mac: 02:00:00:00:00:09}\n");
	struct nic_settings s;
	char error[256];
	struct port_id id;

	cr_expect_str_eq(epoch_text(&b.epoch, port(&b, "a", &id)->driver_text),
	        "interface=eth7;rx_ring=512;tx_ring=2048;adopt=1;mode=generic;control_dscp=48;poll.weight=64;"
	        "poll.budget=300;"
	        "poll.budget_us=2000;poll.defer_hard_irqs=0;poll.gro_flush_timeout_us=0;poll.busy_poll_us=0");
	cr_expect(port(&b, "a", &id)->flags & EPOCH_PORT_CSUM_PARTIAL);
	cr_expect_not(port(&b, "b", &id)->flags & EPOCH_PORT_CSUM_PARTIAL);
	cr_assert_eq(settings_parse(&s, EPOCH_DRIVER_AF_PACKET,
	                     epoch_text(&b.epoch, port(&b, "b", &id)->driver_text), error, sizeof error),
	        0, "%s", error);
	cr_expect_eq(s.live.mode, MODE_V3);
	cr_expect_eq(s.poll.weight, 8);
	cr_expect_eq(s.poll.busy_poll_us, 50);
	cr_assert_eq(settings_parse(&s, EPOCH_DRIVER_TAP,
	                     epoch_text(&b.epoch, port(&b, "c", &id)->driver_text), error, sizeof error),
	        0, "%s", error);
	cr_expect_eq(port(&b, "c", &id)->mac.b[5], 9);
	drop(&b);
}

Test(config, rules_become_a_classifier_with_names)
{
	struct built b = build("ports: {wan: {}, lan: {}}\n"
	                       "rules:\n"
	                       "  ingress:\n"
	                       "    policy: drop\n"
	                       "    rules:\n"
	                       "    - {name: web, in: [wan, lan], to: 10.0.0.0/8, protocol: tcp, to_port: "
	                       "80-90, action: pass}\n"
	                       "    - {protocol: udp, action: count, set_mark: 5/7}\n"
	                       "  egress: {rules: [{out: lan, action: drop}]}\n");
	const struct epoch_header *h = b.epoch.header;
	struct classify_key key = {
	        .daddr = 0x0a000001,
	        .l4_dport = 85,
	        .in_port = id_of(&b, "lan"),
	        .vlan = CLASSIFY_UNTAGGED,
	        .inner_vlan = CLASSIFY_UNTAGGED,
	        .ip_proto = 6,
	        .shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_PORTS),
	        .out_port = PORT_NONE,
	};
	const struct classify_key *keys[] = {&key};
	struct classify c;
	uint32_t first;

	cr_assert_eq(classify_attach(&c, (const char *)h + h->ingress.off, h->ingress.count), 0);
	classify_bulk(&c, keys, 1, &first);
	cr_expect_eq(first, 0);
	key.l4_dport = 91;
	classify_bulk(&c, keys, 1, &first);
	cr_expect_eq(first, CLASSIFY_NO_RULE);
	key.ip_proto = 17;
	classify_bulk(&c, keys, 1, &first);
	cr_expect_eq(first, 1);
	cr_expect_eq(c.policy, CLASSIFY_DROP);
	cr_expect_str_eq(epoch_rule_name(&b.epoch, h->ingress_names, 0), "web");
	cr_expect_null(epoch_rule_name(&b.epoch, h->ingress_names, 1));
	cr_expect_null(epoch_rule_name(&b.epoch, h->ingress_names, 2));
	cr_assert_eq(classify_attach(&c, (const char *)h + h->egress.off, h->egress.count), 0);
	key.out_port = id_of(&b, "lan");
	classify_bulk(&c, keys, 1, &first);
	cr_expect_eq(first, 0);
	drop(&b);
}

Test(config, sockets_neighbors_and_limits)
{
	struct built b = build(
	        "ports: {wan: {addresses: [192.0.2.1/24]}}\n"
	        "neighbors: [{address: 192.0.2.9, mac: 02:00:00:00:00:09}]\n"
	        "sockets:\n"
	        "- {name: dns, udp: \"[::]:53\", rcvbuf: 64KiB, join: [224.0.0.251, \"ff02::fb\"]}\n"
	        "- {udp: 192.0.2.1:7, connect: 192.0.2.9:9, port: wan, app: echo}\n"
	        "limits: {icmp_errors: 5/s burst 2, fragment_memory: 1MiB, fragment_timeout: 2s}\n");
	const struct epoch_limits *limits = &b.epoch.header->limits;
	struct port_id id;

	cr_assert_eq(b.epoch.n_sockets, 2);
	cr_expect_eq(b.epoch.sockets[0].family, 0);
	cr_expect_eq(b.epoch.sockets[0].rcvbuf, 65536);
	cr_expect_eq(b.epoch.sockets[0].port.v, PORT_NONE.v);
	cr_expect_eq(b.epoch.sockets[1].family, 4);
	cr_expect_eq(b.epoch.sockets[1].app, EPOCH_APP_ECHO);
	cr_expect_eq(b.epoch.sockets[1].remote_port, 9);
	cr_expect_eq(b.epoch.sockets[1].port.v, 0);
	cr_expect_eq(port(&b, "wan", &id)->groups.count, 2);
	cr_assert_eq(b.epoch.n_neighbors, 1);
	cr_expect_eq(b.epoch.neighbors[0].port.v, 0);
	cr_expect_eq(limits->icmp_error.per_second, 5);
	cr_expect_eq(limits->icmp_error.burst, 2);
	cr_expect_eq(limits->frag_high_bytes, 1 << 20);
	cr_expect_eq(limits->frag_timeout_ms, 2000);
	cr_expect_eq(limits->frag6_timeout_ms, 60000);
	cr_expect_eq(limits->local[EPOCH_CLASS_UDP].per_second, 0);
	drop(&b);
}

/* How a configuration with this line is told where. */
static struct config *with_line(const char *line)
{
	struct config_errors errors = {0};
	struct config *config;
	char text[256];

	snprintf(text, sizeof text, "ports: {a: {}}\n%s\n", line);
	cr_assert_eq(config_parse("test.yaml", text, strlen(text), &config, &errors), 0, "%s", line);
	config_errors_free(&errors);
	return config;
}

Test(config, metrics_have_the_same_digest_if_they_are_told_alike)
{
	static const char *const metrics[] = {"", "metrics: {listen: 127.0.0.1:9464}",
	        "metrics: {listen: 127.0.0.2:9464}", "metrics: {listen: 127.0.0.1:9465}",
	        "metrics: {listen: \"[::1]:9464\"}", "metrics: {listen: 127.0.0.1:9464, token_file: /t}",
	        "metrics: {listen: 127.0.0.1:9464, token_file: /u}",
	        "metrics: {listen: 127.0.0.1:9464, certificate: /t, key: /u}",
	        "metrics: {listen: 127.0.0.1:9464, certificate: /u, key: /t}"};

	for (uint32_t i = 0; i < ARRAY_LEN(metrics); i++)
		for (uint32_t j = 0; j < ARRAY_LEN(metrics); j++) {
			struct config *a = with_line(metrics[i]), *b = with_line(metrics[j]);

			cr_expect_eq(config_metrics_digest(&a->metrics) == config_metrics_digest(&b->metrics),
			        i == j, "%s %s", metrics[i], metrics[j]);
			config_free(a);
			config_free(b);
		}
}

Test(config, what_cannot_change_and_what_waits_for_a_start_is_told)
{
	static const struct {
		const char *line, *fixed;
		bool same_cores;
	} cases[] = {
	        {"", NULL, true},
	        {"appliance: {cores: any}", NULL, false},
	        {"appliance: {cores: [1]}", NULL, false},
	        {"appliance: {lanes: 2}", "appliance.lanes", true},
	        {"appliance: {buffers: 4096}", "appliance.buffers", true},
	        {"appliance: {buffer_bytes: 2112}", "appliance.buffer_bytes", true},
	        {"appliance: {ring_slots: 512}", "appliance.ring_slots", true},
	        {"limits: {neighbor_queue: 3}", "limits", true},
	};
	struct config *plain = with_line("");

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = with_line(cases[i].line);
		struct stage_params was, will;
		const char *fixed;

		config_params(plain, &was);
		config_params(config, &will);
		fixed = config_fixed_key(&was, &will);
		cr_expect(fixed == cases[i].fixed ||
		                  (fixed && cases[i].fixed && !strcmp(fixed, cases[i].fixed)),
		        "%s: %s", cases[i].line, fixed);
		cr_expect_eq(config_cores_same(&plain->appliance.cores, &config->appliance.cores),
		        cases[i].same_cores);
		config_free(config);
	}
	config_free(plain);
}
