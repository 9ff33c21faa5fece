/* Each stage is caged as it is when it runs, by the same code and with the same descriptors, and then tries
 * what it must not be able to do. */
#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/keeper/stock.h"
#include "services/router/router.h"
#include "services/session/session.h"
#include "tests/unit/cage/acts.h"

#include <criterion/criterion.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REFUSED 42
#define BROKEN  99 /* the cage itself could not be made */

static const struct host hosts[STAGE_COUNT] = {
        {.ops = &ingest_stage, .stage = STAGE_INGEST, .calls = CAGE_INGEST},
        {.ops = &filter_stage, .stage = STAGE_FILTER, .calls = CAGE_STAGE},
        {.ops = &router_stage, .stage = STAGE_ROUTER, .calls = CAGE_STAGE},
        {.ops = &session_stage, .stage = STAGE_SESSION, .calls = CAGE_STAGE},
};

static struct stock stock;
static char run_dir[] = "/tmp/sluice-cage-XXXXXX";

static void set_up(void)
{
	static const struct stage_ops *const ops[STAGE_COUNT] = {
	        &ingest_stage, &filter_stage, &router_stage, &session_stage};
	static struct stage_params params = {.lanes = 2, .buffers = 4096, .stride = 2240, .ring_slots = 512};
	static struct appliance a;
	static struct blueprint b;

	if (geteuid() != 0)
		cr_skip_test("needs root: who has no rights has none to give up");
	params.limits.frag_max_queues = 16;
	params.limits.neigh_gc_thresh3 = 64;
	params.limits.frag_high_bytes = 1 << 16;
	cr_assert_eq(appliance_layout(&a, &params, ops, 1 << 20, 1 << 20), 0);
	blueprint_init(&b, &a);
	cr_assert(mkdtemp(run_dir));
	memcpy(b.run_dir, run_dir, sizeof run_dir);
	cr_assert_eq(stock_make(&stock, blueprint_seal(&b)), 0);
}

static void tear_down(void)
{
	char path[64];

	snprintf(path, sizeof path, "%s/empty", run_dir);
	rmdir(path);
	rmdir(run_dir);
}

TestSuite(cage, .init = set_up, .fini = tear_down);

/* In the child: as host_main does it, and then the attempt. */
static _Noreturn void try_act(const struct act *act, enum stage_id stage, int sock, bool sealed)
{
	static struct host_process process;
	struct host host = hosts[stage];
	struct place place = {.process = &process, .stage = stage, .outside = getppid()};

	host.unsealed = !sealed;
	if (host_enter(&host, sock, &process))
		_exit(BROKEN);
	_exit(act->attempt(&place) < 0 ? REFUSED : 0);
}

static int run_act(const struct act *act, enum stage_id stage, bool sealed)
{
	int sock[2], status, err = handle_pair(sock);
	pid_t child;

	cr_assert_eq(err, 0);
	cr_assert_eq(stock_hand(&stock, sock[0], (enum role)stage), 0);
	child = fork();
	if (child == 0)
		try_act(act, stage, sock[1], sealed);
	close(sock[1]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	close(sock[0]);
	return status;
}

static bool ended_so(int status, enum refusal how)
{
	switch (how) {
	case BY_KERNEL: return WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
	case BY_SECCOMP: return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	case BY_FAULT: return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
	}
	return false;
}

static void all_acts(enum stage_id stage)
{
	for (uint32_t i = 0; i < n_acts; i++) {
		const struct act *act = &acts[i];
		enum refusal how = act->sealed;
		int status;

		/* Ingest may map, since the kernel's rings come as sockets; what it has cannot be mapped. */
		if (stage == STAGE_INGEST && !strcmp(act->name, "map what it has descriptors of"))
			how = BY_KERNEL;
		status = run_act(act, stage, true);
		cr_expect(ended_so(status, how), "%s may %s: status %x", hosts[stage].ops->name, act->name,
		        (unsigned)status);
		if (act->left == BY_SECCOMP)
			continue;
		status = run_act(act, stage, false);
		cr_expect(ended_so(status, act->left), "%s may %s, but for seccomp: status %x",
		        hosts[stage].ops->name, act->name, (unsigned)status);
	}
}

Test(cage, holds_ingest)
{
	all_acts(STAGE_INGEST);
}

Test(cage, holds_filter)
{
	all_acts(STAGE_FILTER);
}

Test(cage, holds_router)
{
	all_acts(STAGE_ROUTER);
}

Test(cage, holds_session)
{
	all_acts(STAGE_SESSION);
}

/* The user is another in each role, and no capability is left in any set. */
static long look_at_rights(const struct place *p)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, have) || getuid() != CAGE_UID_BASE + p->stage ||
	        getegid() != getuid() || getgroups(0, NULL) != 0 ||
	        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 0;
	for (uint32_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (have[i].effective | have[i].permitted | have[i].inheritable)
			return 0;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0))
			return 0;
	return -1;
}

Test(cage, leaves_no_capability_and_no_user)
{
	const struct act look = {"keep a right", look_at_rights, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++)
		cr_expect(ended_so(run_act(&look, s, false), BY_KERNEL), "%s", hosts[s].ops->name);
}

/* Memory that grows is copied, since mremap is refused. */
static bool grows(void)
{
	char *memory = malloc(3 << 20), *more;
	bool fine;

	if (!memory)
		return false;
	memset(memory, 1, 3 << 20);
	more = realloc(memory, 12 << 20);
	fine = more && more[(3 << 20) - 1] == 1;
	free(more ? more : memory);
	return fine;
}

/* What a stage needs is still there: else the refusals above would prove nothing. */
static long live(const struct place *p)
{
	struct appliance *a = &p->process->taken.appliance;
	struct bell *bell = &a->bell[plan_worker_id(&a->plan, p->stage, 0)];

	*(uint8_t *)a->map[REGION_POOL] = 1;
	((uint8_t *)a->map[REGION_STATE + p->stage])[a->bytes[REGION_STATE + p->stage] - 1] = 1;
	bell_ring(bell);
	if (!grows() || bell_wait(bell, NULL, 0, NANOS_PER_SEC) != 1)
		return 0;
	return handle_send(p->process->sock, "ready", NULL, 0, NULL, 0) ? 0 : -1;
}

Test(cage, leaves_what_a_stage_needs)
{
	const struct act need = {"live", live, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++) {
		int status = run_act(&need, s, true);

		cr_expect(ended_so(status, BY_KERNEL), "%s: %x", hosts[s].ops->name, (unsigned)status);
	}
}

static long fail_an_assertion(const struct place *p)
{
	assert(!p);
	return -1;
}

Test(cage, lets_a_failed_assertion_end_it_as_such)
{
	const struct act fail = {"fail", fail_an_assertion, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++) {
		int status = run_act(&fail, s, true);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: %x", hosts[s].ops->name,
		        (unsigned)status);
	}
}
