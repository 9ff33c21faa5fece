/* facts_port: what the kernel says of an interface. */
#include "services/cli/doctor/facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One of ethtool's questions; `ask` begins with its number.  false: the driver does not answer. */
static bool ethtool(int fd, const char *name, void *ask)
{
	struct ifreq request = {.ifr_data = ask};

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

static void ask_driver(struct doctor_port *p, int fd)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_ringparam rings = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_channels queues = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};

	if (ethtool(fd, p->interface, &driver))
		snprintf(p->kernel_driver, sizeof p->kernel_driver, "%s", driver.driver);
	if (ethtool(fd, p->interface, &rings)) {
		p->rx_ring = rings.rx_pending;
		p->rx_ring_max = rings.rx_max_pending;
	}
	if (ethtool(fd, p->interface, &queues)) {
		p->queues = queues.combined_count + queues.rx_count;
		p->queues_max = MAX(queues.max_combined, queues.max_rx);
	}
	if (ethtool(fd, p->interface, &flags))
		p->lro = flags.data & ETH_FLAG_LRO;
}

static void ask_flags(struct doctor_port *p, int fd)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", p->interface);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return;
	p->exists = true;
	p->up = request.ifr_flags & IFF_UP;
	p->carrier = request.ifr_flags & IFF_RUNNING;
}

/* ---- netlink: the attached program ---- */

static uint32_t nested_u32(const struct rtattr *nest, uint16_t type)
{
	const struct rtattr *a = RTA_DATA(nest);

	for (int len = (int)RTA_PAYLOAD(nest); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == type && RTA_PAYLOAD(a) >= sizeof(uint32_t))
			return *(const uint32_t *)RTA_DATA(a);
	return 0;
}

static uint32_t program_of(const struct nlmsghdr *answer)
{
	const struct rtattr *a = IFLA_RTA(NLMSG_DATA(answer));

	if (answer->nlmsg_type != RTM_NEWLINK)
		return 0;
	for (int len = (int)IFLA_PAYLOAD(answer); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			return nested_u32(a, IFLA_XDP_PROG_ID);
	return 0;
}

static uint32_t attached_program(uint32_t ifindex)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST, 1, 0}, {.ifi_index = (int)ifindex}};
	_Alignas(struct nlmsghdr) uint8_t answer[16384];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = -1;

	if (fd >= 0 && send(fd, &ask, sizeof ask, 0) == sizeof ask)
		n = recv(fd, answer, sizeof answer, 0);
	if (fd >= 0)
		close(fd);
	return n > 0 && NLMSG_OK((struct nlmsghdr *)answer, (uint32_t)n)
	               ? program_of((struct nlmsghdr *)answer)
	               : 0;
}

/* ---- who else uses it ---- */

/* Whether an address in text is one of the interface's. */
static bool same_address(const struct sockaddr *a, const char *text)
{
	char own[INET6_ADDRSTRLEN] = "";

	if (a->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, own, sizeof own);
	else if (a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, own,
		        sizeof own);
	return *own && strcmp(own, text) == 0;
}

/* sshd says: CLIENT PORT SERVER PORT. */
static void ask_addresses(struct doctor_port *p)
{
	const char *ssh = getenv("SSH_CONNECTION");
	char here[INET6_ADDRSTRLEN] = "";
	struct ifaddrs *all = NULL;

	if (ssh)
		(void)!sscanf(ssh, "%*s %*s %45s", here);
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (strcmp(a->ifa_name, p->interface) != 0 || !a->ifa_addr ||
		        (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
			continue;
		p->addresses++;
		p->login |= *here && same_address(a->ifa_addr, here);
	}
	freeifaddrs(all);
}

/* Of the main table: destination and mask are zero. */
static bool leads_default(const char *name)
{
	FILE *file = fopen("/proc/net/route", "re");
	bool leads = false;
	size_t len = strlen(name);
	char line[256];

	while (file && fgets(line, sizeof line, file))
		leads |= !strncmp(line, name, len) && line[len] == '\t' && facts_number(line, 1, 16) == 0 &&
		         facts_number(line, 7, 16) == 0;
	if (file)
		(void)fclose(file);
	return leads;
}

static const char *manager_of(uint32_t ifindex)
{
	char path[96], line[128];
	const char *manager = NULL;
	FILE *file;

	snprintf(path, sizeof path, "/run/NetworkManager/devices/%u", ifindex);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, "managed=true", 12))
			manager = "NetworkManager";
	if (file)
		(void)fclose(file);
	snprintf(path, sizeof path, "/run/systemd/netif/links/%u", ifindex);
	file = manager ? NULL : fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, "ADMIN_STATE=config", 18))
			manager = "systemd-networkd";
	if (file)
		(void)fclose(file);
	return manager;
}

static void ask_place(struct doctor_port *p)
{
	char path[96], text[256];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof path, "/sys/class/net/%s/device/numa_node", p->interface);
	facts_line(path, text, sizeof text);
	p->node = *text ? (int32_t)strtol(text, NULL, 10) : -1;
	p->nodes = access("/sys/devices/system/node/node1", F_OK) ? 1 : 2;
	snprintf(path, sizeof path, "/sys/class/net/%s/master", p->interface);
	n = readlink(path, text, sizeof text - 1);
	if (n < 0)
		return;
	text[n] = 0;
	slash = strrchr(text, '/');
	snprintf(p->master, sizeof p->master, "%.15s", slash ? slash + 1 : text);
}

void facts_port(struct doctor_port *p)
{
	uint32_t ifindex = if_nametoindex(p->interface);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && ifindex) {
		ask_flags(p, fd);
		ask_driver(p, fd);
		ask_addresses(p);
		ask_place(p);
		p->default_route = leads_default(p->interface);
		p->manager = manager_of(ifindex);
		p->xdp_program = attached_program(ifindex);
	}
	if (fd >= 0)
		close(fd);
}
