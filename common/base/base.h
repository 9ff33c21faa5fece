/* base: the types and small helpers that every other library starts from.
 *
 * Nothing here does I/O, allocates, or depends on another library of ours.  What must not be mixed is a
 * structure with one member (it costs nothing): be16, be32, port_id, pkt_index.  Units are in the type
 * (nanos_t) or in the name.
 *
 * Errors are of four kinds (see README.md, "How the code reads"): a bug of ours is an assert; the system or
 * the configuration gives 0 or a negative errno; the wire gives a verdict with a drop reason; a neighbour
 * over shared memory is never trusted: what it wrote is copied once, checked, counted.
 */
#ifndef SLUICE_COMMON_BASE_BASE_H
#define SLUICE_COMMON_BASE_BASE_H

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CACHE_LINE 64u

#define ARRAY_LEN(a)        (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)      (((x) + ((a)-1)) & ~((typeof(x))(a)-1))
#define MIN(a, b)           MIN_NAMED(a, b, __COUNTER__)
#define MAX(a, b)           MAX_NAMED(a, b, __COUNTER__)
#define NAME_PASTE(a, b)    a##b
#define NAME_JOIN(a, b)     NAME_PASTE(a, b)
#define MIN_NAMED(a, b, id) MIN_VARS(a, b, NAME_JOIN(min_a_, id), NAME_JOIN(min_b_, id))
#define MAX_NAMED(a, b, id) MAX_VARS(a, b, NAME_JOIN(max_a_, id), NAME_JOIN(max_b_, id))
#define MIN_VARS(a, b, x, y)                                                                                 \
	({                                                                                                   \
		typeof(a) x = (a);                                                                           \
		typeof(b) y = (b);                                                                           \
		x < y ? x : y;                                                                               \
	})
#define MAX_VARS(a, b, x, y)                                                                                 \
	({                                                                                                   \
		typeof(a) x = (a);                                                                           \
		typeof(b) y = (b);                                                                           \
		x > y ? x : y;                                                                               \
	})
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define always_inline                 inline __attribute__((always_inline))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* Before a hot loop of a few instructions. */
#ifdef __clang__
#define UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL_4 _Pragma("GCC unroll 4")
#endif

/* A compiler fence: stores before it are emitted before stores after it.  Enough against the death of the
 * process itself (the hardware retires stores in order as far as the memory that survives is concerned on
 * x86; elsewhere a release fence is taken). */
#if defined(__x86_64__) || defined(__i386__)
#define order_stores() __asm__ volatile("" ::: "memory")
#else
#define order_stores() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif

/* Time in nanoseconds since an arbitrary origin: a capture's clock in replay, CLOCK_MONOTONIC when live. */
typedef uint64_t nanos_t;

#define NANOS_PER_US  UINT64_C(1000)
#define NANOS_PER_MS  UINT64_C(1000000)
#define NANOS_PER_SEC UINT64_C(1000000000)
#define NANOS_NEVER   UINT64_MAX

/* Big-endian integers as they stand on the wire.  Alignment 1, so that a header may be overlaid on any byte.
 */
struct be16 {
	uint16_t raw;
} __attribute__((packed, may_alias));

struct be32 {
	uint32_t raw;
} __attribute__((packed, may_alias));

static always_inline uint16_t be16_to_host(struct be16 x)
{
	return __builtin_bswap16(x.raw);
}

static always_inline struct be16 be16_from_host(uint16_t x)
{
	return (struct be16){__builtin_bswap16(x)};
}

static always_inline uint32_t be32_to_host(struct be32 x)
{
	return __builtin_bswap32(x.raw);
}

static always_inline struct be32 be32_from_host(uint32_t x)
{
	return (struct be32){__builtin_bswap32(x)};
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the byte swaps above assume a little-endian host");

/* An Ethernet address. */
struct mac_addr {
	uint8_t b[6];
};

/* An IPv6 address in network order.  An IPv4 address is a struct be32; where a field holds either, it is a
 * struct ip6_addr with IPv4 mapped (::ffff:a.b.c.d). */
struct ip6_addr {
	union {
		uint8_t b[16];
		struct be32 w32[4];
		struct be16 w16[8];
	};
} __attribute__((may_alias));

static_assert(sizeof(struct ip6_addr) == 16 && alignof(struct ip6_addr) == 1, "overlaid on the wire");

static always_inline bool ip6_addr_equal(const struct ip6_addr *a, const struct ip6_addr *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static always_inline struct ip6_addr ip6_addr_mapped(struct be32 v4)
{
	struct ip6_addr a = {.b = {[10] = 0xff, [11] = 0xff}};

	a.w32[3] = v4;
	return a;
}

static always_inline bool ip6_addr_is_mapped(const struct ip6_addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a, prefix, sizeof prefix) == 0;
}

/* A port is an interface: a physical one, or a VLAN sub-port of one.  The index into the epoch's table of
 * ports; PORT_NONE where there is none.  A port of TCP or UDP is an l4_port. */
struct port_id {
	uint16_t v;
};

#define PORT_NONE ((struct port_id){UINT16_MAX})

static always_inline bool port_id_equal(struct port_id a, struct port_id b)
{
	return a.v == b.v;
}

/* A buffer of the pool, by number.  PKT_NONE where there is none. */
struct pkt_index {
	uint32_t v;
};

#define PKT_NONE ((struct pkt_index){UINT32_MAX})

static always_inline bool pkt_index_is_none(struct pkt_index i)
{
	return i.v == UINT32_MAX;
}

/* Loads and stores of bytes that may stand at any alignment. */
static always_inline uint64_t load_u64(const void *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return x;
}

static always_inline uint32_t load_u32(const void *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof x);
	return x;
}

/* Copies one cache line; neither side need be aligned, they must not overlap. */
typedef long long line_half __attribute__((vector_size(32), aligned(1), may_alias));

static always_inline void copy_line(void *to, const void *from)
{
	line_half a = ((const line_half *)from)[0], b = ((const line_half *)from)[1];

	((line_half *)to)[0] = a;
	((line_half *)to)[1] = b;
}

/* The smallest power of two that is not less than x (x from 1 to 2^31). */
static always_inline uint32_t pow2_at_least(uint32_t x)
{
	return x <= 1 ? 1 : 1u << (32 - __builtin_clz(x - 1));
}

/* A mixing function for hash tables whose keys an attacker chooses: keyed, two multiplications.  Not a
 * cryptographic one: the key is random for each start and never leaves the process. */
static always_inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
	                      (b ^ UINT64_C(0xd6e8feb86659fd93));

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static always_inline uint64_t hash_ip6(const struct ip6_addr *a, uint64_t key)
{
	return hash_mix(load_u64(a->b) ^ key, hash_mix(load_u64(a->b + 8), key));
}

/* A repeatable source of random numbers (xorshift64*); the state is the caller's and must not be 0. */
static always_inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
