/* drivers: which there are. */
#include "services/ingest/ports.h"

const struct nic_ops *ports_driver(uint32_t driver)
{
	switch ((enum epoch_driver)driver) {
	case EPOCH_DRIVER_PCAP: return &nic_pcap;
	case EPOCH_DRIVER_LOOP: return &nic_loop;
	case EPOCH_DRIVER_AF_XDP: return &nic_xdp;
	case EPOCH_DRIVER_AF_PACKET: return &nic_packet;
	case EPOCH_DRIVER_TAP: return &nic_tap;
	case EPOCH_DRIVER_NONE: break;
	}
	return NULL;
}
