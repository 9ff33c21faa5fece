/* veth_send: the ends of the benchmark: frames of 64 bytes out of one interface as fast as they go, and a
 * hole behind another that swallows them before the kernel looks.
 *
 *     veth_send send INTERFACE DESTINATION-MAC FLOWS     UDP from 192.0.2.2 to 198.51.100.2
 *     veth_send sink INTERFACE                           until it is killed */
#include "services/keeper/bpf.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64u
#define FRAME 60u /* without the frame check sequence */

static uint16_t checksum(const uint8_t *b, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void make_frame(uint8_t *f, const uint8_t to[6], const uint8_t from[6], uint16_t port)
{
	static const uint8_t ip[20] = {
	        0x45, 0, 0, FRAME - 14, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 2, 198, 51, 100, 2};
	uint16_t sum = checksum(ip, sizeof ip);

	memset(f, 0, FRAME);
	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
	f[12] = 8;
	memcpy(f + 14, ip, sizeof ip);
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	f[34] = (uint8_t)(port >> 8);
	f[35] = (uint8_t)port;
	f[37] = 9;
	f[39] = FRAME - 34;
}

static int open_socket(const char *name)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof to) ||
	        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one)) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void send_all(const char *name, const char *mac, uint32_t flows)
{
	static uint8_t frame[1024][64];
	const uint8_t from[6] = {2, 0, 0, 0, 0, 2};
	struct mmsghdr message[BATCH] = {0};
	struct iovec v[BATCH];
	uint32_t next = 0;
	uint8_t to[6];
	int fd = open_socket(name);

	for (int i = 0; i < 6; i++)
		to[i] = (uint8_t)strtoul(mac + 3 * i, NULL, 16);
	for (uint32_t i = 0; i < flows; i++)
		make_frame(frame[i], to, from, (uint16_t)(1024 + i));
	for (;;) {
		for (uint32_t i = 0; i < BATCH; i++) {
			v[i] = (struct iovec){frame[next++ % flows], FRAME};
			message[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
		}
		(void)sendmmsg(fd, message, BATCH, 0);
	}
}

/* A program that sends frames to sockets drops them where there are none. */
static void sink(const char *name)
{
	int map = bpf_xskmap(1), program = map < 0 ? map : bpf_load_redirect(map, false);
	int link = program < 0 ? program : bpf_link_xdp(program, if_nametoindex(name), XDP_FLAGS_DRV_MODE);

	if (link < 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(-link));
		exit(1);
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		send_all(argv[2], argv[3], (uint32_t)(1 + (strtoul(argv[4], NULL, 10) - 1) % 1024));
	else if (argc == 3 && !strcmp(argv[1], "sink"))
		sink(argv[2]);
	return 2;
}
