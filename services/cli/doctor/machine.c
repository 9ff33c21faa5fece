/* machine: what a machine lacks, judged by facts. */
#include "services/cli/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#define KERNEL_MAJOR 5u /* 5.13: Landlock; epoll_pwait2 is older */
#define KERNEL_MINOR 13u
#define FILES_LEAST  1024u

const char *doctor_level_name(enum doctor_level level)
{
	switch (level) {
	case DOCTOR_OK: return "ok";
	case DOCTOR_SLOW: return "slow";
	case DOCTOR_MISSING: return "missing";
	}
	return "";
}

void doctor_add(struct doctor_report *r, enum doctor_level level, const char *about, const char *what, ...)
{
	struct doctor_finding f = {.level = level};
	va_list ap;

	va_start(ap, what);
	vsnprintf(f.what, sizeof f.what, what, ap); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(ap);
	snprintf(f.about, sizeof f.about, "%s", about);
	if (r->n < DOCTOR_FINDINGS_MAX)
		r->finding[r->n++] = f;
}

void doctor_mend(struct doctor_report *r, const char *format, ...)
{
	struct doctor_finding *f = &r->finding[r->n ? r->n - 1 : 0];
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->mend, sizeof f->mend, format, ap); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(ap);
}

static void check_kernel(struct doctor_report *r, const struct doctor_machine *m)
{
	bool old = m->kernel_major < KERNEL_MAJOR ||
	           (m->kernel_major == KERNEL_MAJOR && m->kernel_minor < KERNEL_MINOR);

	if (old) {
		doctor_add(r, DOCTOR_MISSING, "kernel", "Linux %s is too old: processes cannot be confined",
		        m->kernel);
		doctor_mend(
		        r, "take a kernel of %u.%u or later; Debian 12 has 6.1", KERNEL_MAJOR, KERNEL_MINOR);
		return;
	}
	doctor_add(r, DOCTOR_OK, "kernel", "Linux %s", m->kernel);
	if (m->landlock) {
		doctor_add(r, DOCTOR_OK, "landlock", "processes can be kept from files (version %u)",
		        m->landlock);
		return;
	}
	doctor_add(r, DOCTOR_MISSING, "landlock", "the kernel does not let control be kept from files");
	doctor_mend(r, "add landlock to the list of the kernel's command line: lsm=landlock,...");
}

static void check_rights(struct doctor_report *r, const struct doctor_machine *m)
{
	if (m->may_own) {
		doctor_add(r, DOCTOR_OK, "rights", "this user may own interfaces");
		return;
	}
	doctor_add(r, DOCTOR_MISSING, "rights", "this user may not own interfaces, and not see all of this");
	doctor_mend(r, "sudo sluice doctor");
}

static void check_xdp(struct doctor_report *r, const struct doctor_machine *m)
{
	int err = m->bpf_error ? m->bpf_error : m->xdp_socket_error;

	if (!err) {
		doctor_add(r, DOCTOR_OK, "xdp", "programs can be loaded and AF_XDP sockets made");
		return;
	}
	doctor_add(r, DOCTOR_SLOW, "xdp",
	        "%s: %s; ports of af_xdp run on af_packet, which copies each packet",
	        m->bpf_error ? "no BPF program can be loaded" : "no AF_XDP socket can be made",
	        strerror(err));
	if (err == EPERM || err == EACCES)
		doctor_mend(r, "give CAP_BPF and CAP_NET_ADMIN, or SYS_ADMIN where the container engine "
		               "knows no BPF, and let its seccomp profile pass bpf()");
	else
		doctor_mend(r, "take a kernel with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS");
}

static void check_limits(struct doctor_report *r, const struct doctor_machine *m)
{
	if (m->may_lock || m->memlock_bytes >= m->pool_bytes) {
		doctor_add(r, DOCTOR_OK, "memlock", "the pool may be locked as AF_XDP's memory");
	} else {
		doctor_add(r, DOCTOR_SLOW, "memlock",
		        "%llu KiB may be locked, the pool has %llu KiB: af_xdp cannot use it",
		        (unsigned long long)m->memlock_bytes / 1024,
		        (unsigned long long)m->pool_bytes / 1024);
		doctor_mend(r, "ulimit -l unlimited; in a unit of systemd: LimitMEMLOCK=infinity");
	}
	if (m->files >= FILES_LEAST) {
		doctor_add(
		        r, DOCTOR_OK, "files", "%llu descriptors may be open", (unsigned long long)m->files);
		return;
	}
	doctor_add(r, DOCTOR_MISSING, "files", "no more than %llu descriptors may be open",
	        (unsigned long long)m->files);
	doctor_mend(r, "ulimit -n 16384; in a unit of systemd: LimitNOFILE=16384");
}

