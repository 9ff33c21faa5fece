/* Large segments are made, cut, and what comes out is judged as a receiver would: each packet sound by
 * itself, none longer than may be, all of them together the segment. */
#include "services/ingest/nic/gso.h"

#include "common/wire/ipv6.h"
#include "tests/unit/fixture/fixture.h"

#include <criterion/criterion.h>

#define SEGMENT_MAX (GSO_HEADER_MAX + 65535u)

/* A segment in one piece, and where its parts are. */
struct sample {
	uint8_t bytes[SEGMENT_MAX];
	uint32_t len, l3, l4, header_len;
	bool ipv6;
	uint8_t proto;
	struct tcp_fields tcp;
};

static struct sample sample;
static uint64_t seed = 0x650;

static uint32_t chance(uint32_t n)
{
	return (uint32_t)(random_next(&seed) >> 32) % n;
}

static void put_link(struct sample *s, uint32_t tags)
{
	uint16_t type = s->ipv6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4;

	for (s->l3 = 0; s->l3 < ETHER_HDR_LEN - 2; s->l3++)
		s->bytes[s->l3] = (uint8_t)chance(256);
	for (; tags; tags--, s->l3 += VLAN_HDR_LEN) {
		wire_store_u16(s->bytes + s->l3, tags == 2 ? ETHER_TYPE_QINQ : ETHER_TYPE_VLAN);
		wire_store_u16(s->bytes + s->l3 + 2, (uint16_t)chance(65536));
	}
	wire_store_u16(s->bytes + s->l3, type);
	s->l3 += 2;
}

static void sum_ipv4(struct sample *s)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)(s->bytes + s->l3);

	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(CSUM_ZERO, h, s->l4 - s->l3));
}

static void put_network(struct sample *s, uint32_t options, uint32_t l4_len)
{
	uint8_t *at = s->bytes + s->l3;

	if (s->ipv6) {
		struct ipv6_fields f = {
		        .payload_len = (uint16_t)l4_len, .next_header = s->proto, .hop_limit = 9};

		f.src.b[0] = f.dst.b[0] = 0x20;
		f.dst.b[15] = (uint8_t)chance(256);
		s->l4 = s->l3 + ipv6_write(at, &f);
		return;
	}
	*(struct ipv4_hdr *)at = (struct ipv4_hdr){
	        .version_ihl = (uint8_t)(0x45 + options),
	        .total_len = be16_from_host((uint16_t)(IPV4_HDR_LEN + 4 * options + l4_len)),
	        .id = be16_from_host((uint16_t)chance(65536)),
	        .fragment = be16_from_host(chance(2) ? IPV4_DONT_FRAGMENT : 0),
	        .ttl = 64,
	        .proto = s->proto,
	        .src = {chance(UINT32_MAX)},
	        .dst = {chance(UINT32_MAX)},
	};
	memset(at + IPV4_HDR_LEN, 1, 4 * options); /* no operation */
	s->l4 = s->l3 + IPV4_HDR_LEN + 4 * options;
	sum_ipv4(s);
}

static struct csum pseudo_of(const struct sample *s, const uint8_t *l3, uint32_t l4_len)
{
	struct ipv4_hdr v4;
	struct ipv6_hdr v6;

	memcpy(&v4, l3, sizeof v4);
	memcpy(&v6, l3, sizeof v6);
	return s->ipv6 ? csum_pseudo_ipv6(&v6.src, &v6.dst, s->proto, l4_len)
	               : csum_pseudo_ipv4(v4.src, v4.dst, s->proto, l4_len);
}

/* The transport header, at s->l4; its length.  No checksum yet. */
static uint32_t put_tcp(struct sample *s, uint32_t options)
{
	s->tcp = (struct tcp_fields){
	        .seq = {chance(UINT32_MAX)},
	        .ack = {chance(UINT32_MAX)},
	        .src_port = 80,
	        .dst_port = (uint16_t)chance(65536),
	        .window = (uint16_t)chance(65536),
	        .flags = (uint8_t)(TCP_ACK | (chance(256) & (TCP_FIN | TCP_PSH | TCP_ECE | TCP_CWR))),
	        .header_len = (uint8_t)(TCP_HDR_LEN + options),
	};
	tcp_write(s->bytes + s->l4, &s->tcp);
	memset(s->bytes + s->l4 + TCP_HDR_LEN, 1, options);
	return s->tcp.header_len;
}

static uint32_t checksum_field(uint8_t proto)
{
	return proto == IP_PROTO_TCP ? TCP_CHECKSUM_FIELD : UDP_CHECKSUM_FIELD;
}

