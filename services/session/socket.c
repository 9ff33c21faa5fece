#include "services/session/state.h"

bool address_is_any(const struct ip6_addr *a)
{
	struct ip6_addr any4 = ip6_addr_mapped((struct be32){0});

	return !(load_u64(a->b) | load_u64(a->b + 8)) || ip6_addr_equal(a, &any4);
}

/* By local address and port, as Linux's second hash of UDP sockets; :: and 0.0.0.0 are the same there. */
static uint32_t bucket_of(const struct session *s, const struct ip6_addr *local, uint16_t port)
{
	static const struct ip6_addr any;
	uint64_t hash = hash_ip6(address_is_any(local) ? &any : local, s->env.params->hash_key + port);

	return (uint32_t)(hash >> 32) % SESSION_BUCKETS;
}

uint32_t socket_bucket(const struct session *s, const struct epoch_socket *conf)
{
	return bucket_of(s, &conf->local, conf->local_port);
}

bool socket_same_binding(const struct epoch_socket *a, const struct epoch_socket *b)
{
	return ip6_addr_equal(&a->local, &b->local) && ip6_addr_equal(&a->remote, &b->remote) &&
	       a->local_port == b->local_port && a->remote_port == b->remote_port && a->family == b->family &&
	       port_id_equal(a->port, b->port);
}

struct session_socket *socket_find(struct session *s, const struct epoch_socket *conf)
{
	struct session_socket *sk = socket_at(s, s->state->bucket[socket_bucket(s, conf)]);

	while (sk && (sk->app || !socket_same_binding(&sk->conf, conf)))
		sk = socket_at(s, sk->hash_next);
	return sk;
}

/* Whether the socket's binding lets the flow's packets in, its local address apart. */
static bool binding_fits(const struct epoch_socket *k, const struct flow *flow)
{
	if (k->local_port != flow->dport || k->family == (flow->ipv6 ? 4 : 6))
		return false;
	if (!address_is_any(&k->remote) && !ip6_addr_equal(&k->remote, &flow->src))
		return false;
	if (k->remote_port && k->remote_port != flow->sport)
		return false;
	return port_id_equal(k->port, PORT_NONE) || port_id_equal(k->port, flow->port);
}

/* Linux compute_score: what is connected goes before what is not, then what is bound to a device; of IPv4 a
 * socket of its own before one of both families. */
static int binding_score(const struct epoch_socket *k, const struct flow *flow)
{
	int score = !flow->ipv6 && k->family == 4;

	score += address_is_any(&k->remote) ? 0 : 4;
	score += k->remote_port ? 4 : 0;
	return score + (port_id_equal(k->port, PORT_NONE) ? 0 : 4);
}

/* Of two that fit as well: the configuration's before an application's, then the older. */
static bool goes_before(const struct session_socket *a, const struct session_socket *b)
{
	if (!a->app != !b->app)
		return !a->app;
	return a < b;
}

/* Whether the packet's epoch has the socket; those of applications are in none. */
static bool is_there(const struct session_call *c, const struct session_socket *sk)
{
	const struct socket_epochs *e = &c->s->epochs[socket_ref(c->s, sk) - 1];
	uint32_t newest = c->s->adopting, number = c->epoch->number;

	return sk->app || (number >= e->since && (number < newest || e->seen >= 2 * newest));
}

static struct session_socket *best_of(
        const struct session_call *c, const struct flow *flow, const struct ip6_addr *local, bool any)
{
	struct session *s = c->s;
	struct session_socket *best = NULL,
	                      *sk = socket_at(s, s->state->bucket[bucket_of(s, local, flow->dport)]);
	int best_score = 0;

	for (; sk; sk = socket_at(s, sk->hash_next)) {
		int score;

		if (any ? !address_is_any(&sk->conf.local) : !ip6_addr_equal(&sk->conf.local, local))
			continue;
		if (!binding_fits(&sk->conf, flow) || !is_there(c, sk))
			continue;
		score = binding_score(&sk->conf, flow);
		if (!best || score > best_score || (score == best_score && goes_before(sk, best))) {
			best = sk;
			best_score = score;
		}
	}
	return best;
}

struct session_socket *socket_lookup(const struct session_call *c, const struct flow *flow)
{
	static const struct ip6_addr any;
	struct session_socket *sk = best_of(c, flow, &flow->dst, false);

	return sk ? sk : best_of(c, flow, &any, true);
}

/* Linux __udp_is_mcast_sock. */
static bool is_member(const struct session_call *c, const struct session_socket *sk, const struct flow *flow)
{
	return (address_is_any(&sk->conf.local) || ip6_addr_equal(&sk->conf.local, &flow->dst)) &&
	       binding_fits(&sk->conf, flow) && is_there(c, sk);
}

static struct session_socket *first_member(
        const struct session_call *c, const struct flow *flow, uint32_t ref)
{
	struct session_socket *sk = socket_at(c->s, ref);

	while (sk && !is_member(c, sk, flow))
		sk = socket_at(c->s, sk->hash_next);
	return sk;
}

/* Those bound to the group stand in one bucket, those bound to no address in another, or in the same. */
struct session_socket *socket_next_member(
        const struct session_call *c, const struct flow *flow, const struct session_socket *after)
{
	static const struct ip6_addr any;
	struct session *s = c->s;
	const uint32_t *bucket = s->state->bucket;
	uint32_t exact = bucket_of(s, &flow->dst, flow->dport), wild = bucket_of(s, &any, flow->dport);
	struct session_socket *sk = first_member(c, flow, after ? after->hash_next : bucket[exact]);

	if (sk || exact == wild || (after && socket_bucket(s, &after->conf) == wild))
		return sk;
	return first_member(c, flow, bucket[wild]);
}
