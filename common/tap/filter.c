#include "common/tap/filter.h"

#define SCRATCH_WORDS 16u

/* The parts of a code.  BPF paper, section 3; filter.rst "BPF engine and instruction set". */
enum {
	CLASS_LD,
	CLASS_LDX,
	CLASS_ST,
	CLASS_STX,
	CLASS_ALU,
	CLASS_JMP,
	CLASS_RET,
	CLASS_MISC,
	CLASS_MASK = 0x07,

	SIZE_W = 0x00,
	SIZE_H = 0x08,
	SIZE_B = 0x10,

	MODE_IMM = 0x00,
	MODE_ABS = 0x20,
	MODE_IND = 0x40,
	MODE_MEM = 0x60,
	MODE_LEN = 0x80,
	MODE_MSH = 0xa0,

	SRC_X = 0x08, /* of ALU and JMP: the operand is X, not k */
	RET_A = 0x10,
	MISC_TXA = 0x80,

	OP_ADD = 0x00,
	OP_SUB = 0x10,
	OP_MUL = 0x20,
	OP_DIV = 0x30,
	OP_OR = 0x40,
	OP_AND = 0x50,
	OP_LSH = 0x60,
	OP_RSH = 0x70,
	OP_NEG = 0x80,
	OP_MOD = 0x90,
	OP_XOR = 0xa0,
	OP_MASK = 0xf0,

	JMP_JA = 0x00,
	JMP_JEQ = 0x10,
	JMP_JGT = 0x20,
	JMP_JGE = 0x30,
	JMP_JSET = 0x40,
};

struct machine {
	uint32_t a;
	uint32_t x;
	uint32_t scratch[SCRATCH_WORDS];
	const uint8_t *packet;
	uint32_t len;
	uint32_t have;
};

/* ---- the check ---- */

static bool load_ok(const struct tap_insn *i)
{
	switch (i->code) {
	case CLASS_LD | MODE_IMM:
	case CLASS_LD | MODE_LEN:
	case CLASS_LD | MODE_ABS | SIZE_W:
	case CLASS_LD | MODE_ABS | SIZE_H:
	case CLASS_LD | MODE_ABS | SIZE_B:
	case CLASS_LD | MODE_IND | SIZE_W:
	case CLASS_LD | MODE_IND | SIZE_H:
	case CLASS_LD | MODE_IND | SIZE_B:
	case CLASS_LDX | MODE_IMM:
	case CLASS_LDX | MODE_LEN:
	case CLASS_LDX | MODE_MSH | SIZE_B: return true;
	case CLASS_LD | MODE_MEM:
	case CLASS_LDX | MODE_MEM: return i->k < SCRATCH_WORDS;
	default: return false;
	}
}

static bool alu_ok(const struct tap_insn *i)
{
	bool by_x = i->code & SRC_X;

	switch (i->code & OP_MASK) {
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_OR:
	case OP_AND:
	case OP_XOR: return true;
	case OP_LSH:
	case OP_RSH: return by_x || i->k < 32;
	case OP_DIV:
	case OP_MOD: return by_x || i->k != 0;
	case OP_NEG: return !by_x;
	default: return false;
	}
}

/* `left`: the instructions behind this one. */
static bool jump_ok(const struct tap_insn *i, uint32_t left)
{
	switch (i->code & OP_MASK) {
	case JMP_JA: return !(i->code & SRC_X) && i->k < left;
	case JMP_JEQ:
	case JMP_JGT:
	case JMP_JGE:
	case JMP_JSET: return i->jt < left && i->jf < left;
	default: return false;
	}
}

static bool insn_ok(const struct tap_insn *i, uint32_t left)
{
	if (i->code > 0xff)
		return false;
	switch (i->code & CLASS_MASK) {
	case CLASS_LD:
	case CLASS_LDX: return load_ok(i);
	case CLASS_ST:
	case CLASS_STX: return !(i->code & ~CLASS_MASK) && i->k < SCRATCH_WORDS;
	case CLASS_ALU: return alu_ok(i);
	case CLASS_JMP: return jump_ok(i, left);
	case CLASS_RET: return i->code == CLASS_RET || i->code == (CLASS_RET | RET_A);
	case CLASS_MISC: return i->code == CLASS_MISC || i->code == (CLASS_MISC | MISC_TXA);
	default: return false;
	}
}

