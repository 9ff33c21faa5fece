#include "common/config/compile.h"

#include <stdlib.h>

struct port_id compiler_port_id(const struct compiler *k, const struct config_name *name)
{
	const struct config *c = k->config;
	const struct config_port *p = name->text[0] ? config_port(c, name->text) : NULL;

	if (!p)
		return PORT_NONE;
	return (struct port_id){
	        k->port_id[p->kind == EPOCH_PORT_VLAN ? c->n_ports + (p - c->vlans) : p - c->ports]};
}

uint32_t compiler_text(struct compiler *k, const char *text)
{
	uint32_t n = (uint32_t)strlen(text) + 1, off = k->text.off + k->text.used;

	if (k->base)
		memcpy(k->base + off, text, n);
	else
		k->text.room += n;
	k->text.used += n;
	return off;
}

/* The id that the previous epoch gave to a port of this name and kind. */
static uint32_t previous_id(const struct epoch *previous, const struct config_port *p)
{
	for (uint32_t id = 0; previous && id < previous->n_ports; id++)
		if (previous->ports[id].kind == p->kind &&
		        strcmp(previous->ports[id].name, p->name.text) == 0)
			return id;
	return UINT32_MAX;
}

/* A free id from `first` on, that no port had in the previous epoch where there is one: its packets, and what
 * is known by the id, are about still. */
static uint32_t free_id(const bool *taken, const struct epoch *previous, uint32_t first)
{
	uint32_t end = first < EPOCH_PORT_LO ? EPOCH_PHYS_MAX : EPOCH_PORTS_MAX, id = first;

	while (id < end && (taken[id] || (previous && epoch_port(previous, (struct port_id){(uint16_t)id}))))
		id++;
	if (id < end)
		return id;
	for (id = first; taken[id];)
		id++;
	return id;
}

int compile_ids(struct compiler *k, const struct epoch *previous)
{
	bool taken[EPOCH_PORTS_MAX] = {[EPOCH_PORT_LO] = true};
	uint32_t n = compiler_n_ports(k);

	k->port_id = calloc(n + 1, sizeof *k->port_id);
	if (!k->port_id)
		return -ENOMEM;
	k->n_ports = EPOCH_PORT_LO + 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = previous_id(previous, compiler_port(k, i));

		k->port_id[i] = (uint16_t)id;
		if (id < EPOCH_PORTS_MAX)
			taken[id] = true;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = i < k->config->n_ports ? 0 : EPOCH_PORT_LO + 1;

		if (k->port_id[i] != UINT16_MAX)
			id = k->port_id[i];
		else
			id = free_id(taken, previous, id);
		taken[id] = true;
		k->port_id[i] = (uint16_t)id;
		k->n_ports = MAX(k->n_ports, id + 1);
	}
	return 0;
}

static void count_all(struct compiler *k)
{
	const struct config *c = k->config;
	const struct config_ruleset *sets[] = {&c->rules.ingress, &c->rules.egress};

	k->ports.room = k->n_ports;
	k->addresses.room = 2; /* of lo */
	k->neighbors.room = c->n_neighbors;
	k->neighbor_index.room = epoch_neighbor_slots(c->n_neighbors);
	k->sockets.room = c->n_sockets;
	compiler_text(k, "");
	for (uint32_t i = 0; i < compiler_n_ports(k); i++)
		count_port(k, i);
	for (uint32_t s = 0; s < 2; s++) {
		k->names[s].room = sets[s]->n_rules;
		for (uint32_t i = 0; i < sets[s]->n_rules; i++)
			if (sets[s]->rules[i].name)
				compiler_text(k, sets[s]->rules[i].name);
	}
	k->text.used = 0;
}

static void place(struct compiler *k, struct table *t, uint64_t size)
{
	k->bytes = ALIGN_UP(k->bytes, (uint64_t)CACHE_LINE);
	t->off = (uint32_t)k->bytes;
	k->bytes += t->room * size;
}

static void place_all(struct compiler *k)
{
	k->bytes = sizeof(struct epoch_header);
	place(k, &k->ports, sizeof(struct epoch_port));
	place(k, &k->vlans, sizeof(uint16_t));
	place(k, &k->inner, sizeof(uint16_t));
	place(k, &k->addresses, sizeof(struct epoch_address));
	place(k, &k->groups, sizeof(struct ip6_addr));
	place(k, &k->neighbors, sizeof(struct epoch_neighbor));
	place(k, &k->neighbor_index, sizeof(uint32_t));
	place(k, &k->sockets, sizeof(struct epoch_socket));
	place(k, &k->names[0], sizeof(uint32_t));
	place(k, &k->names[1], sizeof(uint32_t));
	place(k, &k->text, 1);
	k->bytes = ALIGN_UP(k->bytes, (uint64_t)CACHE_LINE);
}

static void compile_neighbors(struct compiler *k)
{
	struct epoch_neighbor *to = (void *)(k->base + k->neighbors.off);

	for (uint32_t i = 0; i < k->config->n_neighbors; i++) {
		const struct config_neighbor *n = &k->config->neighbors[i];

		to[i] = (struct epoch_neighbor){
		        .addr = n->address.addr, .mac = n->mac, .port = compiler_port_id(k, &n->port)};
	}
	epoch_index_neighbors((void *)(k->base + k->neighbor_index.off), to, k->config->n_neighbors);
}

