/* calls: the system calls that a caged process keeps, as a classic BPF program.
 *
 * Not among them, on purpose: open and all that makes a descriptor or a process; execve; kill, ptrace and
 * whatever reaches another process; ftruncate, fallocate, mremap and madvise other than MADV_DONTNEED, which
 * would reach through the seals of the regions; executable mappings. */
#include "common/cage/cage.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAPS (MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS)

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which architecture's calls these are must be said here"
#endif

/* A call, and what some of its arguments must be under a mask. */
struct rule {
	uint32_t call;
	uint32_t n_args;
	struct {
		uint32_t number, mask, value;
	} arg[2];
};

#define CALL(name)                                                                                           \
	{                                                                                                    \
		.call = SYS_##name                                                                           \
	}

static const struct rule of_all[] = {
        CALL(read),
        CALL(write),
        CALL(writev),
        CALL(ppoll),
        CALL(futex),
        CALL(clock_gettime),
        CALL(recvmsg),
        CALL(sendmsg),
        CALL(close),
        CALL(munmap),
        CALL(brk),
        CALL(rt_sigprocmask),
        CALL(rt_sigaction),
        CALL(rt_sigreturn),
        CALL(restart_syscall),
        CALL(sched_yield),
        CALL(getpid),
        CALL(gettid),
        CALL(exit),
        CALL(exit_group),
        CALL(epoll_pwait),
        CALL(epoll_pwait2),
        CALL(epoll_ctl),
#ifdef SYS_poll
        CALL(poll),
        CALL(epoll_wait),
#endif
        {SYS_mprotect, 1, {{2, PROT_EXEC, 0}}},
        {SYS_madvise, 1, {{2, UINT32_MAX, MADV_DONTNEED}}},
};

static const struct rule of_stage[] = {
        {SYS_mmap, 2, {{2, PROT_EXEC, 0}, {3, MAPS, MAP_PRIVATE | MAP_ANONYMOUS}}},
};

/* The kernel's rings are mapped from a socket; frames are read from and written to a TAP. */
static const struct rule of_ingest[] = {
        {SYS_mmap, 1, {{2, PROT_EXEC, 0}}},
        CALL(readv),
        CALL(sendto),
        CALL(recvfrom),
        CALL(getsockopt),
};

#define PROGRAM_MAX 256u

struct program {
	uint32_t n;
	struct sock_filter line[PROGRAM_MAX];
};

static void add(struct program *p, struct sock_filter line)
{
	assert(p->n < PROGRAM_MAX);
	p->line[p->n++] = line;
}

static void load(struct program *p, size_t off)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)off));
}

static void end(struct program *p, uint32_t action)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* The call's number is in A, before and after. */
static void add_rule(struct program *p, const struct rule *rule)
{
	uint32_t at = p->n, last;

	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, 0));
	for (uint32_t k = 0; k < rule->n_args; k++) {
		load(p, offsetof(struct seccomp_data, args) + rule->arg[k].number * sizeof(uint64_t));
		add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->arg[k].mask));
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->arg[k].value, 1, 0));
		end(p, SECCOMP_RET_KILL_PROCESS);
	}
	end(p, SECCOMP_RET_ALLOW);
	last = p->n;
	p->line[at].jf = (uint8_t)(last - at - 1);
}

static void add_rules(struct program *p, const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_rule(p, &rules[i]);
}

static void compile(struct program *p, enum cage_calls calls)
{
	/* abort() sends a signal to its own thread, and to no other process. */
	const struct rule own[] = {{SYS_tgkill, 1, {{0, UINT32_MAX, (uint32_t)getpid()}}}};

	p->n = 0;
	load(p, offsetof(struct seccomp_data, arch));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	end(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	add_rules(p, of_all, ARRAY_LEN(of_all));
	switch (calls) {
	case CAGE_STAGE: add_rules(p, of_stage, ARRAY_LEN(of_stage)); break;
	case CAGE_INGEST: add_rules(p, of_ingest, ARRAY_LEN(of_ingest)); break;
	}
	add_rules(p, own, ARRAY_LEN(own));
	/* realloc falls back on copying. */
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 1));
	end(p, SECCOMP_RET_ERRNO | ENOMEM);
	end(p, SECCOMP_RET_KILL_PROCESS);
}

int cage_seal(enum cage_calls calls)
{
	struct program program;
	struct sock_fprog prog = {.filter = program.line};

	compile(&program, calls);
	prog.len = (unsigned short)program.n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog))
		return errno == 0 ? -ESRCH : -errno;
	return 0;
}