static void check_memory(struct doctor_report *r, const struct doctor_machine *m)
{
	const char *huge = m->huge_shared;

	if (m->free_bytes > m->pool_bytes) {
		doctor_add(r, DOCTOR_OK, "memory", "%llu MiB can be had, the pool takes %llu",
		        (unsigned long long)m->free_bytes >> 20, (unsigned long long)m->pool_bytes >> 20);
	} else {
		doctor_add(r, DOCTOR_MISSING, "memory", "%llu MiB can be had, the pool takes %llu",
		        (unsigned long long)m->free_bytes >> 20, (unsigned long long)m->pool_bytes >> 20);
		doctor_mend(r, "set appliance.buffers lower in the configuration, or free memory");
	}
	if (!strcmp(huge, "always") || !strcmp(huge, "within_size") || !strcmp(huge, "force")) {
		doctor_add(r, DOCTOR_OK, "huge pages", "the pool gets them (%s)", huge);
	} else if (*huge) {
		doctor_add(r, DOCTOR_SLOW, "huge pages", "the pool lies on pages of 4 KiB (%s)", huge);
		doctor_mend(r, "echo within_size >/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	}
}

static void check_cores(struct doctor_report *r, const struct doctor_machine *m)
{
	if (m->allowed >= m->lanes) {
		doctor_add(r, DOCTOR_OK, "cores", "%u of %u processors may be used, for %u lane%s",
		        m->allowed, m->cores, m->lanes, m->lanes == 1 ? "" : "s");
	} else {
		doctor_add(r, DOCTOR_SLOW, "cores", "%u lanes share %u processor%s", m->lanes, m->allowed,
		        m->allowed == 1 ? "" : "s");
		doctor_mend(r, "set appliance.lanes to %u, or let this process use more", m->allowed);
	}
	if (m->siblings && m->lanes > 1) {
		doctor_add(r, DOCTOR_SLOW, "siblings", "two lanes may come to share one core");
		doctor_mend(r, "name one processor of each core in appliance.cores (lscpu -e tells them)");
	}
	if (*m->isolated) {
		doctor_add(
		        r, DOCTOR_OK, "isolation", "processors %s are kept free of other work", m->isolated);
	} else if (m->cores > 1) {
		doctor_add(r, DOCTOR_SLOW, "isolation", "other processes run on the lanes' processors too");
		doctor_mend(r, "isolcpus=%u on the kernel's command line, and the same in appliance.cores",
		        m->cores - 1);
	}
}

static void check_pace(struct doctor_report *r, const struct doctor_machine *m)
{
	static const char *const slow_clocks[] = {
	        "hpet", "acpi_pm", "jiffies", "xen", "pit", "refined-jiffies"};
	bool slow = false;

	if (!*m->governor || !strcmp(m->governor, "performance")) {
		doctor_add(r, DOCTOR_OK, "governor", "processors keep their pace");
	} else {
		doctor_add(
		        r, DOCTOR_SLOW, "governor", "processors are slowed down when idle (%s)", m->governor);
		doctor_mend(r, "cpupower frequency-set -g performance");
	}
	for (uint32_t i = 0; i < ARRAY_LEN(slow_clocks); i++)
		slow |= strcmp(m->clock, slow_clocks[i]) == 0;
	if (!slow) {
		doctor_add(r, DOCTOR_OK, "clock", "time is read without the kernel (%s)", m->clock);
		return;
	}
	doctor_add(r, DOCTOR_SLOW, "clock", "each look at the time is a call into the kernel (%s)", m->clock);
	doctor_mend(r, "echo tsc >/sys/devices/system/clocksource/clocksource0/current_clocksource, or "
	               "tsc=reliable on the kernel's command line");
}

static void check_folder(
        struct doctor_report *r, const char *about, const char *dir, int err, const char *option)
{
	if (!err) {
		doctor_add(r, DOCTOR_OK, about, "%s can be used", dir);
		return;
	}
	doctor_add(r, DOCTOR_MISSING, about, "%s cannot be used: %s", dir, strerror(err));
	doctor_mend(r, "give sluice up another folder with %s, or: install -d -m 755 %s", option, dir);
}

static void check_metrics(struct doctor_report *r, const struct doctor_machine *m)
{
	if (!m->metrics_port)
		return;
	if (!m->metrics_taken) {
		doctor_add(r, DOCTOR_OK, "metrics", "port %u can be listened at", m->metrics_port);
		return;
	}
	doctor_add(r, DOCTOR_MISSING, "metrics", "another process listens at port %u", m->metrics_port);
	doctor_mend(r, "ss -ltnp 'sport = :%u' tells who; set metrics.listen to another", m->metrics_port);
}

void doctor_machine(struct doctor_report *r, const struct doctor_machine *m)
{
	check_kernel(r, m);
	check_rights(r, m);
	check_xdp(r, m);
	check_limits(r, m);
	check_memory(r, m);
	check_cores(r, m);
	check_pace(r, m);
	check_folder(r, "run folder", m->run_dir, m->run_dir_error, "--run-dir");
	check_folder(r, "state folder", m->state_dir, m->state_dir_error, "--state-dir");
	check_metrics(r, m);
}
