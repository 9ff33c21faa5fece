/* ipv6_ext: the chain of IPv6 extension headers and the options in them (RFC 8200 4, RFC 7045, RFC 7112).
 *
 * Part of the library `wire` (see wire.h).  Two steps, since not everybody who sees a packet may act on all
 * of it: ipv6_chain_check finds the headers and the upper layer (everybody), ipv6_options_check judges the
 * options of one of them (hop-by-hop: every router that cares; destination options: the destination).  Both
 * are bounded, whatever the packet says: IPV6_EXT_MAX headers, IPV6_EXT_BYTES_MAX bytes, IPV6_OPTIONS_MAX
 * options.
 */
#ifndef SLUICE_COMMON_WIRE_IPV6_EXT_H
#define SLUICE_COMMON_WIRE_IPV6_EXT_H

#include "common/wire/ipv6.h"

#define IPV6_EXT_MAX       8u
#define IPV6_EXT_BYTES_MAX 2048u
/* As Linux (net.ipv6.max_hbh_opts_number, max_dst_opts_number; RFC 8504 5.3); padding does not count. */
#define IPV6_OPTIONS_MAX 8u
/* Padding in a row (Linux ip6_parse_tlv: more than it takes to align to 8 serves to hide something). */
#define IPV6_PADDING_MAX 7u

struct ipv6_fragment_hdr {
	uint8_t next_header;
	uint8_t reserved;
	struct be16 fragment;
	struct be32 id;
};

static_assert(sizeof(struct ipv6_fragment_hdr) == 8 && alignof(struct ipv6_fragment_hdr) == 1,
        "overlaid on the wire");

struct ipv6_routing_hdr {
	uint8_t next_header;
	uint8_t len;
	uint8_t type;
	uint8_t segments_left;
};

static_assert(sizeof(struct ipv6_routing_hdr) == 4 && alignof(struct ipv6_routing_hdr) == 1,
        "overlaid on the wire");

#define IPV6_FRAGMENT_HDR_LEN   8u
#define IPV6_FRAGMENT_MORE      0x0001u
#define IPV6_FRAGMENT_OFFSET    0xfff8u
#define IPV6_FRAGMENT_FIELD     2u /* of a fragment header: where offset and flag stand */
#define IPV6_ROUTING_TYPE_FIELD 2u

/* Is it a header that the walk passes through?  ESP is not (what follows is not readable), no-next-header is
 * not. */
static always_inline bool ipv6_is_extension(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_HOP_BY_HOP:
	case IP_PROTO_ROUTING:
	case IP_PROTO_FRAGMENT:
	case IP_PROTO_AH:
	case IP_PROTO_DST_OPTIONS:
	case IP_PROTO_MOBILITY:
	case IP_PROTO_HIP:
	case IP_PROTO_SHIM6: return true;
	}
	return false;
}

/* An ICMPv6 parameter problem that the sender deserves (RFC 4443 3.4). */
struct ipv6_problem {
	bool wanted;         /* false: drop in silence */
	bool even_multicast; /* send it though the destination is a group (RFC 4443 2.4 e.3) */
	uint8_t code;        /* enum ipv6_problem_code */
	uint32_t pointer;    /* from the start of the IPv6 header */
};

enum ipv6_problem_code {
	IPV6_PROBLEM_FIELD = 0,
	IPV6_PROBLEM_NEXT_HEADER = 1,
	IPV6_PROBLEM_OPTION = 2,
	IPV6_PROBLEM_FIRST_FRAGMENT = 3, /* RFC 7112 5 */
};

enum ipv6_chain_flaw {
	IPV6_CHAIN_OK,
	IPV6_CHAIN_TRUNCATED,  /* a header goes past the packet */
	IPV6_CHAIN_TOO_MANY,   /* more than IPV6_EXT_MAX headers */
	IPV6_CHAIN_TOO_LONG,   /* more than IPV6_EXT_BYTES_MAX bytes of them */
	IPV6_CHAIN_HOP_BY_HOP, /* hop-by-hop options elsewhere than first (RFC 8200 4.1, 4.3) */
};

struct ipv6_ext {
	uint16_t offset;   /* from the start of the IPv6 header, like the next two */
	uint16_t named_at; /* the byte that names its type: what a problem "unrecognized next header" points
	                      at */
	uint16_t len;
	uint8_t type;
};

struct ipv6_chain {
	struct ipv6_ext ext[IPV6_EXT_MAX];
	uint8_t count;
	uint8_t upper; /* the protocol after the last of them */
	uint16_t upper_offset;
	uint16_t upper_named_at;
	/* The first of its kind, as an index into ext, of routing headers the first with segments left, else
	 * the last; IPV6_EXT_MAX where there is none. */
	uint8_t hop_by_hop;
	uint8_t fragment;
	uint8_t routing;
	uint8_t routing_type;
	uint8_t segments_left;
	uint16_t fragment_field; /* offset and flag as in the header */
	uint32_t fragment_id;
	struct ipv6_problem problem; /* with a flaw */
};

