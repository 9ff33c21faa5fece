/* nd: neighbor discovery for IPv6 (RFC 4861; nonce: RFC 3971 5.3.2 and 7527; route information: RFC 4191; RFC
 * 8106).
 *
 * Part of the library `wire` (see wire.h).  The router's neighbor code: icmp6_check, then nd_check where
 * nd_is_message(type); what nd_check passes is valid in the sense of RFC 4861 6.1, 7.1 and 8.1, as far as the
 * packet alone tells.  The nd_write functions make what is sent.
 */
#ifndef SLUICE_COMMON_WIRE_ND_H
#define SLUICE_COMMON_WIRE_ND_H

#include "common/wire/icmp6.h"

enum nd_option {
	ND_OPTION_SOURCE_LLADDR = 1,
	ND_OPTION_TARGET_LLADDR = 2,
	ND_OPTION_PREFIX = 3,
	ND_OPTION_REDIRECTED = 4,
	ND_OPTION_MTU = 5,
	ND_OPTION_NONCE = 14,
	ND_OPTION_ROUTE = 24,
	ND_OPTION_RDNSS = 25,
	ND_OPTION_DNSSL = 31,
};

#define ND_HOP_LIMIT 255u

/* In the first byte of the word after the checksum of an advertisement. */
enum nd_flag {
	ND_NA_ROUTER = 0x80,
	ND_NA_SOLICITED = 0x40,
	ND_NA_OVERRIDE = 0x20,
};

/* In the second byte of that word in a router advertisement. */
enum nd_ra_flag {
	ND_RA_MANAGED = 0x80,
	ND_RA_OTHER = 0x40,
};

/* In a prefix option. */
enum nd_prefix_flag {
	ND_PREFIX_ON_LINK = 0x80,
	ND_PREFIX_AUTONOMOUS = 0x40,
};

/* NS, NA: header, target, options.  A redirect has the destination after it. */
struct nd_target_hdr {
	struct icmp6_hdr icmp;
	struct ip6_addr target;
};

static_assert(
        sizeof(struct nd_target_hdr) == 24 && alignof(struct nd_target_hdr) == 1, "overlaid on the wire");

struct nd_redirect_hdr {
	struct icmp6_hdr icmp;
	struct ip6_addr target;
	struct ip6_addr destination;
};

static_assert(
        sizeof(struct nd_redirect_hdr) == 40 && alignof(struct nd_redirect_hdr) == 1, "overlaid on the wire");

struct nd_advert_hdr {
	struct icmp6_hdr icmp; /* rest: hop limit, flags, lifetime */
	struct be32 reachable_ms;
	struct be32 retransmit_ms;
};

static_assert(
        sizeof(struct nd_advert_hdr) == 16 && alignof(struct nd_advert_hdr) == 1, "overlaid on the wire");

struct nd_lladdr_hdr {
	uint8_t type;
	uint8_t len; /* in units of 8 bytes */
	struct mac_addr mac;
};

static_assert(
        sizeof(struct nd_lladdr_hdr) == 8 && alignof(struct nd_lladdr_hdr) == 1, "overlaid on the wire");

struct nd_prefix_hdr {
	uint8_t type;
	uint8_t len;
	uint8_t prefix_len;
	uint8_t flags;
	struct be32 valid_s;
	struct be32 preferred_s;
	struct be32 reserved;
	struct ip6_addr prefix;
};

static_assert(
        sizeof(struct nd_prefix_hdr) == 32 && alignof(struct nd_prefix_hdr) == 1, "overlaid on the wire");

enum nd_flaw {
	ND_OK,
	ND_HOP_LIMIT_LOW, /* not 255: it came through a router */
	ND_CODE,          /* not 0 */
	ND_TRUNCATED,     /* shorter than its type's least */
	ND_TARGET, /* a group as target, or a redirect to what is neither link-local nor the destination */
	ND_SOURCE, /* RA and redirect: the source is not link-local */
	ND_DESTINATION, /* DAD not to a solicited-node group; a solicited NA to a group; a redirect of a group
	                 */
	ND_OPTION_LENGTH,   /* an option of length 0 or past the message */
	ND_LLADDR,          /* a link-layer address option that is not Ethernet's */
	ND_LLADDR_UNWANTED, /* a source link-layer address from the unspecified source */
};

struct nd_view {
	uint32_t len;                /* of the whole message */
	struct ip6_addr target;      /* NS, NA, redirect */
	struct ip6_addr destination; /* redirect */
	struct mac_addr source_lladdr;
	struct mac_addr target_lladdr;
	bool has_source_lladdr;
	bool has_target_lladdr;
	uint8_t type;           /* enum icmp6_type */
	uint8_t flags;          /* enum nd_flag of an NA, enum nd_ra_flag of an RA */
	uint8_t hop_limit;      /* RA */
	uint16_t lifetime_s;    /* RA */
	uint32_t reachable_ms;  /* RA */
	uint32_t retransmit_ms; /* RA */
	uint32_t mtu;           /* RA: of the option, 0 where there is none */
	uint16_t options_offset;
	uint16_t nonce_offset; /* 0: none */
	uint16_t nonce_len;
	uint16_t redirected_offset; /* the packet quoted in a redirect; 0: none */
	uint16_t redirected_len;
};

static always_inline bool nd_is_message(uint8_t type)
{
	return type >= ICMP6_TYPE_ROUTER_SOLICIT && type <= ICMP6_TYPE_REDIRECT;
}

/* Judge a message of nd_is_message that icmp6_check found sound (`bytes` is the ICMPv6 header).  Where an
 * option that may stand once stands twice the first counts.  Options of unknown types are skipped. */
enum nd_flaw nd_check(const void *bytes, const struct icmp6_view *icmp, const struct icmp6_origin *origin,
        struct nd_view *view);

/* An option as the walk finds it. */
struct nd_option_view {
	uint32_t offset; /* from the ICMPv6 header */
	uint32_t len;    /* in bytes, type and length among them; at least 8 */
	uint8_t type;
};

/* Walk the options, for those that a message may hold several of (prefixes, routes).  `*at` is 0 at first.
 * False at the end, or where a racing writer made the options unsound since the check. */
bool nd_option_next(
        const void *bytes, const struct nd_view *view, uint32_t *at, struct nd_option_view *option);

struct nd_prefix {
	struct ip6_addr prefix; /* as it stands: bits beyond prefix_len are the receiver's to ignore */
	uint32_t valid_s;
	uint32_t preferred_s;
	uint8_t prefix_len; /* at most 128 */
	uint8_t flags;      /* enum nd_prefix_flag */
};

/* Read an option of type ND_OPTION_PREFIX.  False where its length is not 32 or the prefix is longer than
 * 128. */
bool nd_prefix_read(const void *bytes, const struct nd_option_view *option, struct nd_prefix *prefix);

/* The longest message that nd_write_* makes: NS or NA with a link-layer address, and a nonce of 6 bytes. */
#define ND_WRITE_MAX 40u

/* Write a message of neighbor discovery at `at` (ND_WRITE_MAX bytes), with its checksum for src and dst.
 * Link-layer address NULL: no such option; nonce NULL: none, else 6 bytes.  They give the length. */
uint32_t nd_solicit_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct ip6_addr *target, const struct mac_addr *source_lladdr, const uint8_t nonce[6]);
uint32_t nd_advert_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct ip6_addr *target, const struct mac_addr *target_lladdr, uint8_t flags);
uint32_t nd_router_solicit_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct mac_addr *source_lladdr);

#endif
