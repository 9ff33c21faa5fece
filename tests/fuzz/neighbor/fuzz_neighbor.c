/* The input's bytes are a story: packets to be sent, time that passes, configurations, links lost and back,
 * and frames of ARP, neighbor discovery, IGMP and MLD made of raw bytes (with checksums put right where a bit
 * says so).  The state stays consistent and holds just what it was given; a burst that is cut leaves no trace
 * (setup.c looks). */
#include <stdlib.h>

#include "common/wire/arp.h"
#include "common/wire/igmp.h"
#include "common/wire/ipv4.h"
#include "common/wire/nd.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/router/neighbor/setup.h"

struct story {
	const uint8_t *at;
	size_t left;
	nanos_t now;
};

static uint32_t take(struct story *t)
{
	if (!t->left)
		return 0;
	t->left--;
	return *t->at++;
}

/* Up to `max` raw bytes; the rest is zero. */
static uint32_t take_bytes(struct story *t, uint8_t *to, uint32_t max)
{
	uint32_t n = MIN(take(t), max);

	n = (uint32_t)MIN(n, t->left);
	memcpy(to, t->at, n);
	t->at += n;
	t->left -= n;
	return n;
}

/* Addresses that meet: a few hosts, ours, groups. */
static struct ip6_addr take_addr(struct story *t, const struct setup *s)
{
	uint32_t x = take(t);

	if (x < 64)
		return host6(x);
	if (x < 128)
		return mapped(0x0a000000 + (x & 0x3f));
	if (x < 192)
		return s->region->address[x % 5].addr;
	if (x < 224)
		return ip6_solicited_node(&s->region->address[x % 5].addr);
	return x & 1 ? IP6_ALL_NODES : (struct ip6_addr){};
}

static void arp_frame(struct setup *s, struct story *t, uint32_t mode)
{
	uint8_t frame[128] = {0};
	uint32_t n = ETHER_HDR_LEN + take_bytes(t, frame + ETHER_HDR_LEN, 60);

	if (mode & 1) {
		const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1 + (mode >> 1 & 1)};

		memcpy(frame + ETHER_HDR_LEN, fixed, sizeof fixed);
	}
	setup_input(s, t->now, SETUP_ARP, (struct port_id){mode >> 2 & 3}, mode >> 4 & 3, frame, n, 0);
}

static void ip6_frame(struct setup *s, struct story *t, uint32_t mode, enum setup_protocol protocol)
{
	struct ip6_addr src = take_addr(t, s), dst = take_addr(t, s), target = take_addr(t, s);
	uint32_t before = ETHER_HDR_LEN + IPV6_HDR_LEN + (protocol == SETUP_MLD ? 8 : 0), n;
	uint8_t frame[256] = {0}, *l3 = frame + ETHER_HDR_LEN;

	if (mode & 1)
		src = (struct ip6_addr){.b = {0xfe, 0x80, [15] = (uint8_t)(mode | 0x80)}};
	n = take_bytes(t, frame + before, 100);
	if (mode & 2)
		memcpy(frame + before + 8, &target, sizeof target);
	if (protocol == SETUP_MLD)
		memcpy(l3 + IPV6_HDR_LEN, (const uint8_t[]){IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0}, 8);
	ipv6_write(l3, &(struct ipv6_fields){.src = src,
	                       .dst = dst,
	                       .payload_len = (uint16_t)(before - ETHER_HDR_LEN - IPV6_HDR_LEN + n),
	                       .next_header = protocol == SETUP_MLD ? IP_PROTO_HOP_BY_HOP : IP_PROTO_ICMP6,
	                       .hop_limit = protocol == SETUP_MLD ? 1 : 255});
	if (n >= 8 && mode & 4)
		icmp6_checksum_set(frame + before, n, &src, &dst);
	setup_input(s, t->now, protocol, (struct port_id){mode >> 3 & 1},
	        dst.b[0] == 0xff ? PKT_MULTICAST : PKT_HOST, frame, before + n,
	        mode & 0x40 ? take(t) % (before + 1) : before);
}

