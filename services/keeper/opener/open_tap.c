/* open_tap: a port by TAP: the other end is an interface of the kernel, made here unless there is one.
 *
 * No offload is offered, so that the kernel sends whole checksums and no large segments; what we send may
 * have partial ones, which the virtio header says. */
#include "services/keeper/opener/open.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int say(int err, const char *what, const struct open_wish *w, char *error)
{
	snprintf(error, OPEN_ERROR_BYTES, "%s of TAP %s: %s%s", what, w->interface, strerror(-err),
	        err == -EBUSY ? " (another program has it)" : "");
	return err;
}

static int open_queue(struct opened *o, uint32_t q, const struct open_wish *w, char *error)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
	                                             (w->queues > 1 ? IFF_MULTI_QUEUE : 0))};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), bytes = sizeof(struct virtio_net_hdr);

	if (fd < 0)
		return say(-errno, "opening /dev/net/tun", w, error);
	o->queue[q] = fd;
	memcpy(request.ifr_name, w->interface, sizeof request.ifr_name);
	if (ioctl(fd, TUNSETIFF, &request))
		return say(-errno, "making", w, error);
	if (ioctl(fd, TUNSETVNETHDRSZ, &bytes) || ioctl(fd, TUNSETOFFLOAD, 0))
		return say(-errno, "the headers", w, error);
	memcpy(o->interface, request.ifr_name, sizeof o->interface);
	o->ifindex = if_nametoindex(o->interface);
	o->grant[q].tap.vnet_hdr_len = (uint32_t)bytes;
	return 0;
}

int open_tap(struct opened *o, const struct open_wish *w, char *error)
{
	o->mode = GRANT_MODE_NONE;
	snprintf(o->why_not, sizeof o->why_not, "a TAP has no ring of its own for the control class");
	for (uint32_t q = 0; q < w->queues; q++) {
		int err = open_queue(o, q, w, error);

		if (err)
			return err;
	}
	o->queues = w->queues;
	return 0;
}
