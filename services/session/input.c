#include "services/session/state.h"

static void packet_input(const struct session_call *c, uint32_t i, uint32_t n)
{
	const struct chain *chain = &c->s->chain;
	struct segment seg;
	struct arrival a = {i, n, chain, &seg};

	if (!segment_read(&c->b->pkt[i], c->b->frame[i], chain, &seg)) {
		burst_drop(c->b, i, DROP_BAD_DESC);
		return;
	}
	switch (seg.proto) {
	case IP_PROTO_UDP: udp_input(c, &a); return;
	case IP_PROTO_TCP: tcp_input(c, &a); return;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6: icmp_error_input(c, &a); return;
	}
	burst_drop(c->b, i, DROP_IP_NOPROTO);
}

void input_burst(const struct session_call *c)
{
	struct burst *b = c->b;

	for (uint32_t i = 0, n; i < b->n; i += n) {
		n = chain_of_burst(&c->s->chain, b, i, b->pkt[i].l4_off);
		packet_input(c, i, n);
		for (uint32_t k = 1; k < n; k++)
			b->verdict[i + k] = b->verdict[i];
	}
}
