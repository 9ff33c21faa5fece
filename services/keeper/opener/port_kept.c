/* What of a port survives its opener: kept by the keeper, and taken up again. */
#include "services/keeper/opener/port_internal.h"

#include <unistd.h>

void port_keep_own(struct port *p, const struct port_host *host)
{
	struct port_kept kept = {
	        .identity = p->identity,
	        .incarnation = p->incarnation,
	        .space = p->space,
	        .ifindex = p->opened.ifindex,
	        .queues = p->opened.queues,
	        .mode = p->opened.mode,
	        .driver = p->driver,
	        .mtu = p->mtu,
	};
	int fd[OPEN_PARTS];
	uint32_t n = 0;

	memcpy(kept.interface, p->opened.interface, sizeof kept.interface);
	memcpy(kept.why_not, p->opened.why_not, sizeof kept.why_not);
	for (uint32_t i = 0; i < OPEN_PARTS; i++)
		if (p->opened.part[i] >= 0) {
			kept.parts |= 1u << i;
			fd[n++] = p->opened.part[i];
		}
	/* A port without parts (a TAP) is kept as well: any descriptor will do. */
	if (!n)
		fd[n++] = p->opened.queue[0];
	host->keep(host->context, PORT_KEY(p->phys, PORT_SLOT_OWN), &kept, sizeof kept, fd, n);
}

void port_keep(struct port *p, const struct port_host *host)
{
	for (uint32_t q = 0; q < p->opened.queues; q++) {
		int rings[GRANT_FDS_MAX];

		host->keep(host->context, PORT_KEY(p->phys, q), &p->opened.grant[q],
		        sizeof p->opened.grant[q], rings, open_fds(&p->opened, q, rings));
	}
	port_keep_own(p, host);
}

void port_forget(struct port *p, const struct port_host *host)
{
	for (uint32_t q = 0; q < p->opened.queues; q++)
		host->keep(host->context, PORT_KEY(p->phys, q), NULL, 0, NULL, 0);
	host->keep(host->context, PORT_KEY(p->phys, PORT_SLOT_OWN), NULL, 0, NULL, 0);
}

static void resume_own(struct port *p, const struct port_kept *kept, const int *fd, uint32_t n_fds)
{
	uint32_t n = 0;

	p->identity = kept->identity;
	p->incarnation = kept->incarnation;
	p->driver = (enum epoch_driver)kept->driver;
	/* Numbers of interfaces say nothing in another network: that one has vanished. */
	p->opened.ifindex = kept->space == p->space ? kept->ifindex : 0;
	p->opened.queues = p->queues = MIN(kept->queues, LANES_MAX);
	p->opened.mode = kept->mode;
	p->mtu = kept->mtu;
	memcpy(p->opened.interface, kept->interface, sizeof kept->interface - 1);
	memcpy(p->interface, p->opened.interface, sizeof p->interface);
	memcpy(p->opened.why_not, kept->why_not, sizeof kept->why_not - 1);
	for (uint32_t i = 0; i < OPEN_PARTS && n < n_fds; i++)
		if (kept->parts & 1u << i)
			p->opened.part[i] = fd[n++];
	for (; n < n_fds; n++)
		close(fd[n]);
}

void port_resume(struct port *p, uint32_t slot, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	if (slot == PORT_SLOT_OWN && bytes == sizeof(struct port_kept)) {
		resume_own(p, body, fd, n_fds);
	} else if (slot < LANES_MAX && bytes == sizeof(struct grant) && (n_fds == 1 || n_fds == 2)) {
		memcpy(&p->opened.grant[slot], body, bytes);
		p->opened.queue[slot] = fd[0];
		p->opened.urgent[slot] = n_fds == 2 ? fd[1] : -1;
	} else {
		for (uint32_t i = 0; i < n_fds; i++)
			close(fd[i]);
	}
}

void port_resumed(struct port *p)
{
	bool whole = p->identity && p->opened.queues;

	for (uint32_t q = 0; q < p->opened.queues; q++)
		whole &= p->opened.queue[q] >= 0;
	if (whole) {
		p->state = BOARD_PORT_DOWN; /* until the link has been looked at */
		p->word = GRANT_OPEN;
		p->untold = true;
	} else {
		open_close(&p->opened);
		p->identity = 0;
	}
	p->due = 0;
}