static void make(struct sample *s, uint8_t proto, uint32_t payload)
{
	uint32_t options = proto == IP_PROTO_TCP ? 4 * chance(11) : 0;
	uint32_t l4_len = (proto == IP_PROTO_TCP ? TCP_HDR_LEN + options : UDP_HDR_LEN) + payload;
	struct be16 sum;

	memset(s, 0, sizeof *s);
	s->ipv6 = chance(2);
	s->proto = proto;
	put_link(s, chance(VLAN_TAGS_MAX + 1));
	put_network(s, chance(11), l4_len);
	s->header_len = s->l4 + (proto == IP_PROTO_TCP
	                                        ? put_tcp(s, options)
	                                        : udp_write(s->bytes + s->l4, 53, 54, (uint16_t)payload));
	s->len = s->header_len + payload;
	for (uint32_t i = s->header_len; i < s->len; i++)
		s->bytes[i] = (uint8_t)chance(256);
	sum = csum_fold(pseudo_of(s, s->bytes + s->l3, l4_len));
	memcpy(s->bytes + s->l4 + checksum_field(proto), &sum, sizeof sum);
}

static uint8_t flags_due(const struct sample *s, bool first, bool last)
{
	uint8_t flags = s->tcp.flags;

	if (!first)
		flags &= (uint8_t)~TCP_CWR;
	return last ? flags : (uint8_t)(flags & ~(TCP_FIN | TCP_PSH));
}

static void check_network(const struct sample *s, const uint8_t *packet, uint32_t len, uint32_t number)
{
	struct ipv4_view is, was;
	struct ipv6_view v6;

	if (s->ipv6) {
		cr_assert_eq(ipv6_check(packet + s->l3, len - s->l3, &v6), IPV6_OK);
		cr_assert_eq(v6.total_len, len - s->l3);
		return;
	}
	cr_assert_eq(ipv4_check(packet + s->l3, len - s->l3, &is), IPV4_OK);
	cr_assert_eq(ipv4_check(s->bytes + s->l3, s->len - s->l3, &was), IPV4_OK);
	cr_assert_eq(is.total_len, len - s->l3);
	cr_assert_eq(is.id, (uint16_t)(was.id + number));
	cr_assert_eq(is.fragment, was.fragment);
}

static void check_tcp(const struct sample *s, const uint8_t *packet, uint32_t len, uint32_t at)
{
	bool last = at + len == s->len;
	struct tcp_view tcp;

	cr_assert_eq(tcp_check(packet + s->l4, len - s->l4, &tcp), TCP_OK);
	cr_assert_eq(tcp.seq.v, s->tcp.seq.v + at);
	cr_assert_eq(tcp.ack.v, s->tcp.ack.v);
	cr_assert_eq(tcp.window, s->tcp.window);
	cr_assert_eq(tcp.flags, flags_due(s, at == 0, last));
}

static void check_udp(const struct sample *s, const uint8_t *packet, uint32_t len)
{
	struct udp_view udp;

	cr_assert_eq(udp_check(packet + s->l4, len - s->l4, &udp), UDP_OK);
	cr_assert_eq(udp.len, len - s->l4);
	cr_assert_arr_eq(packet + s->l4, s->bytes + s->l4, 4);
}

/* One packet of the segment, whose payload begins at `at`. */
static void check_packet(
        const struct sample *s, const uint8_t *packet, const struct pkt *p, uint32_t at, uint32_t number)
{
	uint32_t n = p->len - s->header_len, l4_len = p->len - s->l4, field = checksum_field(s->proto);

	check_network(s, packet, p->len, number);
	cr_assert_arr_eq(packet, s->bytes, s->l3);
	if (s->proto == IP_PROTO_TCP)
		check_tcp(s, packet, p->len, at);
	else
		check_udp(s, packet, p->len);
	cr_assert_arr_eq(packet + s->header_len, s->bytes + s->header_len + at, n);
	cr_assert_eq(p->csum, PKT_CSUM_PARTIAL);
	cr_assert_eq(p->csum_start, s->l4);
	cr_assert_eq(p->csum_off, field);
	cr_assert_neq(
	        csum_verify(pseudo_of(s, packet + s->l3, l4_len), packet + s->l4, l4_len, field), CSUM_BAD);
}

/* All packets of the sample; the longest one's payload. */
static uint32_t check_all(const struct sample *s, const struct gso *g)
{
	static uint8_t packet[SEGMENT_MAX];
	uint32_t number = 0, longest = 0;

	for (uint32_t at = 0, n; at < g->payload; at += n) {
		struct pkt pkt = {0};

		cr_assert_eq(gso_packets(g, at), gso_packets(g, 0) - number);
		n = gso_write(g, at, packet, &pkt);
		memcpy(packet + g->header_len, s->bytes + s->header_len + at, n);
		check_packet(s, packet, &pkt, at, number++);
		longest = MAX(longest, n);
	}
	cr_assert_eq(number, gso_packets(g, 0));
	return longest;
}

