/* ipv4_options: the options of an IPv4 header (RFC 791 3.1, RFC 2113, RFC 1812 5.2.4).
 *
 * Part of the library `wire` (see wire.h).  The slow path of the router: where ipv4_has_options,
 * ipv4_options_check finds what must be acted upon, or the byte that an ICMP parameter problem points at.
 */
#ifndef SLUICE_COMMON_WIRE_IPV4_OPTIONS_H
#define SLUICE_COMMON_WIRE_IPV4_OPTIONS_H

#include "common/wire/ipv4.h"

enum ipv4_option {
	IPV4_OPTION_END = 0,
	IPV4_OPTION_NOP = 1,
	IPV4_OPTION_RECORD_ROUTE = 7,
	IPV4_OPTION_TIMESTAMP = 68,
	IPV4_OPTION_SECURITY = 130,
	IPV4_OPTION_LOOSE_ROUTE = 131,
	IPV4_OPTION_CIPSO = 134,
	IPV4_OPTION_STREAM_ID = 136,
	IPV4_OPTION_STRICT_ROUTE = 137,
	IPV4_OPTION_ROUTER_ALERT = 148,
};

/* What a timestamp option asks for. */
enum ipv4_timestamp_kind {
	IPV4_TIMESTAMP_ONLY = 0,
	IPV4_TIMESTAMP_AND_ADDR = 1,
	IPV4_TIMESTAMP_PRESPECIFIED = 3,
};

#define IPV4_OPTION_COPIED 0x80u /* of an option's type: it goes into every fragment (RFC 791 3.1) */
#define IPV4_OPTIONS_MAX   (IPV4_HDR_LEN_MAX - IPV4_HDR_LEN)

enum ipv4_options_flaw {
	IPV4_OPTIONS_OK,
	IPV4_OPTIONS_LENGTH,   /* an option's length below its least, or past the header */
	IPV4_OPTIONS_POINTER,  /* its pointer below its least, or its next slot past its end */
	IPV4_OPTIONS_TWICE,    /* a second source route, record route, timestamp or CIPSO */
	IPV4_OPTIONS_OVERFLOW, /* no room in a timestamp whose overflow count is full */
};

/* Offsets are from the start of the header, 0 where there is none. */
struct ipv4_options_view {
	uint8_t bytes[IPV4_OPTIONS_MAX]; /* the options as they were judged: a private copy */
	uint8_t len;
	uint8_t bad_offset;       /* with a flaw: the pointer of the ICMP parameter problem */
	bool strict;              /* of the source route */
	bool source_route_broken; /* its next hop goes past its end: a problem (at source_route + 2) only for
	                             who would use it */
	uint8_t source_route;     /* the option itself */
	uint8_t record_route;
	uint8_t timestamp;
	uint8_t router_alert;
	uint8_t cipso;
	uint8_t source_route_next;   /* the next hop in the source route; 0 where it is used up */
	uint8_t record_slot;         /* where our address goes; 0 where it is full */
	uint8_t timestamp_addr_slot; /* where our address goes, or stands to be compared (prespecified) */
	uint8_t timestamp_slot;      /* where the time goes; 0 where it is full or of no known kind */
	bool timestamp_full;    /* who has no room counts itself, unless the addresses are prespecified */
	uint8_t timestamp_kind; /* enum ipv4_timestamp_kind */
};

/* Walk the options of a header that ipv4_check found sound (`bytes` is the header, `header_len` from the
 * view).  Judges as Linux __ip_options_compile does for a packet from the wire; a type that is not known is
 * passed over; what is in a CIPSO option is not looked at.  It changes nothing: who forwards stores into the
 * slots and moves the pointers. */
enum ipv4_options_flaw ipv4_options_check(
        const void *bytes, uint32_t header_len, struct ipv4_options_view *view);

#endif
