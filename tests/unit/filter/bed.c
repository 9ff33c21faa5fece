#include "tests/unit/filter/bed.h"

#include <stdlib.h>

#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/udp.h"

#define REGION_BYTES (4u << 20)
#define PORTS        64u
#define INNER_TABLES 2u

const struct mac_addr bed_mac = {{2, 0, 0, 0, 0, 1}};
const struct mac_addr bed_sub_mac = {{2, 0, 0, 0, 0, 8}};
const struct mac_addr bed_other = {{2, 0, 0, 0, 0, 0x77}};
const struct mac_addr bed_peer = {{2, 0, 0, 0, 1, 1}};

const struct bed_sub bed_subs[] = {
        {1, {0x8100}, {5}, true, false},
        {1, {0x88a8}, {7}, true, false},
        {1, {0x8100}, {6}, false, false},
        {1, {0x8100}, {8}, true, true},
        {1, {0x9100}, {9}, true, false},
        {2, {0x88a8, 0x8100}, {100, 10}, true, false},
        {2, {0x88a8, 0x8100}, {100, 11}, true, true},
        {2, {0x8100, 0x8100}, {200, 10}, true, false},
};

const uint32_t bed_n_subs = ARRAY_LEN(bed_subs);

static uint32_t place(struct epoch_header *h, uint32_t bytes)
{
	uint32_t off = (uint32_t)ALIGN_UP(h->bytes, (uint64_t)CACHE_LINE);

	h->bytes = off + bytes;
	assert(h->bytes <= REGION_BYTES);
	return off;
}

static struct epoch_span place_rules(struct epoch_header *h, struct bed_rules rules)
{
	uint32_t off = place(h, 0);
	size_t used = 0;

	if (!rules.rules)
		return (struct epoch_span){0};
	if (classify_build(rules.rules, rules.n, rules.policy, (uint8_t *)h + off, REGION_BYTES - off, &used))
		abort();
	h->bytes = off + used;
	return (struct epoch_span){off, (uint32_t)used};
}

static void make_ports(struct epoch_header *h)
{
	struct epoch_port *p;
	static const uint16_t any = EPOCH_PORT_UP | EPOCH_PORT_ANY_MAC;

	h->ports = (struct epoch_span){place(h, PORTS * sizeof *p), PORTS};
	p = (void *)((uint8_t *)h + h->ports.off);
	p[0] = (struct epoch_port){.name = "eth0", .kind = EPOCH_PORT_PHYSICAL, .flags = EPOCH_PORT_UP};
	p[1] = (struct epoch_port){.name = "eth1", .kind = EPOCH_PORT_PHYSICAL, .phys = {1}};
	p[2] = (struct epoch_port){.name = "lo", .kind = EPOCH_PORT_LOOPBACK, .flags = EPOCH_PORT_UP};
	p[3] = (struct epoch_port){.name = "eth2", .kind = EPOCH_PORT_PHYSICAL, .phys = {3}, .flags = any};
	for (uint32_t i = 0; i < 4; i++) {
		p[i].mac = bed_mac;
		p[i].mtu = BED_MTU;
	}
	p[3].queues = 2;
	p[3].lane = 1;
}

static void make_sub(struct epoch_header *h, uint32_t i)
{
	struct epoch_port *ports = (void *)((uint8_t *)h + h->ports.off);
	uint16_t *outer = (void *)((uint8_t *)h + ports[0].vlans.off);
	uint16_t *inner = (void *)((uint8_t *)h + h->inner.off);
	const struct bed_sub *sub = &bed_subs[i];
	struct epoch_port *p = &ports[BED_SUB + i];
	uint32_t table = sub->vid[0] == 200;

	*p = (struct epoch_port){.kind = EPOCH_PORT_VLAN, .n_tags = (uint8_t)sub->n, .mtu = BED_SUB_MTU};
	p->flags = sub->up ? EPOCH_PORT_UP : 0;
	p->mac = sub->own_mac ? bed_sub_mac : bed_mac;
	memcpy(p->vid, sub->vid, sizeof p->vid);
	memcpy(p->tpid, sub->tpid, sizeof p->tpid);
	if (sub->n == 1) {
		outer[sub->vid[0]] = (uint16_t)(EPOCH_VLAN_PORT | (BED_SUB + i));
		return;
	}
	outer[sub->vid[0]] = (uint16_t)(EPOCH_VLAN_INNER | table);
	inner[table * 4096 + sub->vid[1]] = (uint16_t)(EPOCH_VLAN_PORT | (BED_SUB + i));
}

