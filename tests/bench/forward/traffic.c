/* Captures, route tables and configurations for the forward benchmark; all from fixed seeds. */
#include "tests/bench/forward/forward.h"

#include "common/wire/checksum.h"
#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "tests/bench/rules/tuples.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOPS 16u

struct prefix {
	uint32_t net;
	uint32_t len;
};

static void *room(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		bench_fail("out of memory");
	return p;
}

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		bench_fail("%s cannot be written", path);
	return f;
}

static void finish(FILE *f)
{
	if (fclose(f))
		bench_fail("a file cannot be written");
}

/* Where packets may come from and go to: no martians, not the networks of the ports. */
static bool is_plain(uint32_t address)
{
	uint32_t top = address >> 24;

	return top != 0 && top != 10 && top != 127 && top < 224;
}

/* The lengths of a full table of the Internet, roughly: by the hundred, from /16 on. */
static uint32_t prefix_len(uint64_t *seed)
{
	static const uint8_t lens[] = {
	        24, 24, 24, 24, 24, 24, 23, 22, 22, 24, 21, 20, 24, 19, 24, 23, 22, 18, 17, 16};

	return lens[(random_next(seed) >> 32) % ARRAY_LEN(lens)];
}

static void make_prefixes(struct prefix *prefix, uint32_t n)
{
	uint64_t seed = 20260;

	for (uint32_t i = 0; i < n;) {
		uint32_t len = prefix_len(&seed), address = (uint32_t)(random_next(&seed) >> 32);

		if (is_plain(address))
			prefix[i++] = (struct prefix){address & UINT32_MAX << (32 - len), len};
	}
}

static int by_net(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	if (x->net != y->net)
		return x->net < y->net ? -1 : 1;
	return (x->len > y->len) - (x->len < y->len);
}

/* Until n different ones remain. */
static struct prefix *distinct_prefixes(uint32_t n)
{
	uint32_t made = n + n / 2 + 16, kept = 0;
	struct prefix *prefix = room(made, sizeof *prefix);

	make_prefixes(prefix, made);
	qsort(prefix, made, sizeof *prefix, by_net);
	for (uint32_t i = 0; i < made; i++)
		if (!kept || by_net(&prefix[kept - 1], &prefix[i]))
			prefix[kept++] = prefix[i];
	if (kept < n)
		bench_fail("%u prefixes are too many", n);
	return prefix;
}

static void write_routes(const char *path, const struct prefix *prefix, uint32_t n)
{
	FILE *f = create(path);

	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "%u.%u.%u.%u/%u via 10.0.1.%u dev out\n", prefix[i].net >> 24,
		        prefix[i].net >> 16 & 255, prefix[i].net >> 8 & 255, prefix[i].net & 255,
		        prefix[i].len, 2 + i % HOPS);
	finish(f);
}

static struct tuple tuple_to(uint32_t daddr, uint64_t *seed)
{
	uint64_t random = random_next(seed);

	return (struct tuple){
	        .saddr = 0x0a000000 | (2 + (random >> 40) % 250),
	        .daddr = daddr,
	        .sport = (uint16_t)(1024 + (random >> 16) % 60000),
	        .dport = 53,
	        .proto = IP_PROTO_UDP,
	};
}

/* Addresses in the networks of the table, in no order; or anywhere. */
static void tuples_routed(struct tuple *tuple, uint32_t n, const struct prefix *prefix, uint32_t n_prefix)
{
	uint64_t seed = 7;

	for (uint32_t i = 0; i < n;) {
		uint32_t daddr = (uint32_t)(random_next(&seed) >> 32);

		if (n_prefix) {
			const struct prefix *p = &prefix[random_next(&seed) % n_prefix];

			daddr = p->net | (daddr & ~(UINT32_MAX << (32 - p->len)));
		}
		if (is_plain(daddr))
			tuple[i++] = tuple_to(daddr, &seed);
	}
}

#define RULES_SEED 4711

static void tuples_ruled(struct tuple *tuple, uint32_t n)
{
	struct tuple_rule rules[1000];
	uint64_t seed = 815;

	tuple_rules_mixed(rules, ARRAY_LEN(rules), RULES_SEED);
	for (uint32_t i = 0; i < n;) {
		tuples_random(&tuple[i], 1, rules, ARRAY_LEN(rules), random_next(&seed));
		i += is_plain(tuple[i].saddr) && is_plain(tuple[i].daddr);
	}
}

/* As on the wire but for the frame check sequence, which no capture holds. */
static uint32_t frame_len(const struct traffic *t, uint32_t i)
{
	static const uint16_t imix[] = {64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64};

	return (t->imix ? imix[i % ARRAY_LEN(imix)] : 64) - 4u;
}

static void build_frame(uint8_t *frame, const struct tuple *t, uint32_t len)
{
	static const struct mac_addr to = {{2, 0, 0, 0, 0, 1}}, from = {{2, 0, 0, 0, 1, 2}};
	uint32_t total = len - ETHER_HDR_LEN;
	uint8_t *ip = frame + ether_write(frame, &to, &from, ETHER_TYPE_IPV4);
	struct be16 sum;

	memset(ip, 0, total);
	ip[0] = 0x45;
	wire_store_u16(ip + 2, (uint16_t)total);
	ip[8] = 64;
	ip[9] = t->proto;
	memcpy(ip + 12, &(struct be32){__builtin_bswap32(t->saddr)}, 4);
	memcpy(ip + 16, &(struct be32){__builtin_bswap32(t->daddr)}, 4);
	sum = csum_finish(csum_bytes(CSUM_ZERO, ip, IPV4_HDR_LEN));
	memcpy(ip + 10, &sum, sizeof sum);
	wire_store_u16(ip + 20, t->sport);
	wire_store_u16(ip + 22, t->dport);
	if (t->proto == IP_PROTO_UDP)
		wire_store_u16(ip + 24, (uint16_t)(total - IPV4_HDR_LEN));
	else
		ip[32] = 5 << 4;
}

