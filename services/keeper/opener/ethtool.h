/* ethtool: what of an interface is told and set by ethtool's ioctl.  For the port opener; setting needs
 * CAP_NET_ADMIN. */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_ETHTOOL_H
#define SLUICE_SERVICES_KEEPER_OPENER_ETHTOOL_H

#include "common/base/base.h"

/* Speed in Mbit/s (0: unknown) and enum board_duplex; zero where the interface does not say. */
struct ethtool_speed {
	uint32_t mbps;
	uint8_t duplex;
};

struct ethtool_speed ethtool_speed(const char *interface);

/* Whether received packets are merged (GRO) before a packet socket sees them.  1, 0, or a negative errno. */
[[nodiscard]] int ethtool_gro(const char *interface);
[[nodiscard]] int ethtool_set_gro(const char *interface, bool on);

#endif
