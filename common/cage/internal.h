/* internal: what the parts of the cage share. */
#ifndef SLUICE_COMMON_CAGE_INTERNAL_H
#define SLUICE_COMMON_CAGE_INTERNAL_H

#include "common/cage/cage.h"

/* landlock.c: no file may be opened, made, changed or run any more; with `readable` reading stays, and
 * everything beneath the folders of `writable` (CAGE_WRITABLE_MAX).  0, -EOPNOTSUPP where the kernel has no
 * Landlock. */
int cage_landlock(bool readable, const char *const *writable);

/* A call, and what some of its arguments must be under a mask (of the low 32 bits).  One call may be in
 * several rules: any of them allows it. */
struct cage_rule {
	uint32_t call;
	uint32_t n_args;
	struct {
		uint32_t number, mask, value;
	} arg[2];
};

/* A call that no rule has allowed, and that fails with this error instead of ending the process. */
struct cage_refusal {
	uint32_t call;
	uint32_t error;
};

struct cage_list {
	const struct cage_rule *rules;
	uint32_t n_rules;
	const struct cage_refusal *refusals;
	uint32_t n_refusals;
};

#define CAGE_CALL(name)                                                                                      \
	{                                                                                                    \
		.call = SYS_##name                                                                           \
	}

/* list_stage.c, list_control.c: what each kind of process keeps besides what all do. */
extern const struct cage_list cage_of_all, cage_of_stage, cage_of_session, cage_of_ingest, cage_of_control;

#endif
