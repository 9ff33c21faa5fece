/* What the board shows of a port. */
#include "services/keeper/opener/port_internal.h"

#include "services/keeper/opener/ethtool.h"

#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <sys/socket.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static void count_xdp(const struct port *p, struct board_port *b)
{
	for (uint32_t q = 0; q < p->opened.queues; q++) {
		struct xdp_statistics s = {0}, urgent = {0};
		socklen_t bytes = sizeof s;

		if (getsockopt(p->opened.queue[q], SOL_XDP, XDP_STATISTICS, &s, &bytes) ||
		        getsockopt(p->opened.urgent[q], SOL_XDP, XDP_STATISTICS, &urgent, &bytes))
			continue;
		b->urgent_dropped += urgent.rx_dropped + urgent.rx_ring_full;
		b->rx_dropped += s.rx_dropped;
		b->rx_ring_full += s.rx_ring_full;
		b->rx_fill_empty += s.rx_fill_ring_empty_descs;
		b->rx_errors += s.rx_invalid_descs;
		b->tx_errors += s.tx_invalid_descs;
	}
}

/* Drops since it was last asked. */
static uint32_t packet_drops(int fd)
{
	struct tpacket_stats_v3 s = {0};
	socklen_t bytes = sizeof s;

	return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &bytes) ? 0 : s.tp_drops;
}

static void count_packet(struct port *p, struct board_port *b)
{
	for (uint32_t q = 0; q < p->opened.queues; q++) {
		p->packet_drops += packet_drops(p->opened.queue[q]);
		p->urgent_drops += packet_drops(p->opened.urgent[q]);
	}
	b->rx_ring_full += p->packet_drops;
	b->urgent_dropped += p->urgent_drops;
}

static void count(struct port *p, struct board_port *b)
{
	b->rx_dropped = b->rx_ring_full = b->rx_fill_empty = b->urgent_dropped = 0;
	b->rx_errors = p->link.rx_errors;
	b->tx_errors = p->link.tx_errors;
	b->tx_dropped = p->link.tx_dropped;
	b->changes = p->link.changes;
	if (p->driver == EPOCH_DRIVER_AF_XDP)
		count_xdp(p, b);
	else if (p->driver == EPOCH_DRIVER_AF_PACKET)
		count_packet(p, b);
}

void port_show(struct port *p, const struct port_host *host)
{
	struct ethtool_speed speed = p->link.ifindex ? ethtool_speed(p->link.name)
	                                             : (struct ethtool_speed){0};
	struct board_port *b = host->board(host->context, p->phys);

	board_port_begin(b);
	b->state = p->state;
	memcpy(b->name, p->want.name, sizeof b->name);
	b->driver = p->identity ? p->driver : p->want.wish.driver;
	b->mode = p->identity ? p->opened.mode : 0;
	b->incarnation = p->identity ? p->incarnation : 0;
	b->ifindex = p->link.ifindex;
	b->mtu = p->link.mtu;
	b->mac = p->link.mac;
	b->carrier = p->link.carrier;
	b->duplex = speed.duplex;
	b->speed_mbps = speed.mbps;
	b->queues = p->identity ? p->opened.queues : 0;
	snprintf(b->mode_name, sizeof b->mode_name, "%s", p->identity ? open_mode_name(p->opened.mode) : "");
	snprintf(b->reason, sizeof b->reason, "%.95s", p->reason);
	snprintf(b->why_not, sizeof b->why_not, "%s", p->identity ? p->opened.why_not : "");
	if (p->identity)
		count(p, b);
	board_port_end(b);
}

void port_show_nothing(struct port *p, const struct port_host *host)
{
	struct board_port *b = host->board(host->context, p->phys);

	if (!b->name[0])
		return;
	board_port_begin(b);
	memset((uint8_t *)b + sizeof b->seq, 0, sizeof *b - sizeof b->seq);
	board_port_end(b);
}
