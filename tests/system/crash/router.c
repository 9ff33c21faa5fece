/* The router that is shipped, with two bugs: it dies of a datagram for UDP port 6666, at the end of the burst
 * that has it, and of the timer by which a neighbor whose address ends in 66 is found missing. */
#include "common/host/host.h"
#include "common/wire/ipv4.h"
#include "services/router/router.h"
#include "services/router/router_internal.h"

#include <stdlib.h>

#define POISON_PORT 6666u
#define POISON_HOST 66u

static const struct ipv4_hdr *ipv4_of(const struct pkt *p, const uint8_t *frame)
{
	return p->ethertype == ETHER_TYPE_IPV4 ? (const struct ipv4_hdr *)(frame + p->l3_off) : NULL;
}

static bool is_poison(const struct pkt *p, const uint8_t *frame)
{
	const struct ipv4_hdr *ip = ipv4_of(p, frame);
	const uint8_t *udp = frame + p->l3_off + IPV4_HDR_LEN;

	return ip && p->len >= p->l3_off + IPV4_HDR_LEN + 8u && ip->proto == 17 &&
	       (udp[2] << 8 | udp[3]) == POISON_PORT;
}

static void burst_and_die(void *worker, const struct epoch *epoch, nanos_t now, struct burst *b)
{
	volatile uint8_t *nowhere = NULL;
	bool dies = false;

	for (uint32_t i = 0; i < b->n; i++)
		dies |= is_poison(&b->pkt[i], b->frame[i]);
	router_stage.burst(worker, epoch, now, b);
	if (dies)
		*nowhere = 1;
}

static void (*unreachable)(
        void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref packet);

static void report_and_die(
        void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref r)
{
	const struct ipv4_hdr *ip = ipv4_of(r.pkt, *r.frame);

	unreachable(ctx, epoch, now, burst, r);
	if (ip && be32_to_host(ip->dst) % 256 == POISON_HOST)
		abort();
}

static int attach(const struct stage_env *env, void **worker)
{
	int err = router_stage.attach(env, worker);
	struct router *r = *worker;

	if (err || env->lane)
		return err;
	unreachable = r->neighbor.hooks.unreachable;
	r->neighbor.hooks.unreachable = report_and_die;
	return 0;
}

int main(void)
{
	struct stage_ops ops = router_stage;

	ops.attach = attach;
	ops.burst = burst_and_die;
	return host_main(&(struct host){.ops = &ops, .stage = STAGE_ROUTER, .calls = CAGE_STAGE});
}
