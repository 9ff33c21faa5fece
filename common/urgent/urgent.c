#include "common/urgent/urgent.h"

#include "common/wire/ether.h"

#define LEAST     34u /* bytes up to the end of an IPv4 header: what is shorter is not looked into */
#define ND_BYTES  55u /* up to the type of an ICMPv6 message */
#define ND_FIRST  133u
#define ND_LAST   137u
#define ICMPV6    58u
#define ANY_BYTES UINT32_MAX

/* Codes of Linux's bpf_common.h. */
#define LD_LEN   0x80u
#define LD_ABS_H 0x28u
#define LD_IND_H 0x48u
#define LD_IND_B 0x50u
#define LDX_IMM  0x01u
#define SUB_X    0x1cu
#define AND_K    0x54u
#define JUMP_EQ  0x15u
#define JUMP_GT  0x25u
#define JUMP_GE  0x35u
#define RETURN   0x06u

/* Places that are jumped to. */
enum { TYPE = 12, IP4 = 15, IP6 = 17, NO = 28, YES = 29, INSNS = 30 };

static_assert(INSNS <= URGENT_INSNS, "it has room");

/* The distance from the instruction behind place `at`. */
#define TO(at, place) (uint8_t)((place) - (at)-1)

/* X is the length of the tags. */
void urgent_program(struct urgent_program *p, uint32_t dscp)
{
	const struct tap_insn insn[INSNS] = {
	        [0] = {LD_LEN, 0, 0, 0},
	        [1] = {JUMP_GE, 0, TO(1, NO), LEAST},
	        [2] = {LDX_IMM, 0, 0, 0},
	        [3] = {LD_ABS_H, 0, 0, 12},
	        [4] = {JUMP_EQ, 1, 0, ETHER_TYPE_VLAN},
	        [5] = {JUMP_EQ, 0, TO(5, TYPE), ETHER_TYPE_QINQ},
	        [6] = {LDX_IMM, 0, 0, VLAN_HDR_LEN},
	        [7] = {LD_ABS_H, 0, 0, 16},
	        [8] = {JUMP_EQ, 1, 0, ETHER_TYPE_VLAN},
	        [9] = {JUMP_EQ, 0, TO(9, TYPE), ETHER_TYPE_QINQ},
	        [10] = {LDX_IMM, 0, 0, 2 * VLAN_HDR_LEN},
	        [11] = {LD_ABS_H, 0, 0, 20},
	        [TYPE] = {JUMP_EQ, TO(TYPE, YES), 0, ETHER_TYPE_ARP},
	        [13] = {JUMP_EQ, TO(13, IP4), 0, ETHER_TYPE_IPV4},
	        [14] = {JUMP_EQ, TO(14, IP6), TO(14, NO), ETHER_TYPE_IPV6},
	        [IP4] = {LD_IND_B, 0, 0, 15},
	        [16] = {JUMP_GE, TO(16, YES), TO(16, NO), dscp << 2},
	        [IP6] = {LD_IND_H, 0, 0, 14},
	        [18] = {AND_K, 0, 0, 0x0ff0},
	        [19] = {JUMP_GE, TO(19, YES), 0, dscp << 6},
	        [20] = {LD_IND_B, 0, 0, 20},
	        [21] = {JUMP_EQ, 0, TO(21, NO), ICMPV6},
	        [22] = {LD_LEN, 0, 0, 0},
	        [23] = {SUB_X, 0, 0, 0},
	        [24] = {JUMP_GE, 0, TO(24, NO), ND_BYTES},
	        [25] = {LD_IND_B, 0, 0, 54},
	        [26] = {JUMP_GT, TO(26, NO), 0, ND_LAST},
	        [27] = {JUMP_GE, TO(27, YES), TO(27, NO), ND_FIRST},
	        [NO] = {RETURN, 0, 0, 0},
	        [YES] = {RETURN, 0, 0, ANY_BYTES},
	};

	assert(dscp <= URGENT_DSCP_MAX);
	p->n = INSNS;
	memcpy(p->insn, insn, sizeof insn);
}

void urgent_inverse(struct urgent_program *p)
{
	p->insn[NO].k ^= ANY_BYTES;
	p->insn[YES].k ^= ANY_BYTES;
}

bool urgent_frame(const struct urgent_program *p, const uint8_t *frame, uint32_t len)
{
	return tap_program_run(p->insn, frame, len, len) != 0;
}
