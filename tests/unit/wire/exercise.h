/* exercise: calls every check that may be called on some bytes, and asserts of each that its view stays
 * inside them and that a second pass gives the same view.
 *
 * Shared by the fuzz targets, the run over the captures, and the test with a racing writer.  An assertion
 * that fails aborts.  `exercise_racing` leaves the comparison of the two passes out: then bytes may change
 * meanwhile.
 */
#ifndef SLUICE_TESTS_UNIT_WIRE_EXERCISE_H
#define SLUICE_TESTS_UNIT_WIRE_EXERCISE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/dissect.h"
#include "common/wire/icmp6.h"

extern bool exercise_racing;

/* What was found, by outcome: so that a test can tell that it reached something. */
struct exercise_tally {
	uint64_t frames, vlan, llc, arp, ipv4, ipv4_options, ipv4_bad_checksum, ipv4_malformed,
	        ipv4_fragments;
	uint64_t ipv6, ipv6_chain, ipv6_options, ipv6_malformed, icmp, icmp_quote, igmp, icmp6, icmp6_quote,
	        nd, mld;
	uint64_t udp, tcp, tcp_options, l4_bad_checksum;
};

extern struct exercise_tally exercise_tally;

/* A frame, and all that is in it. */
void exercise_frame(const uint8_t *b, uint32_t len);

/* From a header on; `len` is what there is from `b` on. */
void exercise_arp(const uint8_t *b, uint32_t len);
void exercise_llc(const uint8_t *b, uint32_t len, uint16_t length);
void exercise_ipv4(const uint8_t *b, uint32_t len);
void exercise_ipv6(const uint8_t *b, uint32_t len);
void exercise_udp(const uint8_t *b, uint32_t len, bool ipv6, struct csum pseudo);
void exercise_tcp(const uint8_t *b, uint32_t len, struct csum pseudo);
void exercise_icmp(const uint8_t *b, uint32_t len);
void exercise_igmp(const uint8_t *b, uint32_t len);
void exercise_icmp6(const uint8_t *b, uint32_t len, const struct icmp6_origin *origin);

#endif
