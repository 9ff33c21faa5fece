/* hooks: sees every write of instrumented code to chosen memory, and can stop before the k-th.
 *
 * The code under test is compiled with -fsanitize=thread, so the compiler puts a call before each store; this
 * library stands in place of the sanitizer's runtime.  Nothing in the code under test is changed for it.
 *
 *     hooks_watch(base, bytes);                shared memory
 *     if (setjmp(hooks_env) == 0) { hooks_arm(k); run(); hooks_disarm(); } else { it died before its k-th
 * write }
 */
#ifndef SLUICE_TESTS_CRASH_HOOKS_H
#define SLUICE_TESTS_CRASH_HOOKS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOOKS_RANGES 32

extern jmp_buf hooks_env;

/* Writes to these bytes count. */
void hooks_watch(const void *base, size_t bytes);
void hooks_unwatch_all(void);

/* The k-th watched write from now on (from 0) does not happen: control goes to hooks_env; with `kill`, the
 * process dies of SIGKILL in place of that. */
void hooks_arm(uint64_t k, bool kill);
/* Counts no more; returns the writes since hooks_arm. */
uint64_t hooks_disarm(void);

/* Called before every write of instrumented code to any memory, armed or not; NULL: nobody is. */
typedef void hooks_observer(const void *p, size_t bytes);
extern hooks_observer *hooks_observe;

#endif
