/* Large segments are made, cut, and what comes out is judged as a receiver would: each packet sound by
 * itself, none longer than may be, all of them together the segment. */
#include "services/ingest/gso.h"

#include "common/wire/ipv6.h"
#include "tests/unit/fixture/fixture.h"

#include <criterion/criterion.h>

#define SEGMENT_MAX (GSO_HEADER_MAX + 65535u)

/* A segment in one piece, and where its parts are. */
struct sample {
	uint8_t bytes[SEGMENT_MAX];
	uint32_t len, l3, l4, header_len;
	bool ipv6;
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
		        .payload_len = (uint16_t)l4_len, .next_header = IP_PROTO_TCP, .hop_limit = 9};

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
	        .proto = IP_PROTO_TCP,
	        .src = {chance(UINT32_MAX)},
	        .dst = {chance(UINT32_MAX)},
	};
	memset(at + IPV4_HDR_LEN, 1, 4 * options); /* no operation */
	s->l4 = s->l3 + IPV4_HDR_LEN + 4 * options;
	sum_ipv4(s);
}

static struct csum pseudo_of(const uint8_t *l3, bool ipv6, uint32_t l4_len)
{
	struct ipv4_hdr v4;
	struct ipv6_hdr v6;

	memcpy(&v4, l3, sizeof v4);
	memcpy(&v6, l3, sizeof v6);
	return ipv6 ? csum_pseudo_ipv6(&v6.src, &v6.dst, IP_PROTO_TCP, l4_len)
	            : csum_pseudo_ipv4(v4.src, v4.dst, IP_PROTO_TCP, l4_len);
}

static void make(struct sample *s, uint32_t payload)
{
	uint32_t options = 4 * chance(11), l4_len = TCP_HDR_LEN + options + payload;

	memset(s, 0, sizeof *s);
	s->ipv6 = chance(2);
	put_link(s, chance(VLAN_TAGS_MAX + 1));
	put_network(s, chance(11), l4_len);
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
	s->header_len = s->l4 + s->tcp.header_len;
	s->len = s->header_len + payload;
	for (uint32_t i = s->header_len; i < s->len; i++)
		s->bytes[i] = (uint8_t)chance(256);
	((struct tcp_hdr *)(s->bytes + s->l4))->checksum = csum_fold(
	        pseudo_of(s->bytes + s->l3, s->ipv6, l4_len));
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

/* One packet of the segment, whose payload begins at `at`. */
static void check_packet(
        const struct sample *s, const uint8_t *packet, const struct pkt *p, uint32_t at, uint32_t number)
{
	uint32_t n = p->len - s->header_len, l4_len = p->len - s->l4;
	struct tcp_view tcp;

	check_network(s, packet, p->len, number);
	cr_assert_arr_eq(packet, s->bytes, s->l3);
	cr_assert_eq(tcp_check(packet + s->l4, l4_len, &tcp), TCP_OK);
	cr_assert_eq(tcp.seq.v, s->tcp.seq.v + at);
	cr_assert_eq(tcp.ack.v, s->tcp.ack.v);
	cr_assert_eq(tcp.window, s->tcp.window);
	cr_assert_eq(tcp.flags, flags_due(s, at == 0, at + n == s->len - s->header_len));
	cr_assert_arr_eq(packet + s->header_len, s->bytes + s->header_len + at, n);
	cr_assert_eq(p->csum, PKT_CSUM_PARTIAL);
	cr_assert_eq(p->csum_start, s->l4);
	cr_assert_eq(p->csum_off, TCP_CHECKSUM_FIELD);
	cr_assert_neq(csum_verify(pseudo_of(packet + s->l3, s->ipv6, l4_len), packet + s->l4, l4_len,
	                      TCP_CHECKSUM_FIELD),
	        CSUM_BAD);
}

Test(gso, cuts_a_segment_into_sound_packets)
{
	uint8_t packet[GSO_HEADER_MAX + IPV6_MTU_MIN];
	uint32_t cut = 0;

	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t mtu = 200 + chance(9000), number = 0;
		struct gso g;

		make(&sample, 1 + chance(65535 - IPV4_HDR_LEN_MAX - TCP_HDR_LEN_MAX));
		if (!gso_read(&g, sample.bytes, MIN(sample.len, 1500u), sample.len, mtu)) {
			cr_assert_leq(sample.len - sample.l3, mtu);
			continue;
		}
		cr_assert_gt(sample.len - sample.l3, mtu);
		cut++;
		for (uint32_t at = 0, n; at < g.payload; at += n) {
			struct pkt pkt = {0};

			cr_assert_eq(gso_packets(&g, at), gso_packets(&g, 0) - number);
			n = gso_write(&g, at, packet, &pkt);
			memcpy(packet + g.header_len, sample.bytes + sample.header_len + at, n);
			cr_assert_leq(pkt.len - sample.l3, MIN(mtu, IPV6_MTU_MIN));
			check_packet(&sample, packet, &pkt, at, number++);
		}
		cr_assert_eq(number, gso_packets(&g, 0));
	}
	cr_assert_gt(cut, 2000u);
}

static bool is_cut(const struct sample *s)
{
	struct gso g;

	return gso_read(&g, s->bytes, MIN(s->len, 1500u), s->len, 1500);
}

/* One that would be cut, over IPv4. */
static struct ipv4_hdr *make_ipv4(struct sample *s)
{
	do
		make(s, 5000);
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

		make(&sample, 5000);
		for (uint32_t in_first = 0; in_first < sample.header_len; in_first++)
			cr_assert(!gso_read(&g, sample.bytes, in_first, sample.len, 1500), "%u bytes",
			        in_first);
		for (uint32_t len = 0; len < sample.len; len++)
			cr_assert(!gso_read(&g, sample.bytes, MIN(len, 1500u), len, 1500), "%u bytes", len);
	}
}

Test(gso, knows_what_is_longer_than_a_packet_with_or_without_tags)
{
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t mtu = 68 + chance(2500);

		make(&sample, 1 + chance(2500));
		cr_assert_eq(gso_is_longer(sample.bytes, sample.len, mtu), sample.len - sample.l3 > mtu);
		mtu = sample.len - sample.l3;
		cr_assert(!gso_is_longer(sample.bytes, sample.len, mtu));
		cr_assert(gso_is_longer(sample.bytes, sample.len, mtu - 1));
	}
	for (uint32_t len = 0; len < ETHER_HDR_LEN; len++)
		cr_assert(!gso_is_longer(sample.bytes, len, 68));
}
