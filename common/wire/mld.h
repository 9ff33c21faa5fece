/* mld: multicast listener discovery for IPv6, versions 1 and 2 (RFC 2710, RFC 3810).
 *
 * Part of the library `wire` (see wire.h).  The router: icmp6_check, then mld_check where
 * mld_is_message(type) (a host: it answers queries and minds others' reports), the mld_write functions for
 * its own reports.  What a record says is enum group_record_type of igmp.h.
 */
#ifndef SLUICE_COMMON_WIRE_MLD_H
#define SLUICE_COMMON_WIRE_MLD_H

#include "common/wire/icmp6.h"
#include "common/wire/igmp.h"

#define MLD_LEN           24u
#define MLD_V2_QUERY_LEN  28u
#define MLD_V2_RECORD_LEN 20u

struct mld_v1_hdr {
	struct icmp6_hdr icmp; /* rest: maximum response delay in ms, reserved; of a version 2 report: number
	                          of records */
	struct ip6_addr group;
};

static_assert(
        sizeof(struct mld_v1_hdr) == MLD_LEN && alignof(struct mld_v1_hdr) == 1, "overlaid on the wire");

struct mld_record_hdr {
	uint8_t type;
	uint8_t aux_words;
	struct be16 sources;
	struct ip6_addr group;
};

static_assert(sizeof(struct mld_record_hdr) == MLD_V2_RECORD_LEN && alignof(struct mld_record_hdr) == 1,
        "overlaid on the wire");

enum mld_flaw {
	MLD_OK,
	MLD_HOP_LIMIT, /* not 1 */
	MLD_SOURCE,    /* not link-local (a report may come from ::, RFC 3590) */
	MLD_NO_ALERT,  /* without a hop-by-hop router alert of MLD */
	MLD_TRUNCATED, /* less than its type's least, or a query of 25 to 27 bytes (RFC 3810 8.1) */
	MLD_SOURCES,   /* more sources, or longer records, than the message has room for */
	MLD_GROUP,     /* a query or report of what is not a group */
};

struct mld_view {
	uint32_t len;
	struct ip6_addr group;     /* :: in a general query and in a version 2 report */
	uint32_t max_resp_ms;      /* query */
	uint32_t query_interval_s; /* version 2 query; 0: not told */
	uint16_t sources;          /* version 2 query; they begin at MLD_V2_QUERY_LEN */
	uint16_t records;          /* version 2 report; they begin at ICMP6_HDR_LEN */
	uint8_t type;              /* enum icmp6_type */
	uint8_t version;           /* of the protocol that has such a message: 1, 2 */
	uint8_t robustness;        /* version 2 query; 0: not told */
	bool suppress;             /* version 2 query: routers are not to act */
};

static always_inline bool mld_is_message(uint8_t type)
{
	return (type >= ICMP6_TYPE_MLD_QUERY && type <= ICMP6_TYPE_MLD_DONE) ||
	       type == ICMP6_TYPE_MLDV2_REPORT;
}

/* Judge a message of mld_is_message that icmp6_check found sound (`bytes` is the ICMPv6 header): RFC 2710 3
 * and 5, RFC 3810 5.1.14, 5.2.13, 6.2; Linux igmp6_event_query, igmp6_event_report. */
enum mld_flaw mld_check(const void *bytes, const struct icmp6_view *icmp, const struct icmp6_origin *origin,
        struct mld_view *view);

struct mld_record {
	struct ip6_addr group;
	uint32_t sources_offset; /* from the ICMPv6 header */
	uint16_t sources;
	uint8_t type; /* enum group_record_type, or one that is not known: ignore it */
};

/* Walk the records of a version 2 report.  `*at` is 0 at first.  False at the end, or where a racing writer
 * made the records unsound since the check. */
bool mld_record_next(const void *bytes, const struct mld_view *view, uint32_t *at, struct mld_record *record);

/* Write a version 1 report or done about `group` with its checksum for src and dst at `at`.  Gives its
 * length, MLD_LEN. */
uint32_t mld_write(void *at, uint8_t type, const struct ip6_addr *group, const struct ip6_addr *src,
        const struct ip6_addr *dst);

/* Write a version 2 report of `count` records without sources at `at` (ICMP6_HDR_LEN + count *
 * MLD_V2_RECORD_LEN bytes), with its checksum from src to IP6_MLDV2_ROUTERS: groups[i] with types[i].  Gives
 * its length. */
uint32_t mld_report_write(void *at, const struct ip6_addr *groups, const uint8_t *types, uint16_t count,
        const struct ip6_addr *src);

/* The hop-by-hop header that each MLD message is sent with: router alert of MLD, padded (RFC 2710 3, RFC
 * 2711 2.1). */
#define MLD_HOP_BY_HOP_LEN 8u
uint32_t mld_hop_by_hop_write(void *at);

#endif