static void compile_sockets(struct compiler *k)
{
	struct epoch_socket *to = (void *)(k->base + k->sockets.off);

	for (uint32_t i = 0; i < k->config->n_sockets; i++) {
		const struct config_socket *s = &k->config->sockets[i];
		const struct ip6_addr any = {0};
		bool both = s->udp.family == 6 && ip6_addr_equal(&s->udp.addr, &any) && !s->ipv6_only &&
		            !s->connect.family;

		to[i] = (struct epoch_socket){
		        .local = s->udp.addr,
		        .remote = s->connect.addr,
		        .local_port = s->udp.l4_port,
		        .remote_port = s->connect.l4_port,
		        .family = both ? 0 : s->udp.family,
		        .app = s->app,
		        .port = compiler_port_id(k, &s->port),
		        .rcvbuf = s->rcvbuf,
		};
		if (s->name)
			strncpy(to[i].name, s->name, sizeof to[i].name - 1);
		if (!s->connect.family && s->udp.family == 4)
			to[i].remote = ip6_addr_mapped((struct be32){0});
	}
}

static void compile_names(struct compiler *k, uint32_t set, const struct config_ruleset *rules)
{
	uint32_t *to = (void *)(k->base + k->names[set].off);

	for (uint32_t i = 0; i < rules->n_rules; i++)
		to[i] = rules->rules[i].name ? compiler_text(k, rules->rules[i].name) : 0;
}

static void set_ports(
        const struct compiler *k, const struct config_name *names, uint32_t n, struct classify_ports *to)
{
	to->n = n;
	for (uint32_t i = 0; i < n; i++)
		to->id[i] = compiler_port_id(k, &names[i]);
}

/* A classifier at the end of the region; where there is no room, *fault is -ENOSPC and its bytes count all
 * the same. */
static struct epoch_span compile_rules(
        struct compiler *k, const struct config_ruleset *set, size_t cap, int *fault)
{
	struct classify_rule *rules = set->n_rules ? calloc(set->n_rules, sizeof *rules) : NULL;
	size_t left = k->base && cap > k->bytes ? cap - k->bytes : 0, used = 0;
	struct epoch_span span = {.off = (uint32_t)k->bytes};
	int err;

	if (set->n_rules == 0 && set->policy == CLASSIFY_PASS)
		return (struct epoch_span){0};
	if (set->n_rules && !rules) {
		*fault = -ENOMEM;
		return span;
	}
	for (uint32_t i = 0; i < set->n_rules; i++) {
		const struct config_rule *r = &set->rules[i];

		rules[i] = r->match;
		rules[i].fields |= (r->n_in ? CLASSIFY_F_IN_PORT : 0) | (r->n_out ? CLASSIFY_F_OUT_PORT : 0);
		set_ports(k, r->in, r->n_in, &rules[i].in_port);
		set_ports(k, r->out, r->n_out, &rules[i].out_port);
	}
	err = classify_build(rules, set->n_rules, (enum classify_verdict)set->policy,
	        left ? k->base + k->bytes : NULL, left, &used);
	free(rules);
	assert(err == 0 || err == -ENOSPC || err == -ENOMEM); /* contradictions were refused at load */
	*fault = err && *fault != -ENOMEM ? err : *fault;
	span.count = (uint32_t)used;
	k->bytes = ALIGN_UP(k->bytes + used, (size_t)CACHE_LINE);
	return span;
}

static struct epoch_span span_of(const struct table *t)
{
	return (struct epoch_span){t->off, t->room};
}

static void compile_tables(struct compiler *k, struct epoch_header *h)
{
	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .ports = span_of(&k->ports),
	        .inner = span_of(&k->inner),
	        .addresses = span_of(&k->addresses),
	        .neighbors = span_of(&k->neighbors),
	        .neighbor_index = span_of(&k->neighbor_index),
	        .sockets = span_of(&k->sockets),
	        .ingress_names = span_of(&k->names[0]),
	        .egress_names = span_of(&k->names[1]),
	        .text = span_of(&k->text),
	        .limits = k->config->limits.v,
	};
	compiler_text(k, "");
	for (uint32_t id = 0; id < k->n_ports; id++) {
		if (id == EPOCH_PORT_LO)
			compile_loopback(k);
		for (uint32_t i = 0; i < compiler_n_ports(k); i++)
			if (k->port_id[i] == id)
				compile_port(k, i);
	}
	compile_vlans(k);
	compile_neighbors(k);
	compile_sockets(k);
	compile_names(k, 0, &k->config->rules.ingress);
	compile_names(k, 1, &k->config->rules.egress);
}

int config_compile(const struct config *c, uint32_t number, const struct epoch *previous, void *region,
        size_t cap, size_t *used)
{
	struct compiler k = {.config = c, .previous = previous};
	struct epoch_header none, *h = &none;
	int fault = compile_ids(&k, previous);

	assert(number > 0);
	*used = 0;
	if (fault)
		return fault;
	count_all(&k);
	place_all(&k);
	if (k.bytes > cap)
		fault = -ENOSPC;
	if (!fault) {
		k.base = region;
		h = region;
		memset(region, 0, k.bytes);
		compile_tables(&k, h);
	}
	h->ingress = compile_rules(&k, &c->rules.ingress, cap, &fault);
	h->egress = compile_rules(&k, &c->rules.egress, cap, &fault);
	h->bytes = k.bytes;
	h->number = number;
	h->adopted = c->adopted_identity;
	free(k.port_id);
	*used = k.bytes;
	if (k.bytes > UINT32_MAX || (k.bytes > cap && !fault))
		fault = -ENOSPC;
	return fault;
}
