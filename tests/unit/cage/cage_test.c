/* Each stage is caged as it is when it runs, by the same code and with the same descriptors, and then tries
 * what it must not be able to do. */
#include "services/control/control.h"
#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/keeper/stock.h"
#include "services/router/router.h"
#include "services/session/session.h"
#include "tests/unit/cage/acts.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define REFUSED 42
#define BROKEN  99 /* the cage itself could not be made */

static const struct host hosts[STAGE_COUNT] = {
        {.ops = &ingest_stage, .stage = STAGE_INGEST, .calls = CAGE_INGEST},
        {.ops = &filter_stage, .stage = STAGE_FILTER, .calls = CAGE_STAGE},
        {.ops = &router_stage, .stage = STAGE_ROUTER, .calls = CAGE_STAGE},
        {.ops = &session_stage, .stage = STAGE_SESSION, .calls = CAGE_SESSION},
};

static struct stock stock;
static char run_dir[] = "/tmp/sluice-cage-XXXXXX";

static int keeper;

/* What lies in a run folder, and a folder that everybody may write. */
static void make_folders(struct blueprint *b)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[64];

	cr_assert(mkdtemp(run_dir));
	chmod(run_dir, 0755);
	memcpy(b->run_dir, run_dir, sizeof run_dir);
	snprintf(b->sockets_dir, sizeof b->sockets_dir, "%s/" BLUEPRINT_SOCKETS, run_dir);
	snprintf(b->state_dir, sizeof b->state_dir, "%s/state", run_dir);
	cr_assert_eq(cage_give_folder(b->sockets_dir, CAGE_UID_BASE + ROLE_CONTROL, 0755), 0);
	cr_assert_eq(cage_give_folder(b->state_dir, CAGE_UID_BASE + ROLE_CONTROL, 0700), 0);
	snprintf(path, sizeof path, "%s/open", run_dir);
	cr_assert_eq(mkdir(path, 0777), 0);
	chmod(path, 0777);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/keeper.sock", run_dir);
	keeper = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(keeper, (const struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(chmod(address.sun_path, 0666), 0); /* that it refuses must not be all */
	cr_assert_eq(listen(keeper, 8), 0);
}

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
	make_folders(&b);
	cr_assert_eq(stock_make(&stock, blueprint_seal(&b)), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void tear_down(void)
{
	if (keeper)
		nftw(run_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(cage, .init = set_up, .fini = tear_down);

/* In the child: as host_main does it, and then the attempt. */
static void enter_stage(struct place *place, bool sealed)
{
	static struct host_process process;
	struct host host = hosts[place->role];

	host.unsealed = !sealed;
	if (host_enter(&host, place->sock, &process))
		_exit(BROKEN);
	place->taken = &process.taken;
}

/* And as control's main does it. */
static void enter_control(struct place *place)
{
	static struct host_taken taken;

	if (host_take_up(place->sock, APPLIANCE_CONTROL, -1, &taken))
		_exit(BROKEN);
	host_keep_bells(&taken, place->sock);
	if (control_confine(&taken))
		_exit(BROKEN);
	place->taken = &taken;
}

static _Noreturn void try_act(const struct act *act, enum role role, int sock, bool sealed)
{
	struct place place = {.sock = sock, .role = role, .outside = getppid()};

	if (role == ROLE_CONTROL)
		enter_control(&place);
	else
		enter_stage(&place, sealed);
	_exit(act->attempt(&place) < 0 ? REFUSED : 0);
}

static int run_act(const struct act *act, enum role role, bool sealed)
{
	int sock[2], status, err = handle_pair(sock);
	pid_t child;

	cr_assert_eq(err, 0);
	cr_assert_eq(stock_hand(&stock, sock[0], role), 0);
	child = fork();
	if (child == 0)
		try_act(act, role, sock[1], sealed);
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
	case BY_NOBODY: return WIFEXITED(status) && WEXITSTATUS(status) == 0;
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

		/* Ingest may map, since the kernel's rings come as sockets, and session, to which
		 * applications' memory comes; what they have here cannot be mapped. */
		if ((stage == STAGE_INGEST || stage == STAGE_SESSION) &&
		        !strcmp(act->name, "map what it has descriptors of"))
			how = BY_KERNEL;
		status = run_act(act, (enum role)stage, true);
		cr_expect(ended_so(status, how), "%s may %s: status %x", hosts[stage].ops->name, act->name,
		        (unsigned)status);
		if (act->left == BY_SECCOMP)
			continue;
		status = run_act(act, (enum role)stage, false);
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

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

Test(cage, holds_control)
{
	for (uint32_t i = 0; i < n_acts; i++) {
		const struct act *act = &acts[i];
		int status;

		if (!has_landlock() && !strcmp(act->name, "write where everybody may"))
			continue;
		status = run_act(act, ROLE_CONTROL, true);
		cr_expect(ended_so(status, act->control), "control and %s: status %x", act->name,
		        (unsigned)status);
	}
}

/* The user is another in each role, and no capability is left in any set. */
static long look_at_rights(const struct place *p)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, have) || getuid() != CAGE_UID_BASE + (uid_t)p->role ||
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
	const struct act look = {"keep a right", look_at_rights, BY_KERNEL, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++)
		cr_expect(ended_so(run_act(&look, (enum role)s, false), BY_KERNEL), "%s", hosts[s].ops->name);
}

/* What the kernel says of control, which cannot ask for all of it any more. */
static long look_at_status(const struct place *p)
{
	static const char *const wanted[] = {"Uid:\t64644\t64644\t64644\t64644\n",
	        "Gid:\t64644\t64644\t64644\t64644\n", "Groups:\t \n", "CapInh:\t0000000000000000\n",
	        "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
	        "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"};
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);

	(void)p;
	if (read(fd, text, sizeof text - 1) <= 0)
		return 0;
	for (uint32_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!strstr(text, wanted[i]))
			return 0;
	return -1;
}

Test(cage, leaves_control_no_capability_and_no_user)
{
	const struct act look = {"keep a right", look_at_status, BY_KERNEL, BY_KERNEL, BY_KERNEL};

	cr_expect(ended_so(run_act(&look, ROLE_CONTROL, true), BY_KERNEL));
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
	const struct appliance *a = &p->taken->appliance;
	struct bell bell = a->bell[plan_worker_id(&a->plan, (enum stage_id)p->role, 0)];

	*(uint8_t *)a->map[REGION_POOL] = 1;
	((uint8_t *)a->map[REGION_STATE + (uint32_t)p->role])[a->bytes[REGION_STATE + (uint32_t)p->role] -
	                                                      1] = 1;
	bell_ring(&bell);
	if (!grows() || bell_wait(&bell, NULL, 0, NANOS_PER_SEC) != 1)
		return 0;
	return handle_send(p->sock, "ready", NULL, 0, NULL, 0) ? 0 : -1;
}

Test(cage, leaves_what_a_stage_needs)
{
	const struct act need = {"live", live, BY_KERNEL, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++) {
		int status = run_act(&need, (enum role)s, true);

		cr_expect(ended_so(status, BY_KERNEL), "%s: %x", hosts[s].ops->name, (unsigned)status);
	}
}

static void *come_and_go(void *arg)
{
	return arg;
}

/* A thread, files of its own, a socket that listens. */
static long live_as_control(const struct place *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "x.sock"};
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int local = socket(AF_UNIX, SOCK_SEQPACKET, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	char path[BLUEPRINT_PATH + 8];
	pthread_t thread;

	snprintf(address.sun_path, sizeof address.sun_path, "%.90s/x.sock", p->taken->sockets_dir);
	snprintf(path, sizeof path, "%s/file", p->taken->state_dir);
	if (pthread_create(&thread, NULL, come_and_go, NULL) || pthread_join(thread, NULL) ||
	        bind(local, (const struct sockaddr *)&address, sizeof address) ||
	        chmod(address.sun_path, 0666) || listen(local, 8) || unlink(address.sun_path) ||
	        bind(tcp, (const struct sockaddr *)&any, sizeof any) || listen(tcp, 8))
		return 0;
	if (open(path, O_RDWR | O_CREAT, 0600) < 0 || rename(path, path) || unlink(path) || !grows())
		return 0;
	bell_ring(&(struct bell){p->taken->appliance.bell[0].fd});
	return handle_send(p->sock, "ready", NULL, 0, NULL, 0) ? 0 : -1;
}

Test(cage, leaves_what_control_needs)
{
	const struct act need = {"live", live_as_control, BY_KERNEL, BY_KERNEL, BY_KERNEL};
	int status = run_act(&need, ROLE_CONTROL, true);

	cr_expect(ended_so(status, BY_KERNEL), "%x", (unsigned)status);
}

static long fail_an_assertion(const struct place *p)
{
	assert(!p);
	return -1;
}

Test(cage, lets_a_failed_assertion_end_it_as_such)
{
	const struct act fail = {"fail", fail_an_assertion, BY_KERNEL, BY_KERNEL, BY_KERNEL};

	for (enum stage_id s = 0; s < STAGE_COUNT; s++) {
		int status = run_act(&fail, (enum role)s, true);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: %x", hosts[s].ops->name,
		        (unsigned)status);
	}
}
