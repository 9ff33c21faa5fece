/* urgent: the control class: what a port takes in and lets out though it is overloaded.
 *
 *     ARP
 *     IPv4 and IPv6 whose DSCP is the port's `control_dscp` or higher (48: CS6 and CS7, RFC 2474 4.2.2.2,
 *     which RFC 4594 calls network control)
 *     neighbor discovery (ICMPv6 types 133 to 137, RFC 4861), whatever its DSCP
 *
 * behind two VLAN tags at the most.  The list stands in urgent_program alone, as a program of classic BPF:
 *
 *     urgent_program(&p, dscp)
 *     urgent_frame(&p, frame, len)          a driver, where its transmit ring is nearly full
 *     setsockopt(SO_ATTACH_FILTER)          AF_PACKET: p for the urgent ring, urgent_inverse(&p) for the
 * other bpf_load_steer(map, p.insn, p.n)      AF_XDP: the same, translated (services/keeper/opener/bpf.h)
 *
 * Pure functions; any thread.
 */
#ifndef SLUICE_COMMON_URGENT_URGENT_H
#define SLUICE_COMMON_URGENT_URGENT_H

#include "common/tap/filter.h"

#define URGENT_DSCP     48u /* CS6 */
#define URGENT_DSCP_MAX 64u /* none by its DSCP */
#define URGENT_INSNS    32u

/* Frames that the kernel keeps for us beside those of the rest: a power of two. */
#define URGENT_RING 256u

/* As struct sock_fprog wants it: returns not 0 for a frame of the class. */
struct urgent_program {
	uint32_t n;
	struct tap_insn insn[URGENT_INSNS];
};

/* The class with that DSCP (at most URGENT_DSCP_MAX) as the lowest. */
void urgent_program(struct urgent_program *p, uint32_t dscp);

/* Makes it say the opposite. */
void urgent_inverse(struct urgent_program *p);

/* Whether an Ethernet frame is of the class.  Reads no more than len bytes. */
bool urgent_frame(const struct urgent_program *p, const uint8_t *frame, uint32_t len);

#endif
