#include "tests/unit/cage/acts.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define ACT(name) static long name(const struct place *p)
#define UNUSED    (void)p

/* Files and programs. */

ACT(open_file)
{
	UNUSED;
	return open("/etc/passwd", O_RDONLY);
}

ACT(open_root)
{
	UNUSED;
	return open("/proc/self/mem", O_RDWR);
}

ACT(make_file)
{
	UNUSED;
	return open("/some", O_RDWR | O_CREAT, 0600);
}

ACT(leave_root)
{
	UNUSED;
	return chroot("..");
}

ACT(run_program)
{
	char *const none[] = {NULL};

	UNUSED;
	return execve("/bin/true", none, none);
}

ACT(run_memory)
{
	char *const none[] = {NULL};
	long fd = syscall(SYS_memfd_create, "x", 0);

	UNUSED;
	return fd < 0 ? fd : syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
}

ACT(make_process)
{
	UNUSED;
	return syscall(SYS_fork);
}

ACT(mount_something)
{
	UNUSED;
	return mount("none", "/", "tmpfs", 0, NULL);
}

/* Networks. */

ACT(open_inet)
{
	UNUSED;
	return socket(AF_INET, SOCK_STREAM, 0);
}

ACT(open_raw)
{
	UNUSED;
	return socket(AF_PACKET, SOCK_RAW, 0);
}

