/* filter: classic BPF programs, which say of a packet how much of it a tap wants.
 *
 *     tap_program_check(insn, n)                    once, on a private copy
 *     want = tap_program_run(insn, frame, len, have)   for each packet; 0: none of it
 *
 * The machine is that of McCanne and Jacobson, "The BSD Packet Filter" (1993), with the XOR and MOD of Linux
 * (Documentation/networking/filter.rst): an accumulator, an index register, 16 words of scratch memory, jumps
 * that only go forward.  A program that the check lets pass ends after at most n instructions, reads nothing
 * but the bytes given, and divides by zero nowhere: such an instruction ends it with "no", as a load beyond
 * the packet does.  Scratch memory starts at zero.  The packet may change meanwhile.
 *
 * Pure functions; any thread.
 */
#ifndef SLUICE_COMMON_TAP_FILTER_H
#define SLUICE_COMMON_TAP_FILTER_H

#include "common/base/base.h"

/* Instructions of a program: a stage runs each of them once a packet at the most. */
#define TAP_INSNS_MAX 1024u

/* As `tcpdump -dd` prints it and libpcap's struct bpf_insn has it. */
struct tap_insn {
	uint16_t code;
	uint8_t jt; /* instructions to leave out where the condition holds */
	uint8_t jf;
	uint32_t k;
};

static_assert(sizeof(struct tap_insn) == 8, "shared layout");

/* Whether a program may be run: codes known, jumps and scratch addresses inside, no constant divisor 0, a
 * return at the end.  n from 1 to TAP_INSNS_MAX. */
[[nodiscard]] bool tap_program_check(const struct tap_insn *insn, uint32_t n);

/* Runs a program that was checked on the first `have` bytes of a packet of `len`.  Returns the bytes it
 * wants: 0 none, else at least 1 and maybe more than there are. */
uint32_t tap_program_run(const struct tap_insn *insn, const uint8_t *packet, uint32_t len, uint32_t have);

#endif
