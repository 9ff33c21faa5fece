/* calls: the lists of system calls that caged processes keep, made a classic BPF program. */
#include "common/cage/internal.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which architecture's calls these are must be said here"
#endif

#define PROGRAM_MAX 1024u

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

static void load_call(struct program *p)
{
	load(p, offsetof(struct seccomp_data, nr));
}

/* Goes on if A is that value; else to the end of the rule, which patch() makes known. */
static uint32_t expect(struct program *p, uint32_t value)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0));
	return p->n - 1;
}

static void patch(struct program *p, uint32_t at)
{
	p->line[at].jf = (uint8_t)(p->n - at - 1);
}

/* The call's number is in A, before and after. */
static void add_rule(struct program *p, const struct cage_rule *rule)
{
	uint32_t call = expect(p, rule->call), arg[ARRAY_LEN(rule->arg)];

	for (uint32_t k = 0; k < rule->n_args; k++) {
		load(p, offsetof(struct seccomp_data, args) + rule->arg[k].number * sizeof(uint64_t));
		add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->arg[k].mask));
		arg[k] = expect(p, rule->arg[k].value);
	}
	end(p, SECCOMP_RET_ALLOW);
	for (uint32_t k = 0; k < rule->n_args; k++)
		patch(p, arg[k]);
	if (rule->n_args)
		load_call(p);
	patch(p, call);
}

static void add_rules(struct program *p, const struct cage_list *list)
{
	for (uint32_t i = 0; i < list->n_rules; i++)
		add_rule(p, &list->rules[i]);
}

static void add_refusals(struct program *p, const struct cage_list *list)
{
	for (uint32_t i = 0; i < list->n_refusals; i++) {
		uint32_t call = expect(p, list->refusals[i].call);

		end(p, SECCOMP_RET_ERRNO | list->refusals[i].error);
		patch(p, call);
	}
}

static const struct cage_list *list_of(enum cage_calls calls)
{
	switch (calls) {
	case CAGE_STAGE: return &cage_of_stage;
	case CAGE_SESSION: return &cage_of_session;
	case CAGE_INGEST: return &cage_of_ingest;
	case CAGE_CONTROL: return &cage_of_control;
	}
	return NULL;
}

static void forbid_reading(struct program *p, uint32_t by, const int *fd, uint32_t n)
{
	uint32_t call = expect(p, by);

	load(p, offsetof(struct seccomp_data, args));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t other = expect(p, (uint32_t)fd[i]);

		end(p, SECCOMP_RET_KILL_PROCESS);
		patch(p, other);
	}
	load_call(p);
	patch(p, call);
}

static void compile(struct program *p, enum cage_calls calls, const int *unread, uint32_t n)
{
	/* abort() sends a signal to its own thread, and to no other process. */
	const struct cage_rule own = {SYS_tgkill, 1, {{0, UINT32_MAX, (uint32_t)getpid()}}};

	p->n = 0;
	load(p, offsetof(struct seccomp_data, arch));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	end(p, SECCOMP_RET_KILL_PROCESS);
	load_call(p);
	forbid_reading(p, SYS_read, unread, n);
	forbid_reading(p, SYS_readv, unread, n);
	add_rules(p, &cage_of_all);
	add_rules(p, list_of(calls));
	add_rule(p, &own);
	add_refusals(p, &cage_of_all);
	add_refusals(p, list_of(calls));
	end(p, SECCOMP_RET_KILL_PROCESS);
}

int cage_seal(enum cage_calls calls, const int *unread, uint32_t n)
{
	struct program program;
	struct sock_fprog prog = {.filter = program.line};

	assert(n <= CAGE_UNREAD_MAX);
	compile(&program, calls, unread, n);
	prog.len = (unsigned short)program.n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog))
		return errno == 0 ? -ESRCH : -errno;
	return 0;
}