static void make_vlans(struct epoch_header *h)
{
	struct epoch_port *ports = (void *)((uint8_t *)h + h->ports.off);

	ports[0].vlans = (struct epoch_span){place(h, 4096 * sizeof(uint16_t)), 4096};
	h->inner = (struct epoch_span){place(h, INNER_TABLES * 4096 * sizeof(uint16_t)), INNER_TABLES * 4096};
	for (uint32_t i = 0; i < bed_n_subs; i++)
		make_sub(h, i);
}

void bed_init(struct bed *bed)
{
	fixture_init(&bed->f, filter_stage.state_bytes(&bed->f.params));
	filter_stage.init(bed->f.state, &bed->f.params, 0);
	for (uint32_t i = 0; i < 2; i++)
		bed->region[i] = aligned_alloc(4096, REGION_BYTES);
	if (filter_stage.attach(&bed->f.env, &bed->worker))
		abort();
}

void bed_free(struct bed *bed)
{
	filter_stage.detach(bed->worker);
	free(bed->region[0]);
	free(bed->region[1]);
	fixture_free(&bed->f);
}

void bed_restart(struct bed *bed)
{
	filter_stage.detach(bed->worker);
	if (filter_stage.attach(&bed->f.env, &bed->worker))
		abort();
}

uint32_t bed_epoch(struct bed *bed, uint32_t number, struct bed_rules ingress, struct bed_rules egress)
{
	struct epoch_header *h = bed->region[number & 1];
	uint32_t bursts = 0;
	bool done = false;

	memset(h, 0, REGION_BYTES);
	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC, .version = EPOCH_VERSION, .bytes = sizeof *h, .number = number};
	make_ports(h);
	make_vlans(h);
	h->ingress = place_rules(h, ingress);
	h->egress = place_rules(h, egress);
	if (epoch_attach(h, REGION_BYTES, &bed->epoch))
		abort();
	for (; !done; bursts++) {
		fixture_begin(&bed->f, INPUT_CALL, 0);
		done = filter_stage.adopt(bed->worker, &bed->epoch, 0, &bed->f.burst);
		assert(bed->f.journal.undo <= filter_stage.lines_a_burst);
		fixture_end(&bed->f);
	}
	return bursts;
}

void bed_run(struct bed *bed)
{
	burst_compare(&bed->f.burst);
	filter_stage.burst(bed->worker, &bed->epoch, bed->f.trace.now, &bed->f.burst);
}

uint32_t bed_udp4(uint8_t *frame, uint32_t head, uint32_t len, uint16_t sport, uint16_t dport)
{
	struct ipv4_fields ip = {
	        .src = be32_from_host(IPV4_ADDR(10, 0, 0, 2)),
	        .dst = be32_from_host(IPV4_ADDR(10, 0, 0, 1)),
	        .payload_len = (uint16_t)(len - IPV4_HDR_LEN),
	        .ttl = 64,
	        .proto = IP_PROTO_UDP,
	};

	memset(frame + head, 0, len);
	ipv4_write(frame + head, &ip);
	udp_write(frame + head + IPV4_HDR_LEN, sport, dport, (uint16_t)(len - IPV4_HDR_LEN - UDP_HDR_LEN));
	return head + len;
}

uint32_t bed_add(struct bed *bed, const struct mac_addr *dst, struct port_id port)
{
	uint8_t frame[128];

	ether_write(frame, dst, &bed_peer, ETHER_TYPE_IPV4);
	return fixture_add(&bed->f, frame, bed_udp4(frame, ETHER_HDR_LEN, 46, 1000, 2000), port);
}
