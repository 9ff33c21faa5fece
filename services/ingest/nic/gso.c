#include "services/ingest/nic/gso.h"

#include "common/wire/ipv6.h"

/* What has no place in a TCP segment that is sent in pieces. */
#define NEVER_CUT (TCP_SYN | TCP_RST | TCP_URG)

/* Behind Ethernet and tags; 0: it is cut short. */
static uint32_t find_network(const uint8_t *frame, uint32_t len, uint16_t *type)
{
	uint32_t at = ETHER_HDR_LEN;
	struct ether_view ether;
	struct vlan_view tag;

	if (ether_check(frame, len, &ether))
		return 0;
	*type = ether.type;
	for (uint32_t tags = 0; tags < VLAN_TAGS_MAX && vlan_is_tpid(*type); tags++) {
		if (vlan_check(frame + at, len - at, &tag))
			return 0;
		at += VLAN_HDR_LEN;
		*type = tag.type;
	}
	return at;
}

/* The network header; returns the bytes from there to the packet's end, or 0. */
static uint32_t read_ipv4(struct gso *g, uint32_t len)
{
	struct ipv4_view v;

	if (ipv4_check(g->header + g->l3, len, &v) || ipv4_is_fragment(&v))
		return 0;
	g->proto = v.proto;
	g->l4 = g->l3 + v.header_len;
	g->pseudo = csum_pseudo_ipv4(v.src, v.dst, v.proto, 0);
	return v.total_len;
}

static uint32_t read_ipv6(struct gso *g, uint32_t len)
{
	struct ipv6_view v;

	if (ipv6_check(g->header + g->l3, len, &v))
		return 0;
	g->proto = v.next_header;
	g->l4 = g->l3 + IPV6_HDR_LEN;
	g->pseudo = csum_pseudo_ipv6(&v.src, &v.dst, v.next_header, 0);
	return v.total_len;
}

/* What the checksum field holds while `len` bytes of header and payload are not summed yet. */
static struct be16 partial_sum(const struct gso *g, uint32_t len)
{
	return csum_fold(csum_add_u64(g->pseudo, __builtin_bswap32(len)));
}

static bool read_tcp(struct gso *g, uint32_t len)
{
	struct tcp_view v;

	if (tcp_check(g->header + g->l4, len, &v) || v.flags & NEVER_CUT ||
	        v.checksum.raw != partial_sum(g, len).raw)
		return false;
	g->header_len = g->l4 + v.header_len;
	g->payload = len - v.header_len;
	return true;
}

static bool read_udp(struct gso *g, uint32_t len)
{
	struct udp_view v;

	if (udp_check(g->header + g->l4, len, &v) || v.len != len ||
	        v.checksum.raw != partial_sum(g, len).raw)
		return false;
	g->header_len = g->l4 + UDP_HDR_LEN;
	g->payload = len - UDP_HDR_LEN;
	return true;
}

/* Of a datagram no other pieces can be made than its sender's. */
static bool read_transport(struct gso *g, uint32_t len, uint32_t size)
{
	if (g->proto == IP_PROTO_TCP)
		return read_tcp(g, len);
	return g->proto == IP_PROTO_UDP && size && read_udp(g, len);
}

bool gso_read(
        struct gso *g, const uint8_t *frame, uint32_t in_first, uint32_t len, uint32_t mtu, uint32_t size)
{
	uint32_t total, most;
	uint16_t type;

	memset(g, 0, sizeof *g); /* a header that is cut short is followed by zeros */
	memcpy(g->header, frame, MIN(in_first, sizeof g->header));
	g->l3 = find_network(g->header, in_first, &type);
	if (!g->l3 || (type != ETHER_TYPE_IPV4 && type != ETHER_TYPE_IPV6))
		return false;
	g->ipv6 = type == ETHER_TYPE_IPV6;
	total = g->ipv6 ? read_ipv6(g, len - g->l3) : read_ipv4(g, len - g->l3);
	if ((!size && total <= mtu) || !total || g->l4 >= in_first ||
	        !read_transport(g, total - (g->l4 - g->l3), size) || !g->payload || g->header_len > in_first)
		return false;
	most = g->l3 + (size ? mtu : MIN(mtu, IPV6_MTU_MIN));
	if (most <= g->header_len || (g->proto == IP_PROTO_UDP && size > most - g->header_len))
		return false;
	g->each = MIN(size ? size : UINT32_MAX, most - g->header_len);
	return true;
}

bool gso_is_longer(const uint8_t *frame, uint32_t len, uint32_t mtu)
{
	uint16_t type;
	uint32_t l3 = find_network(frame, len, &type);

	return len > MAX(l3, ETHER_HDR_LEN) + mtu;
}

static void write_ipv4(const struct gso *g, uint32_t at, uint32_t len, uint8_t *frame)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)(frame + g->l3);

	h->total_len = be16_from_host((uint16_t)len);
	h->id = be16_from_host((uint16_t)(be16_to_host(h->id) + at / g->each));
	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(CSUM_ZERO, h, g->l4 - g->l3));
}

static void write_tcp(const struct gso *g, uint32_t at, uint32_t n, uint8_t *frame)
{
	struct tcp_hdr *h = (struct tcp_hdr *)(frame + g->l4);

	h->seq = be32_from_host(be32_to_host(h->seq) + at);
	if (at)
		h->flags &= (uint8_t)~TCP_CWR;
	if (at + n < g->payload)
		h->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	h->checksum = partial_sum(g, g->header_len - g->l4 + n);
}

static void write_udp(const struct gso *g, uint32_t n, uint8_t *frame)
{
	struct udp_hdr *h = (struct udp_hdr *)(frame + g->l4);

	h->len = be16_from_host((uint16_t)(UDP_HDR_LEN + n));
	h->checksum = partial_sum(g, UDP_HDR_LEN + n);
}

uint32_t gso_write(const struct gso *g, uint32_t at, uint8_t *frame, struct pkt *pkt)
{
	uint32_t n = MIN(g->each, g->payload - at), len = g->header_len - g->l3 + n;

	memcpy(frame, g->header, g->header_len);
	if (g->ipv6)
		((struct ipv6_hdr *)(frame + g->l3))->payload_len = be16_from_host(
		        (uint16_t)(len - IPV6_HDR_LEN));
	else
		write_ipv4(g, at, len, frame);
	if (g->proto == IP_PROTO_TCP)
		write_tcp(g, at, n, frame);
	else
		write_udp(g, n, frame);
	pkt->len = (uint16_t)(g->header_len + n);
	pkt->total_len = pkt->len;
	pkt->csum = PKT_CSUM_PARTIAL;
	pkt->csum_start = (uint16_t)g->l4;
	pkt->csum_off = g->proto == IP_PROTO_TCP ? TCP_CHECKSUM_FIELD : UDP_CHECKSUM_FIELD;
	return n;
}