bool tap_program_check(const struct tap_insn *insn, uint32_t n)
{
	if (n == 0 || n > TAP_INSNS_MAX || (insn[n - 1].code & CLASS_MASK) != CLASS_RET)
		return false;
	for (uint32_t k = 0; k < n; k++)
		if (!insn_ok(&insn[k], n - 1 - k))
			return false;
	return true;
}

/* ---- the machine ---- */

/* Big-endian bytes of the packet at `at`; false: not all of them are there. */
static bool packet_load(const struct machine *m, uint64_t at, uint32_t size, uint32_t *to)
{
	uint32_t v = 0, bytes = size == SIZE_W ? 4 : size == SIZE_H ? 2 : 1;

	if (at + bytes > m->have)
		return false;
	for (uint32_t k = 0; k < bytes; k++)
		v = v << 8 | m->packet[at + k];
	*to = v;
	return true;
}

/* false: the program ends with "no". */
static bool load(struct machine *m, const struct tap_insn *i)
{
	uint32_t *to = (i->code & CLASS_MASK) == CLASS_LD ? &m->a : &m->x, size = i->code & 0x18;

	switch (i->code & 0xe0) {
	case MODE_IMM: *to = i->k; return true;
	case MODE_LEN: *to = m->len; return true;
	case MODE_MEM: *to = m->scratch[i->k]; return true;
	case MODE_ABS: return packet_load(m, i->k, size, to);
	case MODE_IND: return packet_load(m, (uint64_t)m->x + i->k, size, to);
	default: /* MSH: the length of an IPv4 header */
		if (!packet_load(m, i->k, SIZE_B, to))
			return false;
		*to = (*to & 0xf) * 4;
		return true;
	}
}

static bool alu(struct machine *m, const struct tap_insn *i)
{
	uint32_t by = i->code & SRC_X ? m->x : i->k;

	switch (i->code & OP_MASK) {
	case OP_ADD: m->a += by; return true;
	case OP_SUB: m->a -= by; return true;
	case OP_MUL: m->a *= by; return true;
	case OP_OR: m->a |= by; return true;
	case OP_AND: m->a &= by; return true;
	case OP_XOR: m->a ^= by; return true;
	case OP_LSH: m->a = by < 32 ? m->a << by : 0; return true;
	case OP_RSH: m->a = by < 32 ? m->a >> by : 0; return true;
	case OP_NEG: m->a = -m->a; return true;
	default: break;
	}
	if (by == 0)
		return false;
	m->a = (i->code & OP_MASK) == OP_DIV ? m->a / by : m->a % by;
	return true;
}

/* How many instructions are left out. */
static uint32_t jump(const struct machine *m, const struct tap_insn *i)
{
	uint32_t with = i->code & SRC_X ? m->x : i->k;
	bool holds;

	switch (i->code & OP_MASK) {
	case JMP_JA: return i->k;
	case JMP_JEQ: holds = m->a == with; break;
	case JMP_JGT: holds = m->a > with; break;
	case JMP_JGE: holds = m->a >= with; break;
	default: holds = m->a & with; break;
	}
	return holds ? i->jt : i->jf;
}

uint32_t tap_program_run(const struct tap_insn *i, const uint8_t *packet, uint32_t len, uint32_t have)
{
	struct machine m = {.packet = packet, .len = len, .have = have};

	for (;; i++) {
		switch (i->code & CLASS_MASK) {
		case CLASS_LD:
		case CLASS_LDX:
			if (!load(&m, i))
				return 0;
			break;
		case CLASS_ST: m.scratch[i->k] = m.a; break;
		case CLASS_STX: m.scratch[i->k] = m.x; break;
		case CLASS_ALU:
			if (!alu(&m, i))
				return 0;
			break;
		case CLASS_JMP: i += jump(&m, i); break;
		case CLASS_RET: return i->code & RET_A ? m.a : i->k;
		default: /* MISC */
			if (i->code & MISC_TXA)
				m.a = m.x;
			else
				m.x = m.a;
			break;
		}
	}
}