ACT(open_unix)
{
	UNUSED;
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* Other processes. */

ACT(kill_other)
{
	return kill(p->outside, SIGUSR1);
}

ACT(ask_other)
{
	return kill(p->outside, 0);
}

ACT(kill_thread)
{
	return syscall(SYS_tgkill, p->outside, p->outside, SIGUSR1);
}

ACT(trace_other)
{
	return ptrace(PTRACE_ATTACH, p->outside, NULL, NULL);
}

ACT(seize_other)
{
	return ptrace(PTRACE_SEIZE, p->outside, NULL, NULL);
}

ACT(read_other)
{
	static char mine[8];
	struct iovec here = {mine, sizeof mine}, there = {mine, sizeof mine};

	return process_vm_readv(p->outside, &here, 1, &there, 1, 0);
}

ACT(write_other)
{
	static char mine[8];
	struct iovec here = {mine, sizeof mine}, there = {mine, sizeof mine};

	return process_vm_writev(p->outside, &here, 1, &there, 1, 0);
}

ACT(steal_descriptor)
{
	long fd = syscall(SYS_pidfd_open, p->outside, 0);

	return fd < 0 ? fd : syscall(SYS_pidfd_getfd, fd, 0, 0);
}

/* Rights. */

ACT(become_root)
{
	UNUSED;
	return setresuid(0, 0, 0);
}

ACT(new_user_namespace)
{
	UNUSED;
	return unshare(CLONE_NEWUSER);
}

ACT(new_network)
{
	UNUSED;
	return unshare(CLONE_NEWNET);
}

ACT(be_traced)
{
	UNUSED;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

ACT(raise_limit)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	UNUSED;
	return setrlimit(RLIMIT_CORE, &all);
}

ACT(load_program)
{
	union bpf_attr attr = {
	        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	UNUSED;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

ACT(open_ring)
{
	static char params[256];

	UNUSED;
	return syscall(SYS_io_uring_setup, 8, params);
}

/* Memory. */

static void *pool(const struct place *p)
{
	return p->taken->appliance.map[REGION_POOL];
}

static uint32_t other_public(const struct place *p)
{
	return REGION_PUBLIC + ((uint32_t)p->role + 1) % STAGE_COUNT;
}

static long make_writable(const struct place *p, uint32_t region)
{
	const struct appliance *a = &p->taken->appliance;

	assert(a->map[region]);
	return mprotect(a->map[region], a->bytes[region], PROT_READ | PROT_WRITE);
}

ACT(unprotect_control)
{
	return make_writable(p, REGION_CONTROL);
}

ACT(unprotect_epoch)
{
	return make_writable(p, REGION_EPOCH1);
}

ACT(unprotect_board)
{
	return make_writable(p, REGION_BOARD);
}

ACT(unprotect_other)
{
	return make_writable(p, other_public(p));
}

ACT(write_control)
{
	__atomic_store_n(&((struct control_block *)p->taken->appliance.map[REGION_CONTROL])->stop, 1,
	        __ATOMIC_RELAXED);
	return 0;
}

ACT(write_other_public)
{
	__atomic_store_n((uint32_t *)p->taken->appliance.map[other_public(p)], 1, __ATOMIC_RELAXED);
	return 0;
}

/* The state of another stage is not even there; a descriptor of anything that can be mapped neither. */
ACT(see_other_state)
{
	const struct appliance *a = &p->taken->appliance;

	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		if (s != (uint32_t)p->role && a->map[REGION_STATE + s])
			return 0;
	errno = ENOENT;
	return -1;
}

ACT(map_descriptors)
{
	UNUSED;
	for (int fd = 0; fd < 512; fd++)
		if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
			return 0;
	return -1;
}

ACT(execute_pool)
{
	return mprotect(pool(p), 4096, PROT_READ | PROT_EXEC);
}

ACT(map_executable)
{
	UNUSED;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	                       MAP_FAILED
	               ? -1
	               : 0;
}

ACT(punch_by_madvise)
{
	return madvise(pool(p), 4096, MADV_REMOVE);
}

ACT(move_pool)
{
	return mremap(pool(p), 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0;
}

/* Not a page of it is touched. */
ACT(take_all_memory)
{
	UNUSED;
	for (uint32_t i = 0; i < 64; i++)
		if (mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		            -1, 0) == MAP_FAILED)
			return -1;
	return 0;
}

static int neighbours_bell(const struct place *p)
{
	const struct appliance *a = &p->taken->appliance;

	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		if (a->plan.worker[w].stage != (uint32_t)p->role && a->bell[w].fd >= 0)
			return a->bell[w].fd;
	return -1;
}

ACT(swallow_call)
{
	struct bell bell = {.fd = neighbours_bell(p)};
	uint64_t count;

	bell_ring(&bell);
	return read(bell.fd, &count, sizeof count);
}

ACT(swallow_call_in_pieces)
{
	struct bell bell = {.fd = neighbours_bell(p)};
	uint64_t count;
	struct iovec here = {&count, sizeof count};

	bell_ring(&bell);
	return readv(bell.fd, &here, 1);
}

/* The socket to the attendant, and the bells, are all there is: none can be cut. */
ACT(cut_descriptors)
{
	UNUSED;
	for (int fd = 3; fd < 512; fd++)
		if (!ftruncate(fd, 0))
			return 0;
	return -1;
}

ACT(punch_descriptors)
{
	UNUSED;
	for (int fd = 3; fd < 512; fd++)
		if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096))
			return 0;
	return -1;
}

/* Of the run folder, all but control's own is root's. */

static const char *in_run_folder(const struct place *p, const char *name)
{
	static char path[BLUEPRINT_PATH + 32];

	snprintf(path, sizeof path, "%s/%s", p->taken->run_dir, name);
	return path;
}

static long reach_keeper(const struct place *p, int sock)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%.*s", (int)sizeof address.sun_path - 1,
	        in_run_folder(p, "keeper.sock"));
	return connect(sock, (const struct sockaddr *)&address, sizeof address);
}

ACT(call_keeper)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	return sock < 0 ? sock : reach_keeper(p, sock);
}

ACT(unlink_keeper)
{
	return unlink(in_run_folder(p, "keeper.sock"));
}

ACT(be_keeper)
{
	char own[BLUEPRINT_PATH + 32];

	snprintf(own, sizeof own, "%s/file", p->taken->sockets_dir);
	close(open(own, O_RDWR | O_CREAT, 0600));
	return rename(own, in_run_folder(p, "keeper.sock"));
}

ACT(take_lock)
{
	return open(in_run_folder(p, "filter.lock"), O_RDWR | O_CREAT, 0600);
}

ACT(write_open_folder)
{
	return open(in_run_folder(p, "open/file"), O_RDWR | O_CREAT, 0600);
}

ACT(make_link)
{
	return symlink("/etc/passwd", in_run_folder(p, "open/link"));
}

ACT(give_away)
{
	return chown(p->taken->sockets_dir, 0, 0);
}