static void write_bytes(FILE *f, const void *bytes, size_t len)
{
	if (fwrite(bytes, len, 1, f) != 1)
		exit(2);
}

static void write_capture(const char *path, const struct traffic *t, const struct tuple *tuple)
{
	static const uint32_t head[6] = {0xa1b23c4d, 0x00040002, 0, 0, 65535, 1};
	uint8_t frame[1518];
	FILE *f = create(path);

	write_bytes(f, head, sizeof head);
	for (uint32_t i = 0; i < t->frames; i++) {
		uint32_t len = frame_len(t, i), record[4] = {1, i, len, len};

		build_frame(frame, &tuple[i], len);
		write_bytes(f, record, sizeof record);
		write_bytes(f, frame, len);
	}
	finish(f);
}

static void write_rule(FILE *f, const struct tuple_rule *r, uint32_t i)
{
	fprintf(f, "      - { name: rule %u, action: pass", i);
	if (r->saddr_len)
		fprintf(f, ", from: %u.%u.%u.%u/%u", r->saddr >> 24, r->saddr >> 16 & 255,
		        r->saddr >> 8 & 255, r->saddr & 255, r->saddr_len);
	if (r->daddr_len)
		fprintf(f, ", to: %u.%u.%u.%u/%u", r->daddr >> 24, r->daddr >> 16 & 255, r->daddr >> 8 & 255,
		        r->daddr & 255, r->daddr_len);
	fprintf(f, ", protocol: %s", r->proto == IP_PROTO_UDP ? "udp" : "tcp");
	if (r->sport[0] != 0 || r->sport[1] != UINT16_MAX)
		fprintf(f, ", from_port: %u-%u", r->sport[0], r->sport[1]);
	if (r->dport[0] != 0 || r->dport[1] != UINT16_MAX)
		fprintf(f, ", to_port: %u-%u", r->dport[0], r->dport[1]);
	fprintf(f, " }\n");
}

static void write_rules(FILE *f, uint32_t n)
{
	struct tuple_rule *rules = room(n, sizeof *rules);

	tuple_rules_mixed(rules, n, RULES_SEED);
	fprintf(f, "rules:\n  ingress:\n    rules:\n");
	for (uint32_t i = 0; i < n; i++)
		write_rule(f, &rules[i], i);
	free(rules);
}

/* Quiet ports: nothing is sent but what is forwarded. */
#define PORT "{ driver: pcap, gratuitous_arp: 0, dad: 0, ipv6: false, "

static void write_config(const struct traffic *t, const struct traffic_files *files)
{
	FILE *f = create(files->config);

	fprintf(f,
	        "ports:\n  in: " PORT "mac: 02:00:00:00:00:01, addresses: [10.0.0.1/24],\n"
	        "    in: %s, pace: max, loop: 4294967295 }\n",
	        files->capture);
	fprintf(f, "  out: " PORT "mac: 02:00:00:00:00:02, addresses: [10.0.1.1/24] }\n");
	fprintf(f, "routes:\n");
	if (t->routes > 1)
		fprintf(f, "  - { file: %s }\n", files->routes);
	else
		fprintf(f, "  - { to: default, via: 10.0.1.2 }\n");
	fprintf(f, "neighbors:\n");
	for (uint32_t i = 0; i < HOPS; i++)
		fprintf(f, "  - { address: 10.0.1.%u, mac: 02:00:00:00:01:%02x }\n", 2 + i, 2 + i);
	if (t->rules)
		write_rules(f, t->rules);
	finish(f);
}

void traffic_write(const struct traffic *t, struct traffic_files *files)
{
	struct tuple *tuple = room(t->frames, sizeof *tuple);
	struct prefix *prefix = NULL;

	snprintf(files->folder, sizeof files->folder, "/tmp/bench-forward-XXXXXX");
	if (!mkdtemp(files->folder))
		bench_fail("no folder in /tmp");
	snprintf(files->capture, sizeof files->capture, "%s/in.pcap", files->folder);
	snprintf(files->config, sizeof files->config, "%s/config.yaml", files->folder);
	snprintf(files->routes, sizeof files->routes, "%s/routes", files->folder);
	if (t->routes > 1) {
		prefix = distinct_prefixes(t->routes);
		write_routes(files->routes, prefix, t->routes);
	}
	if (t->rule_traffic)
		tuples_ruled(tuple, t->frames);
	else
		tuples_routed(tuple, t->frames, prefix, t->routes > 1 ? t->routes : 0);
	write_capture(files->capture, t, tuple);
	write_config(t, files);
	free(tuple);
	free(prefix);
}

void traffic_remove(const struct traffic_files *files)
{
	unlink(files->capture);
	unlink(files->config);
	unlink(files->routes);
	rmdir(files->folder);
}
