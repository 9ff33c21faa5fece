/* load_send: frames of 64 bytes out of one interface as fast as they go, or at a rate, and a hole behind
 * another that swallows them before the kernel looks.
 *
 *     load_send send INTERFACE DESTINATION-MAC FLOWS [RATE]   UDP from 192.0.2.2 to 198.51.100.2
 *     load_send sink INTERFACE                                swallows UDP; until it is killed
 *
 * The sender runs an XDP program on frames of the kernel's making (BPF_PROG_TEST_RUN with live frames, Linux
 * 5.18), which redirects them to the interface: no system call and no socket buffer a packet, so that who
 * forwards is the limit, and not who sends.  FLOWS is a power of two.
 *
 * RATE is in frames a second: a token bucket is filled as time passes and emptied in one burst every TICK_NS;
 * it holds BUCKET_NS' worth, so that after a pause no more than that comes at once. */
#include "services/keeper/opener/bpf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH    64u
#define REPEAT   (1u << 20) /* frames a call */
#define FRAME    60u        /* without the frame check sequence */
#define SRC_PORT 34
#define LOOPBACK 1 /* the interface that such frames are said to come from */

#define TICK_NS   500000
#define BUCKET_NS 20000000u

#define TC_PASS (-1) /* TCX_NEXT */
#define TC_DROP 2    /* TC_ACT_SHOT */

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

/* Puts back what whoever forwards a frame changes in it in place: its page comes round again. */
#define PUT_BACK(frame, at)                                                                                  \
	{                                                                                                    \
		.code = BPF_ST | BPF_MEM, .dst_reg = BPF_REG_6, .off = (at),                                 \
		.imm = (int32_t)load_u32((frame) + (at))                                                     \
	}

static int load_sender(uint32_t ifindex, const uint8_t *frame, uint32_t flows)
{
	const struct bpf_insn insns[] = {
	        /* what the interface itself has received, and not this call, goes on */
	        {.code = BPF_LDX | BPF_MEM,
	                .dst_reg = BPF_REG_2,
	                .src_reg = BPF_REG_1,
	                .off = offsetof(struct xdp_md, ingress_ifindex)},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	        {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2, .off = 16, .imm = LOOPBACK},
	        /* r6 = data; where the frame is too short for the verifier's liking it is dropped */
	        {.code = BPF_LDX | BPF_MEM, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
	        {.code = BPF_LDX | BPF_MEM, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1, .off = 4},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_6},
	        {.code = BPF_ALU64 | BPF_ADD, .dst_reg = BPF_REG_3, .imm = FRAME},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP},
	        {.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_2, .off = 10},
	        PUT_BACK(frame, 0), /* MAC addresses */
	        PUT_BACK(frame, 4),
	        PUT_BACK(frame, 8),
	        PUT_BACK(frame, 22), /* TTL and header checksum */
	        /* source port = random % flows */
	        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32},
	        {.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = BPF_REG_0, .imm = (int32_t)flows - 1},
	        {.code = BPF_STX | BPF_MEM | BPF_B,
	                .dst_reg = BPF_REG_6,
	                .src_reg = BPF_REG_0,
	                .off = SRC_PORT + 1},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int32_t)ifindex},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
	        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
	        {.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr load = {
	        .prog_type = BPF_PROG_TYPE_XDP,
	        .insns = (uintptr_t)insns,
	        .insn_cnt = ARRAY_LEN(insns),
	        .license = (uintptr_t) "GPL",
	};

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
}

_Noreturn static void give_up(const char *what)
{
	fprintf(stderr, "load_send: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_burst(union bpf_attr *run, uint32_t frames)
{
	run->test.repeat = frames;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, run, sizeof *run))
		give_up("BPF_PROG_TEST_RUN");
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Tokens are frames times 10^9, so that none is lost in a division.  The program stays on the interface: one
 * that is on none the kernel puts in its place at each call, which takes tens of milliseconds. */
_Noreturn static void send_paced(union bpf_attr *run, uint32_t ifindex, uint64_t rate)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	uint64_t before = now_ns(), tokens = 0;

	if (bpf_link_xdp((int)run->test.prog_fd, ifindex, XDP_FLAGS_DRV_MODE) < 0)
		give_up("the program cannot be on the interface");
	for (;;) {
		uint64_t now = now_ns();
		uint32_t n;

		tokens = MIN(tokens + (now - before) * rate, BUCKET_NS * rate);
		before = now;
		n = (uint32_t)(tokens / 1000000000u);
		if (n)
			send_burst(run, n);
		tokens -= n * 1000000000ull;
		nanosleep(&tick, NULL);
	}
}

_Noreturn static void send_all(const char *name, const char *mac, uint32_t flows, uint64_t rate)
{
	const uint8_t from[6] = {2, 0, 0, 0, 0, 2};
	uint32_t ifindex = if_nametoindex(name);
	uint8_t frame[FRAME], to[6];
	union bpf_attr run;

	for (int i = 0; i < 6; i++)
		to[i] = (uint8_t)strtoul(mac + 3 * i, NULL, 16);
	make_frame(frame, to, from, 1024);
	run = (union bpf_attr){.test = {
	                               .prog_fd = (uint32_t)load_sender(ifindex, frame, flows),
	                               .data_in = (uintptr_t)frame,
	                               .data_size_in = sizeof frame,
	                               .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	                               .batch_size = BATCH,
	                       }};

	if (rate)
		send_paced(&run, ifindex, rate);
	for (;;)
		send_burst(&run, REPEAT);
}

/* Drops UDP over IPv4 without a tag; the rest goes on. */
static int load_sink(void)
{
	const struct bpf_insn insns[] = {
	        {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
	        {.code = BPF_LD | BPF_ABS | BPF_H, .imm = 2 * ETH_ALEN},
	        {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_0, .off = 4, .imm = ETH_P_IP},
	        {.code = BPF_LD | BPF_ABS | BPF_B, .imm = ETH_HLEN + offsetof(struct iphdr, protocol)},
	        {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_0, .off = 2, .imm = IPPROTO_UDP},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_DROP},
	        {.code = BPF_JMP | BPF_EXIT},
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_PASS},
	        {.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_load(BPF_PROG_TYPE_SCHED_CLS, insns, ARRAY_LEN(insns), "load_sink", 0);
}

/* As cheap as it goes for what comes from the kernel's forwarding and for what comes from Sluice. */
_Noreturn static void sink(const char *name)
{
	int program = load_sink();
	int link = program < 0 ? program : bpf_link_tcx(program, if_nametoindex(name), false);

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
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "send"))
		send_all(argv[2], argv[3], pow2_at_least(MIN((uint32_t)strtoul(argv[4], NULL, 10), 128u)),
		        argc == 6 ? strtoull(argv[5], NULL, 10) : 0);
	else if (argc == 3 && !strcmp(argv[1], "sink"))
		sink(argv[2]);
	return 2;
}