static void igmp_frame(struct setup *s, struct story *t, uint32_t mode)
{
	uint32_t before = ETHER_HDR_LEN + IPV4_HDR_LEN, n;
	uint8_t frame[256] = {0}, *m = frame + before;

	n = take_bytes(t, m, 100);
	ipv4_write(frame + ETHER_HDR_LEN, &(struct ipv4_fields){.src = v4(0x0a010063),
	                                          .dst = v4(0xe0000001),
	                                          .payload_len = (uint16_t)n,
	                                          .ttl = 1,
	                                          .proto = IP_PROTO_IGMP});
	if (mode & 1 && n >= 8) {
		m[2] = m[3] = 0;
		((struct igmp_hdr *)m)->checksum = csum_finish(csum_bytes(CSUM_ZERO, m, n));
	}
	setup_input(s, t->now, SETUP_IGMP, (struct port_id){mode >> 1 & 1}, PKT_MULTICAST, frame, before + n,
	        mode & 0x40 ? take(t) % (before + 1) : before);
}

static void configure(struct setup *s, struct story *t, uint32_t mode)
{
	struct epoch_port *p = &s->region->port[mode & 1];
	uint32_t groups = take(t) % 40;

	p->flags ^= mode & 2 ? EPOCH_PORT_UP : 0;
	p->gratuitous_arp = mode >> 2 & 3;
	s->region->address[mode >> 4 & 3].flags ^= EPOCH_ADDRESS_NODAD;
	for (uint32_t i = 0; i < groups; i++)
		s->region->group[i] = i & 1 ? mapped(0xef000000 + i)
		                            : (struct ip6_addr){.b = {0xff, 5, [15] = (uint8_t)i}};
	p->groups.count = groups;
	s->region->h.neighbors.count = take(t) % 8;
	for (uint32_t i = 0; i < s->region->h.neighbors.count; i++)
		s->region->neighbor[i] = (struct epoch_neighbor){
		        host6((take(t) & 7) * 8 + i), mac(take(t)), {mode & 1}, 0}; /* no two alike */
	setup_publish(s);
	setup_adopt(s, t->now);
}

static void act(struct setup *s, struct story *t)
{
	uint32_t what = take(t), mode = take(t);
	struct ip6_addr to;

	s->cut = what & 0x80;
	s->outbox = what & 0x40 && (what & 7) != 5 ? 140 : 0;
	switch (what & 7) {
	case 0:
		to = take_addr(t, s);
		setup_send(s, t->now, (struct port_id){mode & 1}, &to, mode);
		break;
	case 1: arp_frame(s, t, mode); break;
	case 2: ip6_frame(s, t, mode, SETUP_ND); break;
	case 3: ip6_frame(s, t, mode, SETUP_MLD); break;
	case 4: igmp_frame(s, t, mode); break;
	case 5: configure(s, t, mode); break;
	case 6:
		setup_link(s, (struct port_id){mode & 1}, 1 + (mode >> 6), mode >> 2 & 15, mode & 2);
		setup_until(s, t->now);
		break;
	default: t->now += (uint64_t)mode * mode * MS; setup_until(s, t->now);
	}
	setup_forget(s);
}

/* The state that every story begins with. */
static const void *first_time(struct setup *s)
{
	void *copy;

	setup_init(s);
	s->unchecked = true;
	setup_adopt(s, T0);
	copy = malloc(s->f.journal.state_bytes);
	assert(copy);
	return memcpy(copy, s->f.state, s->f.journal.state_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const void *fresh;
	static struct setup s;
	struct story t = {data, MIN(size, 2048u), T0};

	if (!fresh)
		fresh = first_time(&s);
	else
		setup_reset(&s, fresh);
	for (uint32_t acts = 1; t.left; acts++) {
		act(&s, &t);
		if (acts % 16 == 0)
			setup_check(&s);
	}
	setup_check(&s);
	return 0;
}
