#include "services/router/limits.h"

uint64_t limits_bytes(const struct stage_params *params)
{
	(void)params;
	return sizeof(struct limits);
}

static nanos_t *peer_bucket(const struct router_call *c, const struct ip6_addr *peer)
{
	return &c->router->limits->peer[hash_ip6(peer, c->router->params.hash_key) % LIMIT_PEERS];
}

static void take(const struct router_call *c, nanos_t *bucket, struct epoch_rate rate)
{
	if (rate.per_second == 0)
		return;
	journal_touch(c->burst->journal, bucket);
	*bucket = bucket_take(*bucket, rate, c->now);
}

/* Each lane has buckets of its own, with its share of the rate. */
static struct epoch_rate lane_share(const struct router_call *c, struct epoch_rate rate)
{
	uint32_t lanes = c->router->params.lanes;

	if (rate.per_second == 0)
		return rate;
	return (struct epoch_rate){MAX(rate.per_second / lanes, 1u), MAX(rate.burst / lanes, 1u)};
}

bool limit_local(const struct router_call *c, enum epoch_class class)
{
	struct epoch_rate rate = c->epoch->header->limits.local[class];
	nanos_t *bucket = &c->router->limits->local[class];

	if (likely(rate.per_second == 0))
		return true;
	if (class == EPOCH_CLASS_UDP || class == EPOCH_CLASS_TCP || class == EPOCH_CLASS_OTHER)
		rate = lane_share(c, rate);
	if (!bucket_has(*bucket, rate, c->now))
		return false;
	take(c, bucket, rate);
	return true;
}

bool limit_icmp_error(const struct router_call *c, const struct ip6_addr *peer)
{
	const struct epoch_limits *l = &c->epoch->header->limits;
	bool ipv4 = ip6_addr_is_mapped(peer);
	nanos_t *global = &c->router->limits->icmp_error, *mine = peer_bucket(c, peer);

	if (!bucket_has(*global, l->icmp_error, c->now)) {
		burst_count(c->burst, STAT_ICMP_OUT_RATE_LIMIT_GLOBAL, 1);
		return false;
	}
	if (!bucket_has(*mine, l->icmp_error_peer, c->now)) {
		burst_count(
		        c->burst, ipv4 ? STAT_ICMP_OUT_RATE_LIMIT_HOST : STAT_ICMP6_OUT_RATE_LIMIT_HOST, 1);
		return false;
	}
	take(c, global, l->icmp_error);
	take(c, mine, l->icmp_error_peer);
	return true;
}

bool limit_peer(const struct router_call *c, const struct ip6_addr *peer)
{
	struct epoch_rate rate = c->epoch->header->limits.icmp_error_peer;
	nanos_t *mine = peer_bucket(c, peer);

	if (!bucket_has(*mine, rate, c->now))
		return false;
	take(c, mine, rate);
	return true;
}
