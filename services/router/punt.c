#include "services/router/input.h"
#include "services/router/router_internal.h"

static uint8_t *note_of(const struct router_call *c, struct pkt_ref r)
{
	return pool_buffer(c->router->pool, r.index) + CACHE_LINE;
}

void punt(const struct router_call *c, struct pkt_ref r, const struct punt_note *note)
{
	assert(!router_owns_links(c));
	memcpy(note_of(c, r), note, sizeof *note);
	trace(c->burst->trace, r.pkt->trace, TRACE_PUNT, note->why);
	ref_pass(r, out_id(OUT_PUNT, 0));
}

void punt_again(const struct router_call *c, struct pkt_ref r)
{
	punt(c, r, &(struct punt_note){.why = PUNT_AGAIN});
}

static void again(const struct router_call *c, struct pkt_ref r)
{
	if (r.pkt->ethertype == ETHER_TYPE_ARP)
		input_arp(c, r);
	else if (r.pkt->type == PKT_OUTGOING)
		input_tx_one(c, r);
	else if (r.pkt->ethertype == ETHER_TYPE_IPV4)
		input4_again(c, r);
	else if (r.pkt->ethertype == ETHER_TYPE_IPV6)
		input6_again(c, r);
	else
		ref_drop(r, DROP_BAD_DESC);
}

static void punted_error(const struct router_call *c, struct pkt_ref r, const struct punt_note *note)
{
	if (note->reason == DROP_NONE || note->reason >= DROP_REASON_COUNT) {
		ref_drop(r, DROP_BAD_DESC);
		return;
	}
	icmp_error_drop(c, r, note->type, note->code, note->info, (enum drop_reason)note->reason);
}

void punt_input(const struct router_call *c, struct pkt_ref r)
{
	struct punt_note note;

	memcpy(&note, note_of(c, r), sizeof note);
	trace(c->burst->trace, r.pkt->trace, TRACE_PUNTED, note.why);
	if (note.why == PUNT_HOP && epoch_port(c->epoch, r.pkt->out))
		output_hop(c, r, r.pkt->out, &note.next_hop);
	else if (note.why == PUNT_ICMP_ERROR)
		punted_error(c, r, &note);
	else if (note.why == PUNT_AGAIN)
		again(c, r);
	else
		ref_drop(r, DROP_BAD_DESC);
}
