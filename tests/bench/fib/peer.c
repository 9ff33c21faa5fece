#include "tests/bench/fib/peer.h"

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_vect.h>

#include <stdio.h>
#include <stdlib.h>

#define TBL8_2B 32767u
#define TBL8_4B 60000u
#define TBL8_V6 600000u

struct peer {
	struct rte_fib *four;
	struct rte_fib6 *six;
};

bool peer_start(const char *program)
{
	char name[64];
	char *args[] = {name, (char[]){"--no-huge"}, (char[]){"--no-shconf"}, (char[]){"--no-pci"},
	        (char[]){"-m"}, (char[]){"3072"}, (char[]){"-l"}, (char[]){"0"},
	        (char[]){"--log-level=lib.eal:4"}, (char[]){"--force-max-simd-bitwidth=512"},
	        (char[]){"--no-telemetry"}, NULL};

	snprintf(name, sizeof name, "%s", program);
	return rte_eal_init(ARRAY_LEN(args) - 1, args) >= 0;
}

static struct rte_fib *new_four(const char *name, unsigned bytes)
{
	struct rte_fib_conf conf = {
	        .type = RTE_FIB_DIR24_8,
	        .default_nh = 0,
	        .max_routes = 1200000,
	        .dir24_8 =
	                {
	                        .nh_sz = bytes == 2   ? RTE_FIB_DIR24_8_2B
	                                 : bytes == 4 ? RTE_FIB_DIR24_8_4B
	                                              : RTE_FIB_DIR24_8_8B,
	                        .num_tbl8 = bytes == 2 ? TBL8_2B : TBL8_4B,
	                },
	};

	return rte_fib_create(name, -1, &conf);
}

static struct rte_fib6 *new_six(const char *name, unsigned bytes)
{
	struct rte_fib6_conf conf = {
	        .type = RTE_FIB6_TRIE,
	        .default_nh = 0,
	        .max_routes = 250000,
	        .trie =
	                {
	                        .nh_sz = bytes == 2   ? RTE_FIB6_TRIE_2B
	                                 : bytes == 4 ? RTE_FIB6_TRIE_4B
	                                              : RTE_FIB6_TRIE_8B,
	                        .num_tbl8 = bytes == 2 ? TBL8_2B : TBL8_V6,
	                },
	};

	return rte_fib6_create(name, -1, &conf);
}

struct peer *peer_new(enum fib_family family, unsigned bytes)
{
	static unsigned number;
	struct peer *peer = calloc(1, sizeof *peer);
	char name[32];

	if (!peer)
		return NULL;
	snprintf(name, sizeof name, "peer%u", number++);
	if (family == FIB_IPV4)
		peer->four = new_four(name, bytes);
	else
		peer->six = new_six(name, bytes);
	if (peer->four || peer->six)
		return peer;
	free(peer);
	return NULL;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	if (peer->four)
		rte_fib_free(peer->four);
	if (peer->six)
		rte_fib6_free(peer->six);
	free(peer);
}

bool peer_add(struct peer *peer, const struct fib_route *routes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct fib_prefix *p = &routes[i].prefix;
		int error = peer->four ? rte_fib_add(peer->four, be32_to_host(p->addr.w32[3]), p->len,
		                                 routes[i].group)
		                       : rte_fib6_add(peer->six, p->addr.b, p->len, routes[i].group);

		if (error)
			return false;
	}
	return true;
}

bool peer_del(struct peer *peer, const struct fib_route *route)
{
	const struct fib_prefix *p = &route->prefix;

	return 0 == (peer->four ? rte_fib_delete(peer->four, be32_to_host(p->addr.w32[3]), p->len)
	                        : rte_fib6_delete(peer->six, p->addr.b, p->len));
}

bool peer_vector(struct peer *peer, bool vector)
{
	if (peer->four)
		return 0 == rte_fib_select_lookup(peer->four, vector ? RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512
		                                                     : RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO);
	return 0 == rte_fib6_select_lookup(peer->six,
	                    vector ? RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512 : RTE_FIB6_LOOKUP_TRIE_SCALAR);
}

void peer_lookup(struct peer *peer, const void *dst, uint64_t *hop, uint32_t n)
{
	/* The addresses are not changed: the interface lacks the const. */
	union {
		const void *in;
		uint32_t *four;
		uint8_t (*six)[RTE_FIB6_IPV6_ADDR_SIZE];
	} u = {dst};

	if (peer->four)
		(void)rte_fib_lookup_bulk(peer->four, u.four, hop, (int)n);
	else
		(void)rte_fib6_lookup_bulk(peer->six, u.six, hop, (int)n);
}