#define PAYLOAD_MAX (65535u - IPV4_HDR_LEN_MAX - TCP_HDR_LEN_MAX)

Test(gso, cuts_a_segment_into_sound_packets)
{
	uint32_t cut = 0;

	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t mtu = 200 + chance(9000);
		struct gso g;

		make(&sample, IP_PROTO_TCP, 1 + chance(PAYLOAD_MAX));
		if (!gso_read(&g, sample.bytes, MIN(sample.len, 1500u), sample.len, mtu, 0)) {
			cr_assert_leq(sample.len - sample.l3, mtu);
			continue;
		}
		cr_assert_gt(sample.len - sample.l3, mtu);
		cut++;
		cr_assert_leq(check_all(&sample, &g) + sample.header_len - sample.l3, MIN(mtu, IPV6_MTU_MIN));
	}
	cr_assert_gt(cut, 2000u);
}

Test(gso, cuts_where_the_sender_would)
{
	uint32_t cut = 0;

	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t payload = 1 + chance(PAYLOAD_MAX), size = 20 + chance(1600), most;
		bool tcp = chance(2);
		struct gso g;

		make(&sample, tcp ? IP_PROTO_TCP : IP_PROTO_UDP, payload);
		most = 1500 - (sample.header_len - sample.l3);
		if (!gso_read(&g, sample.bytes, MIN(sample.len, 1500u), sample.len, 1500, size)) {
			cr_assert(!tcp && size > most, "a datagram has no other pieces than its sender's");
			continue;
		}
		cut++;
		cr_assert_eq(check_all(&sample, &g), MIN(payload, MIN(size, most)));
	}
	cr_assert_gt(cut, 2000u);
}

static bool is_cut(const struct sample *s)
{
	struct gso g;

	return gso_read(&g, s->bytes, MIN(s->len, 1500u), s->len, 1500, 0);
}

/* One that would be cut, over IPv4. */
static struct ipv4_hdr *make_ipv4(struct sample *s)
{
	do
		make(s, IP_PROTO_TCP, 5000);
	while (s->ipv6);
	cr_assert(is_cut(s));
	return (struct ipv4_hdr *)(s->bytes + s->l3);
}

Test(gso, leaves_alone_what_is_no_segment_left_to_an_offload)
{
	struct ipv4_hdr *ip;

	make_ipv4(&sample);
	sample.bytes[sample.l4 + TCP_CHECKSUM_FIELD] ^= 1;
	cr_assert(!is_cut(&sample), "a checksum that is not the pseudo-header's");

	make_ipv4(&sample);
	sample.bytes[sample.l4 + TCP_FLAGS_FIELD] |= TCP_SYN;
	cr_assert(!is_cut(&sample), "SYN");

	ip = make_ipv4(&sample);
	ip->ttl ^= 1;
	cr_assert(!is_cut(&sample), "a broken header");

	ip = make_ipv4(&sample);
	ip->proto = IP_PROTO_UDP;
	sum_ipv4(&sample);
	cr_assert(!is_cut(&sample), "UDP");

	ip = make_ipv4(&sample);
	ip->fragment = be16_from_host(IPV4_MORE_FRAGMENTS);
	sum_ipv4(&sample);
	cr_assert(!is_cut(&sample), "a fragment");
}

Test(gso, refuses_headers_that_are_cut_short)
{
	for (uint32_t round = 0; round < 200; round++) {
		struct gso g;

		make(&sample, IP_PROTO_TCP, 5000);
		for (uint32_t in_first = 0; in_first < sample.header_len; in_first++)
			cr_assert(!gso_read(&g, sample.bytes, in_first, sample.len, 1500, 0), "%u bytes",
			        in_first);
		for (uint32_t len = 0; len < sample.len; len++)
			cr_assert(
			        !gso_read(&g, sample.bytes, MIN(len, 1500u), len, 1500, 0), "%u bytes", len);
	}
}

Test(gso, knows_what_is_longer_than_a_packet_with_or_without_tags)
{
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t mtu = 68 + chance(2500);

		make(&sample, IP_PROTO_TCP, 1 + chance(2500));
		cr_assert_eq(gso_is_longer(sample.bytes, sample.len, mtu), sample.len - sample.l3 > mtu);
		mtu = sample.len - sample.l3;
		cr_assert(!gso_is_longer(sample.bytes, sample.len, mtu));
		cr_assert(gso_is_longer(sample.bytes, sample.len, mtu - 1));
	}
	for (uint32_t len = 0; len < ETHER_HDR_LEN; len++)
		cr_assert(!gso_is_longer(sample.bytes, len, 68));
}
