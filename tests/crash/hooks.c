#include "tests/crash/hooks.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 16 /* of a copied range: so many bytes are one write */

static struct {
	uintptr_t base;
	size_t bytes;
} ranges[HOOKS_RANGES];

static int n_ranges;
static bool armed;
static bool by_kill;
static uint64_t left;
static uint64_t seen;

jmp_buf hooks_env;
hooks_observer *hooks_observe;

void hooks_watch(const void *base, size_t bytes)
{
	if (n_ranges == HOOKS_RANGES || !base)
		return;
	ranges[n_ranges].base = (uintptr_t)base;
	ranges[n_ranges++].bytes = bytes;
}

void hooks_unwatch_all(void)
{
	n_ranges = 0;
}

void hooks_arm(uint64_t k, bool kill)
{
	left = k;
	seen = 0;
	by_kill = kill;
	armed = true;
}

uint64_t hooks_disarm(void)
{
	armed = false;
	return seen;
}

static bool watched(const void *p)
{
	for (int i = 0; i < n_ranges; i++)
		if ((uintptr_t)p - ranges[i].base < ranges[i].bytes)
			return true;
	return false;
}

static inline void before_write(const void *p, size_t bytes)
{
	if (__builtin_expect(hooks_observe != NULL, 0))
		hooks_observe(p, bytes);
	if (__builtin_expect(!armed, 1) || !watched(p))
		return;
	if (seen++ != left)
		return;
	armed = false;
	if (by_kill)
		kill(getpid(), SIGKILL);
	longjmp(hooks_env, 1);
}

/* What the compiler calls. */
#define WRITE_HOOK(name, bytes)                                                                              \
	void name(void *p);                                                                                  \
	void name(void *p)                                                                                   \
	{                                                                                                    \
		before_write(p, bytes);                                                                      \
	}
#define READ_HOOK(name)                                                                                      \
	void name(void *p);                                                                                  \
	void name(void *p)                                                                                   \
	{                                                                                                    \
		(void)p;                                                                                     \
	}

WRITE_HOOK(__tsan_write1, 1)
WRITE_HOOK(__tsan_write2, 2)
WRITE_HOOK(__tsan_write4, 4)
WRITE_HOOK(__tsan_write8, 8)
WRITE_HOOK(__tsan_write16, 16)
WRITE_HOOK(__tsan_unaligned_write2, 2)
WRITE_HOOK(__tsan_unaligned_write4, 4)
WRITE_HOOK(__tsan_unaligned_write8, 8)
WRITE_HOOK(__tsan_unaligned_write16, 16)
READ_HOOK(__tsan_read1)
READ_HOOK(__tsan_read2)
READ_HOOK(__tsan_read4)
READ_HOOK(__tsan_read8)
READ_HOOK(__tsan_read16)
READ_HOOK(__tsan_unaligned_read2)
READ_HOOK(__tsan_unaligned_read4)
READ_HOOK(__tsan_unaligned_read8)
READ_HOOK(__tsan_unaligned_read16)
READ_HOOK(__tsan_func_entry)

void __tsan_func_exit(void);
void __tsan_init(void);
void __tsan_write_range(void *p, size_t n);
void __tsan_read_range(void *p, size_t n);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}

void __tsan_write_range(void *p, size_t n)
{
	for (size_t i = 0; i < n; i += CHUNK)
		before_write((char *)p + i, n - i < CHUNK ? n - i : CHUNK);
}

void __tsan_read_range(void *p, size_t n)
{
	(void)p, (void)n;
}

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

#define ATOMIC_HOOKS(bits, type)                                                                             \
	type __tsan_atomic##bits##_load(const volatile type *p, int order);                                  \
	void __tsan_atomic##bits##_store(volatile type *p, type v, int order);                               \
	type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order);                            \
	type __tsan_atomic##bits##_fetch_add(volatile type *p, type v, int order);                           \
	type __tsan_atomic##bits##_fetch_sub(volatile type *p, type v, int order);                           \
	type __tsan_atomic##bits##_fetch_or(volatile type *p, type v, int order);                            \
	type __tsan_atomic##bits##_fetch_and(volatile type *p, type v, int order);                           \
	int __tsan_atomic##bits##_compare_exchange_strong(                                                   \
	        volatile type *p, type *expected, type v, int order, int fail);                              \
	type __tsan_atomic##bits##_load(const volatile type *p, int order)                                   \
	{                                                                                                    \
		(void)order;                                                                                 \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                 \
	}                                                                                                    \
	void __tsan_atomic##bits##_store(volatile type *p, type v, int order)                                \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		__atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                    \
	}                                                                                                    \
	type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order)                             \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                          \
	}                                                                                                    \
	type __tsan_atomic##bits##_fetch_add(volatile type *p, type v, int order)                            \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                           \
	}                                                                                                    \
	type __tsan_atomic##bits##_fetch_sub(volatile type *p, type v, int order)                            \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                           \
	}                                                                                                    \
	type __tsan_atomic##bits##_fetch_or(volatile type *p, type v, int order)                             \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                            \
	}                                                                                                    \
	type __tsan_atomic##bits##_fetch_and(volatile type *p, type v, int order)                            \
	{                                                                                                    \
		(void)order;                                                                                 \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                           \
	}                                                                                                    \
	int __tsan_atomic##bits##_compare_exchange_strong(                                                   \
	        volatile type *p, type *expected, type v, int order, int fail)                               \
	{                                                                                                    \
		(void)order, (void)fail;                                                                     \
		before_write((const void *)(uintptr_t)p, sizeof *p);                                         \
		return __atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
	}

ATOMIC_HOOKS(8, uint8_t)
ATOMIC_HOOKS(16, uint16_t)
ATOMIC_HOOKS(32, uint32_t)
ATOMIC_HOOKS(64, uint64_t)

/* The compiler calls these for copies it does not expand; so that they may be cut in the middle too. */
static void copy_plain(void *to, const void *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void copy_up(unsigned char *to, const unsigned char *from, size_t n)
{
	if (!hooks_observe && (!armed || !watched(to))) {
		copy_plain(to, from, n);
		return;
	}
	for (size_t i = 0; i < n; i += CHUNK) {
		before_write(to + i, n - i < CHUNK ? n - i : CHUNK);
		copy_plain(to + i, from + i, n - i < CHUNK ? n - i : CHUNK);
	}
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f || t >= f + n) {
		copy_up(to, from, n);
		return to;
	}
	for (size_t i = n; i-- > 0;) {
		if (i % CHUNK == CHUNK - 1 || i == n - 1)
			before_write(t + i - i % CHUNK, i % CHUNK + 1);
		((volatile unsigned char *)t)[i] = f[i];
	}
	return to;
}

void *memset(void *to, int c, size_t n)
{
	for (size_t i = 0; i < n; i += CHUNK) {
		size_t m = n - i < CHUNK ? n - i : CHUNK;
		void *at = (unsigned char *)to + i;

		before_write(at, m);
		__asm__ volatile("rep stosb" : "+D"(at), "+c"(m) : "a"(c) : "memory");
	}
	return to;
}
