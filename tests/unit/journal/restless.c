#include "tests/unit/journal/restless.h"

struct journal_shared *restless;

static inline void commit_meanwhile(void)
{
	if (restless)
		restless->epoch++;
}

/* Of what comes below only; what a macro names inside of itself is not replaced again. */
#define __atomic_load_n(...) (commit_meanwhile(), __atomic_load_n(__VA_ARGS__))
#include "common/journal/journal.c" /* NOLINT(bugprone-suspicious-include) */
