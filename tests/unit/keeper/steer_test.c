/* The XDP program that steers frames to sockets, run by the kernel, against the plain reading of the class.
 */
#include "common/urgent/urgent.h"
#include "services/keeper/opener/bpf.h"
#include "tests/unit/urgent/frames.h"

#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define FRAMES 5000u

/* What the program says of a frame; a place of the map without a socket drops. */
static uint32_t run(int program, const uint8_t *frame, uint32_t len)
{
	union bpf_attr attr = {.test = {
	                               .prog_fd = (uint32_t)program,
	                               .data_in = (uintptr_t)frame,
	                               .data_size_in = len,
	                               .repeat = 1,
	                       }};

	cr_assert_eq(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof attr), 0, "%s", strerror(errno));
	return attr.test.retval;
}

/* From now on this process has the capabilities that an opener needs for it, and no other. */
static void keep_least_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {0};

	kept[CAP_TO_INDEX(CAP_NET_ADMIN)].effective |= CAP_TO_MASK(CAP_NET_ADMIN);
	kept[CAP_TO_INDEX(CAP_NET_RAW)].effective |= CAP_TO_MASK(CAP_NET_RAW);
	kept[CAP_TO_INDEX(CAP_BPF)].effective |= CAP_TO_MASK(CAP_BPF);
	for (uint32_t i = 0; i < ARRAY_LEN(kept); i++)
		kept[i].permitted = kept[i].effective;
	/* Who has less than that keeps what there is. */
	(void)!syscall(SYS_capset, &header, kept);
}

/* A map in which the urgent socket of queue 0 alone has its place, as long as that lives; -1: not allowed
 * here. */
static int urgent_map(void)
{
	int map = bpf_xskmap(2), fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (map == -EPERM || fd < 0)
		return -1;
	cr_assert_geq(map, 0);
	cr_assert_eq(bpf_xskmap_set(map, 1, fd), 0);
	return map;
}

Test(steer, sends_the_control_class_alone_to_its_socket)
{
	static const uint32_t dscps[] = {0, 46, URGENT_DSCP, URGENT_DSCP_MAX};
	uint64_t random = 2;
	int map;

	keep_least_rights();
	map = urgent_map();
	if (map < 0)
		cr_skip_test("needs the right to load programs");
	for (uint32_t k = 0; k < ARRAY_LEN(dscps); k++) {
		struct urgent_program p;
		int program;

		urgent_program(&p, dscps[k]);
		program = bpf_load_steer(map, p.insn, p.n, k & 1);
		cr_assert_geq(program, 0, "%s", strerror(-program));
		for (uint32_t i = 0; i < FRAMES; i++) {
			uint8_t frame[FRAMES_MAX];
			uint32_t len = frames_make(frame, &random);

			cr_assert_eq(run(program, frame, len) == XDP_REDIRECT,
			        frames_urgent(frame, len, dscps[k]), "frame %u, DSCP %u, %u bytes", i,
			        dscps[k], len);
		}
		close(program);
	}
}

Test(steer, refuses_what_it_does_not_translate)
{
	const struct tap_insn scratch[] = {{BPF_ST, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}};
	const struct tap_insn endless[] = {{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12}};
	const struct tap_insn always[] = {{BPF_JMP | BPF_JA, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}};
	struct tap_insn indices[9] = {[8] = {BPF_RET | BPF_K, 0, 0, 1}};

	for (uint32_t i = 0; i < 8; i++)
		indices[i] = (struct tap_insn){BPF_LDX | BPF_IMM, 0, 0, i};

	cr_expect_eq(bpf_load_steer(-1, scratch, ARRAY_LEN(scratch), false), -EINVAL);
	cr_expect_eq(bpf_load_steer(-1, endless, ARRAY_LEN(endless), false), -EINVAL);
	cr_expect_eq(bpf_load_steer(-1, always, ARRAY_LEN(always), false), -EINVAL);
	cr_expect_eq(bpf_load_steer(-1, indices, ARRAY_LEN(indices), false), -EINVAL);
}
