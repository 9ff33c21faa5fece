/* port: what stands between an interface and an appliance that is to own it. */
#include "services/cli/doctor/doctor.h"

#include <stdio.h>

/* Drivers of Linux 6.1 that run XDP programs themselves (grep XDP_SETUP_PROG drivers/net). */
static const char *const native[] = {"atlantic", "bnxt_en", "bonding", "cpsw", "ena", "fsl_dpa",
        "fsl_dpaa2_eth", "fsl_enetc", "funeth", "gve", "hv_netvsc", "i40e", "ice", "igb", "igc", "ixgbe",
        "ixgbevf", "mana", "mlx4_en", "mlx5_core", "mtk_soc_eth", "mvneta", "mvpp2", "netsec", "nfp", "nicvf",
        "qede", "rvu-nicpf", "sfc", "st_gmac", "tsnep", "tun", "veth", "vif", "virtio_net"};

static bool runs_xdp(const char *driver)
{
	for (uint32_t i = 0; i < ARRAY_LEN(native); i++)
		if (!strcmp(native[i], driver))
			return true;
	return false;
}

static void check_others(struct doctor_report *r, const struct doctor_port *p, const char *about)
{
	if (p->login) {
		doctor_add(
		        r, DOCTOR_MISSING, about, "this session's connection comes over it, and would end");
		doctor_mend(r, "log in by another interface, or leave %s out of the configuration", p->name);
	} else if (p->default_route) {
		doctor_add(
		        r, DOCTOR_MISSING, about, "the machine's default route leads over it, and would end");
		doctor_mend(r, "ip route replace default via GATEWAY dev OTHER, or leave %s out", p->name);
	}
	if (*p->master) {
		doctor_add(
		        r, DOCTOR_MISSING, about, "it is a part of %s, which takes its packets", p->master);
		doctor_mend(r, "ip link set %s nomaster", p->interface);
	}
	if (p->manager) {
		doctor_add(r, DOCTOR_SLOW, about, "%s configures it too, and may take it down", p->manager);
		if (!strcmp(p->manager, "NetworkManager"))
			doctor_mend(r, "nmcli device set %s managed no", p->interface);
		else
			doctor_mend(r,
			        "Unmanaged=yes under [Link] of its .network file, then: networkctl reload");
	}
	if (p->xdp_program && !p->owned) {
		doctor_add(r, DOCTOR_MISSING, about, "another's XDP program, %u, is attached to it",
		        p->xdp_program);
		doctor_mend(r, "bpftool prog show id %u tells whose; ip link set %s xdp off", p->xdp_program,
		        p->interface);
	}
	if (p->addresses && !p->owned && !p->login && !p->default_route)
		doctor_add(r, DOCTOR_OK, about,
		        "the kernel's %u address%s on it will be silent while Sluice has it", p->addresses,
		        p->addresses == 1 ? "" : "es");
}

static void check_driver(struct doctor_report *r, const struct doctor_port *p, const char *about)
{
	if (p->driver != EPOCH_DRIVER_AF_XDP)
		return;
	if (runs_xdp(p->kernel_driver)) {
		doctor_add(r, DOCTOR_OK, about, "its driver, %s, runs XDP itself", p->kernel_driver);
		return;
	}
	doctor_add(r, DOCTOR_SLOW, about, "its driver, %s, does not run XDP: the kernel does, behind it",
	        *p->kernel_driver ? p->kernel_driver : "unknown");
	doctor_mend(r, "nothing where the interface has to stay; generic mode works, and costs a copy");
}

static void check_rings(struct doctor_report *r, const struct doctor_port *p, const char *about)
{
	if (p->rx_ring && p->rx_ring < p->rx_ring_max) {
		doctor_add(r, DOCTOR_SLOW, about,
		        "its receive ring has %u places of %u: bursts may overflow it", p->rx_ring,
		        p->rx_ring_max);
		doctor_mend(r, "ethtool -G %s rx %u", p->interface, p->rx_ring_max);
	}
	if (p->queues_max > p->queues && p->queues) {
		doctor_add(r, DOCTOR_SLOW, about, "%u of its %u queues are in use", p->queues, p->queues_max);
		doctor_mend(r, "ethtool -L %s combined %u, and as many lanes", p->interface, p->queues_max);
	}
	if (p->lro) {
		doctor_add(
		        r, DOCTOR_SLOW, about, "it merges received packets (LRO), which no router forwards");
		doctor_mend(r, "ethtool -K %s lro off", p->interface);
	}
	if (p->nodes > 1 && p->node >= 0) {
		doctor_add(r, DOCTOR_OK, about,
		        "it is on NUMA node %d; appliance.cores should name its processors", p->node);
	}
}

void doctor_port(struct doctor_report *r, const struct doctor_port *p)
{
	char about[40];

	snprintf(about, sizeof about, "port %s", p->name);
	if (p->driver == EPOCH_DRIVER_NONE) {
		doctor_add(r, DOCTOR_MISSING, about, "it has no driver: only sluice replay gives it packets");
		doctor_mend(
		        r, "driver: af_xdp (or af_packet, tap) below ports.%s in the configuration", p->name);
		return;
	}
	if (!p->exists && p->driver == EPOCH_DRIVER_TAP) {
		doctor_add(r, DOCTOR_OK, about, "it will be made");
		return;
	}
	if (!p->exists) {
		doctor_add(
		        r, DOCTOR_MISSING, about, "there is no interface %s on this machine", p->interface);
		doctor_mend(
		        r, "ip -br link shows which there are; the port comes up by itself when it appears");
		return;
	}
	if (p->up && !p->carrier) {
		doctor_add(r, DOCTOR_MISSING, about, "it has no carrier");
		doctor_mend(r, "plug it in, or set the other end up; ethtool %s tells more", p->interface);
	} else {
		doctor_add(r, DOCTOR_OK, about, "%s",
		        p->up ? "it is there, with a carrier" : "it is there; Sluice sets it up");
	}
	check_others(r, p, about);
	check_driver(r, p, about);
	check_rings(r, p, about);
}
