#include "services/cli/doctor/facts.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

void facts_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = 0;
	if (!file)
		return;
	if (!fgets(text, (int)size, file))
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
	(void)fclose(file);
}

uint64_t facts_number(const char *line, uint32_t n, int base)
{
	uint64_t value;
	char *end;

	for (line += strspn(line, " \t"); n && *line; n--) {
		line += strcspn(line, " \t");
		line += strspn(line, " \t");
	}
	value = strtoull(line, &end, base);
	return end == line ? UINT64_MAX : value;
}

static void look_at_kernel(struct doctor_machine *m)
{
	struct utsname name;
	char *end;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	m->landlock = version > 0 ? (uint32_t)version : 0;
	if (uname(&name))
		return;
	m->kernel_major = (uint32_t)strtoul(name.release, &end, 10);
	m->kernel_minor = *end == '.' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
	snprintf(m->kernel, sizeof m->kernel, "%s", name.release);
}

static uint64_t effective_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &head, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* XDP_PASS for every packet, attached to nothing. */
static int try_program(void)
{
	static const struct bpf_insn program[] = {
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	        {.code = BPF_JMP | BPF_EXIT},
	};
	static const char license[] = "GPL";
	union bpf_attr attr = {
	        .prog_type = BPF_PROG_TYPE_XDP,
	        .insn_cnt = ARRAY_LEN(program),
	        .insns = (uintptr_t)program,
	        .license = (uintptr_t)license,
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static int try_socket(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void look_at_rights(struct doctor_machine *m)
{
	const uint64_t own = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << CAP_SYS_ADMIN;
	uint64_t rights = effective_rights();
	struct rlimit limit;

	m->may_own = (rights & own) == own;
	m->may_lock = rights & 1ull << CAP_IPC_LOCK;
	m->bpf_error = try_program();
	m->xdp_socket_error = try_socket();
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		m->memlock_bytes = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
	/* Whoever needs more takes it, up to the hard limit. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		m->files = limit.rlim_max;
}

static void look_at_memory(struct doctor_machine *m)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[256];
	char *word;

	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, "MemAvailable:", 13))
			m->free_bytes = facts_number(line, 1, 10) * 1024;
	if (file)
		(void)fclose(file);
	facts_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", line, sizeof line);
	word = strchr(line, '[');
	if (word)
		snprintf(
		        m->huge_shared, sizeof m->huge_shared, "%.*s", (int)strcspn(word + 1, "]"), word + 1);
}

static void look_at_governors(struct doctor_machine *m)
{
	char path[96], governor[32];

	for (uint32_t i = 0; i < m->cores; i++) {
		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", i);
		facts_line(path, governor, sizeof governor);
		if (*governor && *m->governor && strcmp(governor, m->governor) != 0)
			snprintf(m->governor, sizeof m->governor, "mixed");
		else if (*governor)
			memcpy(m->governor, governor, sizeof m->governor);
	}
}

static void look_at_cores(struct doctor_machine *m)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;
	char line[16];

	m->cores = online > 0 ? (uint32_t)online : 1;
	m->allowed = sched_getaffinity(0, sizeof set, &set) ? m->cores : (uint32_t)CPU_COUNT(&set);
	facts_line("/sys/devices/system/cpu/smt/active", line, sizeof line);
	m->siblings = line[0] == '1';
	facts_line("/sys/devices/system/cpu/isolated", m->isolated, sizeof m->isolated);
	look_at_governors(m);
	facts_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", m->clock,
	        sizeof m->clock);
}

/* 0 where a folder is there and may be written, or could be made. */
static int folder_error(const char *path)
{
	char above[256];
	struct stat st;
	char *slash;

	if (stat(path, &st) == 0)
		return !S_ISDIR(st.st_mode) ? ENOTDIR : access(path, W_OK) ? errno : 0;
	snprintf(above, sizeof above, "%s", path);
	slash = strrchr(above, '/');
	if (!slash)
		return access(".", W_OK) ? errno : 0;
	slash[slash == above] = 0;
	return access(above, W_OK) ? errno : 0;
}

/* Whether a line of /proc/net/tcp or tcp6 ("sl local remote st") is of a socket that listens at that port. */
static bool listens(const char *line, uint32_t port)
{
	const char *local = strchr(line, ':'), *colon = local ? strchr(local + 1, ':') : NULL;

	return colon && strtoul(colon + 1, NULL, 16) == port && facts_number(line, 3, 16) == 0x0a;
}

static bool port_taken(uint32_t port)
{
	static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	bool taken = false;
	char line[512];

	for (uint32_t i = 0; i < ARRAY_LEN(files); i++) {
		FILE *file = fopen(files[i], "re");

		while (file && fgets(line, sizeof line, file))
			taken |= listens(line, port);
		if (file)
			(void)fclose(file);
	}
	return taken;
}

void facts_machine(struct doctor_machine *m)
{
	look_at_kernel(m);
	look_at_rights(m);
	look_at_memory(m);
	look_at_cores(m);
	m->run_dir_error = folder_error(m->run_dir);
	m->state_dir_error = folder_error(m->state_dir);
	m->metrics_taken = m->metrics_port && port_taken(m->metrics_port);
}
