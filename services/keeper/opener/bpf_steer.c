/* bpf_steer: a program of classic BPF that tells two kinds of frames, as an XDP program that sends each to
 * its socket.  Loads become direct accesses behind a comparison with the frame's end, as the kernel's
 * verifier wants them; one beyond the end says "no", as in classic BPF (Linux net/core/filter.c).
 *
 * Who has CAP_BPF without CAP_PERFMON may add no register to a pointer into the frame, even one of known
 * value.  So there is no index register: what is translated is each instruction with each value that the
 * index can have there, from the first instruction with 0 on; all distances are known then. */
#include "services/keeper/opener/bpf.h"

#include <linux/bpf.h>

/* Registers that the helpers leave alone. */
#define CONTEXT     BPF_REG_6
#define ACCUMULATOR BPF_REG_7

#define STEER_INSNS 512u /* of a translation; a load is the longest, with 7 */
#define INDICES_MAX 4u   /* values that the index may have in a program, 0 among them */

/* In place of LDX and MEM with the size, which are zeros in part. */
#define LOAD(size) (BPF_LDX | BPF_MEM | (size))
#define LOAD_MAP   (BPF_LD | BPF_DW | BPF_IMM)

/* A classic instruction, with the index that it finds. */
struct spot {
	uint32_t at;
	uint32_t index; /* its place in steer.index */
};