ACT(clone_process)
{
	UNUSED;
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

ACT(open_udp)
{
	UNUSED;
	return socket(AF_INET, SOCK_DGRAM, 0);
}

ACT(open_netlink)
{
	UNUSED;
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

ACT(connect_by_sending)
{
	const struct sockaddr_in to = {
	        .sin_family = AF_INET, .sin_port = 9, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	UNUSED;
	return sendto(sock, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&to, sizeof to);
}

ACT(write_pool)
{
	if (p->role != ROLE_CONTROL) {
		errno = EPERM; /* the stages' own */
		return -1;
	}
	*(volatile uint8_t *)pool(p) = 1;
	return 0;
}

const struct act acts[] = {
        {"open a file", open_file, BY_SECCOMP, BY_KERNEL, BY_NOBODY},
        {"open its own memory", open_root, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"make a file", make_file, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"leave its root", leave_root, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"run a program", run_program, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"run memory", run_memory, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"make a process", make_process, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"mount", mount_something, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"open an internet socket", open_inet, BY_SECCOMP, BY_SECCOMP, BY_NOBODY},
        {"open a raw socket", open_raw, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"open a local socket", open_unix, BY_SECCOMP, BY_SECCOMP, BY_NOBODY},
        {"kill another process", kill_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"see another process", ask_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"signal another's thread", kill_thread, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"trace another process", trace_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"seize another process", seize_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"read another's memory", read_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"write another's memory", write_other, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"steal a descriptor", steal_descriptor, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"become root", become_root, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"make a user namespace", new_user_namespace, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"make a network namespace", new_network, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"let itself be traced", be_traced, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"raise a limit", raise_limit, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"load a BPF map", load_program, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"open an io_uring", open_ring, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"make the control block writable", unprotect_control, BY_KERNEL, BY_KERNEL, BY_NOBODY},
        {"make an epoch writable", unprotect_epoch, BY_KERNEL, BY_KERNEL, BY_NOBODY},
        {"make the board writable", unprotect_board, BY_KERNEL, BY_KERNEL, BY_KERNEL},
        {"make another's indices writable", unprotect_other, BY_KERNEL, BY_KERNEL, BY_KERNEL},
        {"write the control block", write_control, BY_FAULT, BY_FAULT, BY_NOBODY},
        {"write another's indices", write_other_public, BY_FAULT, BY_FAULT, BY_FAULT},
        {"see another's state", see_other_state, BY_KERNEL, BY_KERNEL, BY_NOBODY},
        {"map what it has descriptors of", map_descriptors, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"execute the pool", execute_pool, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"map executable memory", map_executable, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"punch a hole by madvise", punch_by_madvise, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"move the pool", move_pool, BY_KERNEL, BY_SECCOMP, BY_KERNEL},
        {"take memory without end", take_all_memory, BY_KERNEL, BY_KERNEL, BY_KERNEL},
        /* Control, which may stop all of them by the control block, gains nothing by it. */
        {"swallow a neighbour's call", swallow_call, BY_SECCOMP, BY_SECCOMP, BY_NOBODY},
        {"swallow it by readv", swallow_call_in_pieces, BY_SECCOMP, BY_SECCOMP, BY_NOBODY},
        {"cut what it has descriptors of", cut_descriptors, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"punch a hole by descriptor", punch_descriptors, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"call the keeper", call_keeper, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"unlink the keeper's socket", unlink_keeper, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"take the place of the keeper's socket", be_keeper, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"take another's lock", take_lock, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"write where everybody may", write_open_folder, BY_SECCOMP, BY_KERNEL, BY_KERNEL},
        {"make a link", make_link, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"give a folder away", give_away, BY_SECCOMP, BY_KERNEL, BY_SECCOMP},
        {"make a process by clone", clone_process, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"open a UDP socket", open_udp, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"open a netlink socket", open_netlink, BY_SECCOMP, BY_SECCOMP, BY_KERNEL},
        {"connect by sending", connect_by_sending, BY_SECCOMP, BY_SECCOMP, BY_SECCOMP},
        {"write the pool", write_pool, BY_KERNEL, BY_KERNEL, BY_FAULT},
};

const uint32_t n_acts = ARRAY_LEN(acts);
