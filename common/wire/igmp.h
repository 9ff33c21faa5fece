/* igmp: group membership for IPv4, versions 1 to 3 (RFC 1112 appendix I, RFC 2236, RFC 3376).
 *
 * Part of the library `wire` (see wire.h).  The router: igmp_check on what is delivered to us (a host: it
 * answers queries and minds others' reports), the igmp_write functions for its own reports.
 */
#ifndef SLUICE_COMMON_WIRE_IGMP_H
#define SLUICE_COMMON_WIRE_IGMP_H

#include "common/wire/addr.h"
#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "common/wire/wire.h"

enum igmp_type {
	IGMP_TYPE_QUERY = 0x11,
	IGMP_TYPE_V1_REPORT = 0x12,
	IGMP_TYPE_V2_REPORT = 0x16,
	IGMP_TYPE_V2_LEAVE = 0x17,
	IGMP_TYPE_V3_REPORT = 0x22,
};

/* What a record of a version 3 report (or of MLDv2) says (RFC 3376 4.2.12, RFC 3810 5.2.12). */
enum group_record_type {
	GROUP_MODE_IS_INCLUDE = 1,
	GROUP_MODE_IS_EXCLUDE = 2,
	GROUP_CHANGE_TO_INCLUDE = 3,
	GROUP_CHANGE_TO_EXCLUDE = 4,
	GROUP_ALLOW_NEW_SOURCES = 5,
	GROUP_BLOCK_OLD_SOURCES = 6,
};

#define IGMP_HDR_LEN       8u
#define IGMP_V3_QUERY_LEN  12u
#define IGMP_V3_RECORD_LEN 8u

struct igmp_hdr {
	uint8_t type;
	uint8_t max_resp; /* tenths of a second; 0 in version 1 */
	struct be16 checksum;
	struct be32 group; /* of a version 3 report: reserved, number of records */
};

static_assert(
        sizeof(struct igmp_hdr) == IGMP_HDR_LEN && alignof(struct igmp_hdr) == 1, "overlaid on the wire");

struct igmp_record_hdr {
	uint8_t type;
	uint8_t aux_words;
	struct be16 sources;
	struct be32 group;
};

static_assert(sizeof(struct igmp_record_hdr) == IGMP_V3_RECORD_LEN && alignof(struct igmp_record_hdr) == 1,
        "overlaid on the wire");

enum igmp_flaw {
	IGMP_OK,
	IGMP_TRUNCATED, /* less than its type's least */
	IGMP_CHECKSUM,
	IGMP_TYPE,      /* not known */
	IGMP_QUERY_LEN, /* a query of 9 to 11 bytes (RFC 3376 7.1) */
	IGMP_SOURCES,   /* more sources, or longer records, than the message has room for */
	IGMP_GROUP,     /* a query or report of what is not a group */
};

struct igmp_view {
	uint32_t len;
	struct be32 group;         /* 0 in a general query and in a version 3 report */
	uint32_t max_resp_ms;      /* query */
	uint32_t query_interval_s; /* version 3 query; 0: not told */
	uint16_t sources;          /* version 3 query; they begin at IGMP_V3_QUERY_LEN */
	uint16_t records;          /* version 3 report; they begin at IGMP_HDR_LEN */
	uint8_t type;              /* enum igmp_type */
	uint8_t version;           /* of the protocol that has such a message: 1, 2, 3 */
	uint8_t robustness;        /* version 3 query; 0: not told */
	bool suppress;             /* version 3 query: routers are not to act */
};

/* `bytes` is the message, `len` all that the IP packet holds from there on (Linux igmp_rcv,
 * igmp_heard_query). */
enum igmp_flaw igmp_check(const void *bytes, uint32_t len, struct igmp_view *view);

struct igmp_record {
	struct be32 group;
	uint32_t sources_offset; /* from the start of the message */
	uint16_t sources;
	uint8_t type; /* enum group_record_type, or one that is not known: ignore it */
};

/* Walk the records of a version 3 report.  `*at` is 0 at first.  False at the end, or where a racing writer
 * made the records unsound since the check. */
bool igmp_record_next(
        const void *bytes, const struct igmp_view *view, uint32_t *at, struct igmp_record *record);

/* Write a message of version 1 or 2 about `group` with its checksum at `at`.  Gives its length, IGMP_HDR_LEN.
 */
uint32_t igmp_write(void *at, uint8_t type, struct be32 group);

/* Write a version 3 report of `count` records without sources at `at` (IGMP_HDR_LEN + count *
 * IGMP_V3_RECORD_LEN bytes), with its checksum: groups[i] with types[i].  Gives its length. */
uint32_t igmp_report_write(void *at, const struct be32 *groups, const uint8_t *types, uint16_t count);

#endif
