/* wants: what an epoch wants of each physical port.
 *
 *     wants_read(&wants, appliance, number);     0: wants.port[] is what epoch `number` wants
 *
 * Control writes epochs at any time and is not trusted with the opener's rights: what is read here is a copy,
 * checked.  For the port opener; one thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_WANTS_H
#define SLUICE_SERVICES_KEEPER_OPENER_WANTS_H

#include "common/stage/appliance.h"
#include "services/keeper/opener/port.h"

struct wants {
	struct port_want port[EPOCH_PHYS_MAX]; /* by number; identity 0: no live port */
	struct nic_settings settings;          /* room to read those of one */
};

/* 0; -EINVAL: that epoch is not there (any more), or broken; -ENOMEM. */
[[nodiscard]] int wants_read(struct wants *wants, const struct appliance *a, uint32_t number);

#endif
