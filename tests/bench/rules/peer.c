#include "tests/bench/rules/peer.h"

/* Not together with base.h: both define always_inline and container_of. */
#include <arpa/inet.h>
#include <errno.h>
#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 5

RTE_ACL_RULE_DEF(acl_rule, FIELDS);

struct peer {
	struct rte_acl_ctx *ctx;
};

static const struct rte_acl_field_def defs[FIELDS] = {
        {.type = RTE_ACL_FIELD_TYPE_BITMASK, .size = 1, .field_index = 0, .input_index = 0, .offset = 0},
        {.type = RTE_ACL_FIELD_TYPE_MASK, .size = 4, .field_index = 1, .input_index = 1, .offset = 4},
        {.type = RTE_ACL_FIELD_TYPE_MASK, .size = 4, .field_index = 2, .input_index = 2, .offset = 8},
        {.type = RTE_ACL_FIELD_TYPE_RANGE, .size = 2, .field_index = 3, .input_index = 3, .offset = 12},
        {.type = RTE_ACL_FIELD_TYPE_RANGE, .size = 2, .field_index = 4, .input_index = 3, .offset = 14},
};

static const struct {
	enum rte_acl_classify_alg alg;
	const char *name;
} algorithms[PEER_ALGORITHMS] = {
        {RTE_ACL_CLASSIFY_AVX512X32, "rte_acl avx512x32"},
        {RTE_ACL_CLASSIFY_AVX512X16, "rte_acl avx512x16"},
        {RTE_ACL_CLASSIFY_AVX2, "rte_acl avx2"},
};

int peer_init(void)
{
	char args[][32] = {"bench_rules", "--no-huge", "--no-shconf", "--no-pci", "-m", "2048",
	        "--no-telemetry", "--force-max-simd-bitwidth=512"};
	enum { N_ARGS = sizeof args / sizeof args[0] };
	char *argv[N_ARGS + 1] = {0};

	for (int i = 0; i < N_ARGS; i++)
		argv[i] = args[i];
	rte_log_set_global_level(RTE_LOG_WARNING);
	return rte_eal_init(N_ARGS, argv) < 0 ? -EIO : 0;
}

static struct acl_rule acl_rule(const struct tuple_rule *rule, uint32_t i, uint32_t n)
{
	struct acl_rule acl = {.data = {.category_mask = 1, .priority = (int32_t)(n - i), .userdata = i + 1}};

	acl.field[0].value.u8 = rule->any_proto ? 0 : rule->proto;
	acl.field[0].mask_range.u8 = rule->any_proto ? 0 : 0xff;
	acl.field[1].value.u32 = rule->saddr;
	acl.field[1].mask_range.u32 = rule->saddr_len;
	acl.field[2].value.u32 = rule->daddr;
	acl.field[2].mask_range.u32 = rule->daddr_len;
	acl.field[3].value.u16 = rule->sport[0];
	acl.field[3].mask_range.u16 = rule->sport[1];
	acl.field[4].value.u16 = rule->dport[0];
	acl.field[4].mask_range.u16 = rule->dport[1];
	return acl;
}

struct peer *peer_new(const struct tuple_rule *rules, uint32_t n, const char *name)
{
	struct rte_acl_param param = {.name = name,
	        .socket_id = SOCKET_ID_ANY,
	        .rule_size = RTE_ACL_RULE_SZ(FIELDS),
	        .max_rule_num = n};
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL || (peer->ctx = rte_acl_create(&param)) == NULL) {
		free(peer);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct acl_rule acl = acl_rule(&rules[i], i, n);

		if (rte_acl_add_rules(peer->ctx, (const struct rte_acl_rule *)&acl, 1) != 0) {
			peer_free(peer);
			return NULL;
		}
	}
	return peer;
}

void peer_free(struct peer *peer)
{
	rte_acl_free(peer->ctx);
	free(peer);
}

int peer_build(struct peer *peer)
{
	struct rte_acl_config config = {.num_categories = 1, .num_fields = FIELDS};

	memcpy(config.defs, defs, sizeof defs);
	return rte_acl_build(peer->ctx, &config);
}

bool peer_choose(struct peer *peer, uint32_t i)
{
	return rte_acl_set_ctx_classify(peer->ctx, algorithms[i].alg) == 0;
}

const char *peer_algorithm(uint32_t i)
{
	return algorithms[i].name;
}

struct peer_packet peer_packet(const struct tuple *tuple)
{
	return (struct peer_packet){
	        .proto = tuple->proto,
	        .saddr = htonl(tuple->saddr),
	        .daddr = htonl(tuple->daddr),
	        .sport = htons(tuple->sport),
	        .dport = htons(tuple->dport),
	};
}

void peer_classify(struct peer *peer, const uint8_t **packets, uint32_t n, uint32_t *result)
{
	rte_acl_classify(peer->ctx, packets, result, n, 1);
}
