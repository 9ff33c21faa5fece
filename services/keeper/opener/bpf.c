#include "services/keeper/opener/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the headers that this must build with (Linux 6.6). */
#define TCX_INGRESS 46u
#define TCX_EGRESS  47u
#define TCX_BEFORE  (1u << 3)

#define TC_DROP 2 /* TC_ACT_SHOT */

static int bpf_call(enum bpf_cmd command, union bpf_attr *attr, size_t bytes)
{
	long r = syscall(SYS_bpf, command, attr, bytes);

	return r < 0 ? -errno : (int)r;
}

int bpf_load(uint32_t type, const struct bpf_insn *insns, uint32_t n, const char *name, uint32_t flags)
{
	union bpf_attr attr = {
	        .prog_type = type,
	        .prog_flags = flags,
	        .insns = (uintptr_t)insns,
	        .insn_cnt = n,
	        .license = (uintptr_t) "Dual MIT/GPL",
	};

	memcpy(attr.prog_name, name, MIN(strlen(name), sizeof attr.prog_name - 1));
	return bpf_call(BPF_PROG_LOAD, &attr, sizeof attr);
}

int bpf_xskmap(uint32_t sockets)
{
	union bpf_attr attr = {
	        .map_type = BPF_MAP_TYPE_XSKMAP,
	        .key_size = sizeof(uint32_t),
	        .value_size = sizeof(uint32_t),
	        .max_entries = sockets,
	        .map_name = "sluice_sockets",
	};

	return bpf_call(BPF_MAP_CREATE, &attr, sizeof attr);
}

int bpf_xskmap_set(int map, uint32_t place, int socket)
{
	uint32_t value = (uint32_t)socket;
	union bpf_attr attr = {
	        .map_fd = (uint32_t)map,
	        .key = (uintptr_t)&place,
	        .value = (uintptr_t)&value,
	        .flags = BPF_ANY,
	};

	return bpf_call(BPF_MAP_UPDATE_ELEM, &attr, sizeof attr);
}

static int load_constant(uint32_t type, int32_t value, const char *name)
{
	const struct bpf_insn insns[] = {
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value},
	        {.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_load(type, insns, ARRAY_LEN(insns), name, 0);
}

int bpf_load_pass(void)
{
	return load_constant(BPF_PROG_TYPE_XDP, XDP_PASS, "sluice_pass");
}

int bpf_load_drop(void)
{
	return load_constant(BPF_PROG_TYPE_SCHED_CLS, TC_DROP, "sluice_quiet");
}

static int link_create(int program, uint32_t ifindex, uint32_t type, uint32_t flags)
{
	union bpf_attr attr = {.link_create = {
	                               .prog_fd = (uint32_t)program,
	                               .target_ifindex = ifindex,
	                               .attach_type = type,
	                               .flags = flags,
	                       }};

	return bpf_call(BPF_LINK_CREATE, &attr, sizeof attr);
}

int bpf_link_xdp(int program, uint32_t ifindex, uint32_t flags)
{
	return link_create(program, ifindex, BPF_XDP, flags);
}

int bpf_link_tcx(int program, uint32_t ifindex, bool egress)
{
	return link_create(program, ifindex, egress ? TCX_EGRESS : TCX_INGRESS, TCX_BEFORE);
}
