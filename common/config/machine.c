/* What the machine says of ports that are interfaces of it. */
#include "common/config/check.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void config_take_macs(struct config *c)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; fd >= 0 && i < c->n_ports; i++) {
		struct config_port *p = &c->ports[i];
		const struct mac_addr none = {{0}};
		struct ifreq request = {0};

		if (!epoch_driver_live(p->driver) || memcmp(&p->mac, &none, sizeof none) != 0)
			continue;
		memcpy(request.ifr_name, p->interface.text[0] ? p->interface.text : p->name.text,
		        sizeof p->name.text);
		if (ioctl(fd, SIOCGIFHWADDR, &request) == 0)
			memcpy(&p->mac, request.ifr_hwaddr.sa_data, sizeof p->mac);
	}
	if (fd >= 0)
		close(fd);
}