/* Find the headers of a packet that ipv6_check found sound; `bytes` is the IPv6 header, `len` what of the
 * packet is in the buffer (view.total_len, or less for a quote).  The walk ends at the upper layer, after the
 * fragment header of a fragment that is not the first (`upper` is then a name only: the bytes are payload),
 * and at a second fragment header, which only who reassembled the first may read. */
enum ipv6_chain_flaw ipv6_chain_check(
        const void *bytes, uint32_t len, const struct ipv6_view *view, struct ipv6_chain *chain);

static always_inline bool ipv6_chain_has_fragment(const struct ipv6_chain *c)
{
	return c->fragment < IPV6_EXT_MAX;
}

static always_inline uint32_t ipv6_chain_fragment_offset(const struct ipv6_chain *c)
{
	return c->fragment_field & IPV6_FRAGMENT_OFFSET;
}

static always_inline bool ipv6_chain_more_fragments(const struct ipv6_chain *c)
{
	return c->fragment_field & IPV6_FRAGMENT_MORE;
}

/* Of several; a fragment header around the whole is passed over (RFC 6946). */
static always_inline bool ipv6_chain_is_piece(const struct ipv6_chain *c)
{
	return ipv6_chain_has_fragment(c) &&
	       (ipv6_chain_fragment_offset(c) != 0 || ipv6_chain_more_fragments(c));
}

/* May this fragment be kept for reassembly (RFC 8200 4.5; Linux ip6_frag_queue, ipv6_frag_rcv)?  Its payload
 * must be a multiple of 8 bytes unless it is the last, must not go past 65,535, and a first one must hold the
 * header chain with the upper layer's header (RFC 7112).  True, or false with the problem. */
bool ipv6_fragment_is_sound(const struct ipv6_chain *chain, uint32_t total_len, struct ipv6_problem *problem);

/* What the destination must answer to a routing header that it does not act upon: nothing if no segments are
 * left (the header is skipped), else a problem at the type (RFC 8200 4.4; RFC 5095 for type 0).  True if it
 * may be skipped. */
bool ipv6_routing_is_skippable(const struct ipv6_chain *chain, struct ipv6_problem *problem);

enum ipv6_option {
	IPV6_OPTION_PAD1 = 0x00,
	IPV6_OPTION_PADN = 0x01,
	IPV6_OPTION_TUNNEL_LIMIT = 0x04,
	IPV6_OPTION_ROUTER_ALERT = 0x05,
	IPV6_OPTION_CALIPSO = 0x07,
	IPV6_OPTION_JUMBO = 0xc2,
	IPV6_OPTION_HOME_ADDRESS = 0xc9,
};

/* What to do with an option that is not known: the two high bits of its type (RFC 8200 4.2). */
enum ipv6_option_action {
	IPV6_ACTION_SKIP = 0,
	IPV6_ACTION_DISCARD = 1,
	IPV6_ACTION_PROBLEM = 2,
	IPV6_ACTION_PROBLEM_UNICAST = 3, /* not if the destination is a group */
};

#define IPV6_ROUTER_ALERT_MLD 0u

enum ipv6_options_flaw {
	IPV6_OPTIONS_OK,
	IPV6_OPTIONS_LENGTH,       /* an option past its header, or a known one of a wrong length */
	IPV6_OPTIONS_PADDING,      /* padding that is long or not zero */
	IPV6_OPTIONS_TOO_MANY,     /* more than IPV6_OPTIONS_MAX */
	IPV6_OPTIONS_UNKNOWN,      /* not known, and its type says to discard */
	IPV6_OPTIONS_JUMBO,        /* a jumbo payload that should not be one (RFC 2675 3) */
	IPV6_OPTIONS_JUMBO_LENGTH, /* a jumbo payload that goes past the buffer (Ip6InTruncatedPkts) */
};

struct ipv6_options_view {
	bool router_alert;
	uint8_t count; /* padding not counted */
	uint16_t router_alert_value;
	uint32_t jumbo_len;          /* 0: no jumbogram */
	struct ipv6_problem problem; /* with a flaw */
};

/* Judge the options of the hop-by-hop or destination options header `ext` of a chain (`bytes` is the IPv6
 * header, `len` as for the chain).  Known are router alert (RFC 2711) and jumbo payload (RFC 2675) in a
 * hop-by-hop header; the rest goes by the bits of its type.  As Linux ip6_parse_tlv. */
enum ipv6_options_flaw ipv6_options_check(const void *bytes, uint32_t len, const struct ipv6_view *view,
        const struct ipv6_ext *ext, struct ipv6_options_view *options);

/* Write a fragment header at `at`: `field` is offset and flag.  Gives its length. */
static inline uint32_t ipv6_fragment_write(void *at, uint8_t next_header, uint16_t field, uint32_t id)
{
	*(struct ipv6_fragment_hdr *)at = (struct ipv6_fragment_hdr){
	        .next_header = next_header,
	        .fragment = be16_from_host(field),
	        .id = be32_from_host(id),
	};
	return IPV6_FRAGMENT_HDR_LEN;
}

#endif