struct steer {
	struct bpf_insn insn[STEER_INSNS];
	uint32_t n;
	uint32_t classic;
	uint32_t index[INDICES_MAX];
	uint32_t n_indices;
	bool reached[INDICES_MAX][TAP_INSNS_MAX];
	uint32_t place[INDICES_MAX][TAP_INSNS_MAX]; /* where each spot begins */
	uint32_t miss, done;                        /* and what stands behind them all */
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

/* To a place of the translation, which is known the second time round. */
static void jump(struct steer *s, uint8_t op, uint8_t left, uint8_t right, int32_t value, uint32_t place)
{
	emit(s, (struct bpf_insn){BPF_JMP | op, left, right, (int16_t)(place - s->n - 1), value});
}

static uint32_t place_of(const struct steer *s, struct spot spot, uint32_t skip)
{
	return s->place[spot.index][spot.at + 1 + skip];
}

/* The place of that value in s->index; INDICES_MAX: there are too many. */
static uint32_t index_of(struct steer *s, uint32_t value)
{
	uint32_t i = 0;

	while (i < s->n_indices && s->index[i] != value)
		i++;
	if (i == s->n_indices && i < INDICES_MAX)
		s->index[s->n_indices++] = value;
	return i;
}

/* Notes what follows a spot.  false: it cannot be translated. */
static bool reach_on(struct steer *s, const struct tap_insn *i, struct spot spot)
{
	uint32_t index = spot.index;

	switch (BPF_CLASS(i->code)) {
	case BPF_JMP:
		s->reached[index][spot.at + 1 + i->jt] = true;
		s->reached[index][spot.at + 1 + i->jf] = true;
		return true;
	case BPF_RET: return true;
	case BPF_LDX: index = index_of(s, i->k); break;
	}
	if (index == INDICES_MAX)
		return false;
	s->reached[index][spot.at + 1] = true;
	return true;
}

/* Classic BPF jumps forward alone: what leads to an instruction stands before it. */
static bool reach_all(struct steer *s, const struct tap_insn *insn)
{
	bool known = true;

	s->reached[index_of(s, 0)][0] = true;
	for (uint32_t at = 0; at < s->classic; at++)
		for (uint32_t index = 0; index < s->n_indices; index++)
			if (s->reached[index][at])
				known &= reach_on(s, &insn[at], (struct spot){at, index});
	return known;
}

static void load(struct steer *s, const struct tap_insn *i, struct spot spot)
{
	uint8_t size = BPF_SIZE(i->code);
	int32_t bytes = size == BPF_B ? 1 : size == BPF_H ? 2 : 4;
	uint32_t at = i->k + (BPF_MODE(i->code) == BPF_IND ? s->index[spot.index] : 0);

	field(s, BPF_REG_1, offsetof(struct xdp_md, data));
	move(s, BPF_REG_2, BPF_REG_1);
	emit(s, (struct bpf_insn){BPF_ALU64 | BPF_ADD, BPF_REG_2, 0, 0, (int32_t)at + bytes});
	field(s, BPF_REG_3, offsetof(struct xdp_md, data_end));
	jump(s, BPF_JGT | BPF_X, BPF_REG_2, BPF_REG_3, 0, s->miss);
	emit(s, (struct bpf_insn){LOAD(size), ACCUMULATOR, BPF_REG_1, (int16_t)at, 0});
	if (bytes > 1)
		emit(s, (struct bpf_insn){BPF_ALU | BPF_END | BPF_TO_BE, ACCUMULATOR, 0, 0, 8 * bytes});
}

static void load_len(struct steer *s)
{
	move(s, BPF_REG_1, CONTEXT);
	call(s, BPF_FUNC_xdp_get_buff_len);
	move(s, ACCUMULATOR, BPF_REG_0);
}

/* With the value in the index's place. */
static void compute(struct steer *s, const struct tap_insn *i, struct spot spot)
{
	uint32_t value = BPF_SRC(i->code) == BPF_X ? s->index[spot.index] : i->k;

	emit(s, (struct bpf_insn){BPF_ALU | BPF_OP(i->code) | BPF_K, ACCUMULATOR, 0, 0, (int32_t)value});
}

/* What of classic BPF urgent_program needs; false: another instruction. */
static bool translate(struct steer *s, const struct tap_insn *i, struct spot spot)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		if (BPF_MODE(i->code) == BPF_LEN)
			load_len(s);
		else
			load(s, i, spot);
		return BPF_MODE(i->code) == BPF_LEN || BPF_MODE(i->code) == BPF_ABS ||
		       BPF_MODE(i->code) == BPF_IND;
	case BPF_LDX:
		spot.index = index_of(s, i->k);
		jump(s, BPF_JA, 0, 0, 0, place_of(s, spot, 0));
		return BPF_MODE(i->code) == BPF_IMM;
	case BPF_ALU: compute(s, i, spot); return BPF_OP(i->code) == BPF_SUB || BPF_OP(i->code) == BPF_AND;
	case BPF_JMP:
		jump(s, BPF_OP(i->code) | BPF_K, ACCUMULATOR, 0, (int32_t)i->k, place_of(s, spot, i->jt));
		jump(s, BPF_JA, 0, 0, 0, place_of(s, spot, i->jf));
		return BPF_OP(i->code) != BPF_JA && BPF_SRC(i->code) == BPF_K && i->k <= INT32_MAX;
	case BPF_RET:
		set(s, ACCUMULATOR, i->k != 0);
		jump(s, BPF_JA, 0, 0, 0, s->done);
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
	for (uint32_t index = 0; index < s->n_indices; index++)
		for (uint32_t at = 0; at < s->classic; at++) {
			s->place[index][at] = s->n;
			if (s->reached[index][at])
				known &= translate(s, &insn[at], (struct spot){at, index});
		}
	s->miss = s->n;
	set(s, ACCUMULATOR, 0);
	s->done = s->n;
	redirect(s, map);
	return known && s->n <= STEER_INSNS;
}

int bpf_load_steer(int map, const struct tap_insn *insn, uint32_t n, bool frags)
{
	struct steer s = {.classic = n};

	if (n > TAP_INSNS_MAX || !tap_program_check(insn, n) || !reach_all(&s, insn) ||
	        !write_all(&s, insn, map) || !write_all(&s, insn, map))
		return -EINVAL;
	return bpf_load(BPF_PROG_TYPE_XDP, s.insn, s.n, "sluice_take", frags ? BPF_F_XDP_HAS_FRAGS : 0);
}
