#include "services/keeper/opener/ethtool.h"

#include "common/board/board.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int call(const char *interface, void *data)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq request = {.ifr_data = data};

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, interface, strnlen(interface, sizeof request.ifr_name - 1));
	if (ioctl(fd, SIOCETHTOOL, &request))
		err = -errno;
	close(fd);
	return err;
}

struct ethtool_speed ethtool_speed(const char *interface)
{
	/* The first call tells by a negative count how many words the masks behind take. */
	union {
		struct ethtool_link_settings s;
		uint8_t room[sizeof(struct ethtool_link_settings) + 3 * 128 * sizeof(uint32_t)];
	} link = {.s = {.cmd = ETHTOOL_GLINKSETTINGS}};
	struct ethtool_speed speed = {0};

	if (call(interface, &link) || link.s.link_mode_masks_nwords >= 0)
		return speed;
	link.s.link_mode_masks_nwords = (int8_t)-link.s.link_mode_masks_nwords;
	link.s.cmd = ETHTOOL_GLINKSETTINGS;
	if (call(interface, &link))
		return speed;
	speed.mbps = link.s.speed == (uint32_t)SPEED_UNKNOWN ? 0 : link.s.speed;
	speed.duplex = link.s.duplex == DUPLEX_FULL   ? BOARD_DUPLEX_FULL
	               : link.s.duplex == DUPLEX_HALF ? BOARD_DUPLEX_HALF
	                                              : BOARD_DUPLEX_UNKNOWN;
	return speed;
}

int ethtool_gro(const char *interface)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GGRO};
	int err = call(interface, &value);

	return err ? err : value.data != 0;
}

int ethtool_set_gro(const char *interface, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = on};

	return call(interface, &value);
}
