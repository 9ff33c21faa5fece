/* bpf_steer: a program of classic BPF that tells two kinds of frames, as an XDP program that sends each to
 * its socket.  Loads become direct accesses behind a comparison with the frame's end, as the kernel's
 * verifier wants them; one beyond the end says "no", as in classic BPF (Linux net/core/filter.c). */
#include "services/keeper/bpf.h"

#include <linux/bpf.h>

/* A register keeps what the helpers leave alone. */
#define CONTEXT     BPF_REG_6
#define ACCUMULATOR BPF_REG_7
#define INDEX       BPF_REG_8

#define STEER_INSNS 512u /* of a translation; a load is the longest, with 8 */

/* In place of LDX and MEM with the size, which are zeros in part. */
#define LOAD(size) (BPF_LDX | BPF_MEM | (size))
#define LOAD_MAP   (BPF_LD | BPF_DW | BPF_IMM)

struct steer {
	struct bpf_insn insn[STEER_INSNS];
	uint32_t n;
	uint32_t at[TAP_INSNS_MAX + 2]; /* where each instruction begins; then MISS and DONE */
	uint32_t classic;               /* how many */
};

static void emit(struct steer *s, struct bpf_insn insn)
{
	s->insn[MIN(s->n, STEER_INSNS - 1)] = insn;
	s->n++;
}

static void move(struct steer *s, uint8_t to, uint8_t from)
{
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0});
}

static void set(struct steer *s, uint8_t to, int32_t value)
{
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value});
}

static void call(struct steer *s, int32_t helper)
{
	emit(s, (struct bpf_insn){BPF_JMP | BPF_CALL, 0, 0, 0, helper});
}

static void field(struct steer *s, uint8_t to, size_t offset)
{
	emit(s, (struct bpf_insn){LOAD(BPF_W), to, CONTEXT, (int16_t)offset, 0});
}

/* Jumps to classic instruction `place`, which is known the second time round. */
static void jump(struct steer *s, uint8_t op, uint8_t left, uint8_t right, int32_t value, uint32_t place)
{
	emit(s, (struct bpf_insn){BPF_JMP | op, left, right, (int16_t)(s->at[place] - s->n - 1), value});
}

static uint32_t miss(const struct steer *s)
{
	return s->classic;
}

static uint32_t done(const struct steer *s)
{
	return s->classic + 1;
}

static void load(struct steer *s, const struct tap_insn *i)
{
	uint8_t size = BPF_SIZE(i->code);
	int32_t bytes = size == BPF_B ? 1 : size == BPF_H ? 2 : 4;

	field(s, BPF_REG_1, offsetof(struct xdp_md, data));
	if (BPF_MODE(i->code) == BPF_IND)
		emit(s, (struct bpf_insn){BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, INDEX, 0, 0});
	move(s, BPF_REG_2, BPF_REG_1);
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_ADD, BPF_REG_2, 0, 0, (int32_t)i->k + bytes});
	field(s, BPF_REG_3, offsetof(struct xdp_md, data_end));
	jump(s, BPF_JGT | BPF_X, BPF_REG_2, BPF_REG_3, 0, miss(s));
	emit(s, (struct bpf_insn){LOAD(size), ACCUMULATOR, BPF_REG_1, (int16_t)i->k, 0});
	if (bytes > 1)
		emit(s, (struct bpf_insn){BPF_ALU | BPF_END | BPF_TO_BE, ACCUMULATOR, 0, 0, 8 * bytes});
}

static void load_len(struct steer *s)
{
	move(s, BPF_REG_1, CONTEXT);
	call(s, BPF_FUNC_xdp_get_buff_len);
	move(s, ACCUMULATOR, BPF_REG_0);
}

/* What of classic BPF urgent_program needs; false: another instruction. */
static bool translate(struct steer *s, const struct tap_insn *i, uint32_t at)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		if (BPF_MODE(i->code) == BPF_LEN)
			load_len(s);
		else
			load(s, i);
		return BPF_MODE(i->code) == BPF_LEN || BPF_MODE(i->code) == BPF_ABS ||
		       BPF_MODE(i->code) == BPF_IND;
	case BPF_LDX: set(s, INDEX, (int32_t)i->k); return BPF_MODE(i->code) == BPF_IMM;
	case BPF_ALU:
		emit(s, (struct bpf_insn){(uint8_t)i->code, ACCUMULATOR,
		                BPF_SRC(i->code) == BPF_X ? INDEX : 0, 0,
		                BPF_SRC(i->code) == BPF_X ? 0 : (int32_t)i->k});
		return BPF_OP(i->code) == BPF_SUB || BPF_OP(i->code) == BPF_AND;
	case BPF_JMP:
		jump(s, BPF_OP(i->code) | BPF_K, ACCUMULATOR, 0, (int32_t)i->k, at + 1 + i->jt);
		jump(s, BPF_JA, 0, 0, 0, at + 1 + i->jf);
		return BPF_SRC(i->code) == BPF_K && i->k <= INT32_MAX;
	case BPF_RET:
		set(s, ACCUMULATOR, i->k != 0);
		jump(s, BPF_JA, 0, 0, 0, done(s));
		return i->code == (BPF_RET | BPF_K);
	}
	return false;
}

/* To the socket of twice the queue's number and one for yes. */
static void redirect(struct steer *s, int map)
{
	field(s, BPF_REG_2, offsetof(struct xdp_md, rx_queue_index));
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_2, 0, 0, 1});
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_2, ACCUMULATOR, 0, 0});
	emit(s, (struct bpf_insn){LOAD_MAP, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map});
	emit(s, (struct bpf_insn){0});
	set(s, BPF_REG_3, XDP_DROP);
	call(s, BPF_FUNC_redirect_map);
	emit(s, (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0});
}

static bool write_all(struct steer *s, const struct tap_insn *insn, int map)
{
	bool known = true;

	s->n = 0;
	move(s, CONTEXT, BPF_REG_1);
	set(s, INDEX, 0);
	for (uint32_t i = 0; i < s->classic; i++) {
		s->at[i] = s->n;
		known &= translate(s, &insn[i], i);
	}
	s->at[miss(s)] = s->n;
	set(s, ACCUMULATOR, 0);
	s->at[done(s)] = s->n;
	redirect(s, map);
	return known && s->n <= STEER_INSNS;
}

int bpf_load_steer(int map, const struct tap_insn *insn, uint32_t n, bool frags)
{
	struct steer s = {.classic = n};

	if (n > TAP_INSNS_MAX || !tap_program_check(insn, n) || !write_all(&s, insn, map) ||
	        !write_all(&s, insn, map))
		return -EINVAL;
	return bpf_load(BPF_PROG_TYPE_XDP, s.insn, s.n, "sluice_take", frags ? BPF_F_XDP_HAS_FRAGS : 0);
}
