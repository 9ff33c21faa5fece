#include "common/host/host.h"

#include "common/board/board.h"

#include <linux/futex.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY (UINT64_C(256) << 20) /* many times what a stage has beside the regions */

static int fail(const struct host *host, int err, const char *what)
{
	if (err == -ESTALE)
		fprintf(stderr, "sluice-%s: %s\n", host->ops->name, BLUEPRINT_STALE);
	else
		fprintf(stderr, "sluice-%s: %s: %s\n", host->ops->name, what, strerror(-err));
	return err;
}

/* Threads. */

static void *lane_thread(void *arg)
{
	struct host_lane *lane = arg;

	host_lane_settle(lane);
	__atomic_add_fetch(lane->settled, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, lane->settled, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (!__atomic_load_n(lane->go, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, lane->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	host_lane_run(lane);
	return NULL;
}

static int start_worker(struct host_process *p, uint32_t l)
{
	uint32_t id = plan_worker_id(&p->taken.appliance.plan, p->host->stage, l);
	struct worker *w = calloc(1, sizeof *w);

	p->lane[l] = (struct host_lane){.worker = w,
	        .core = p->taken.n_cores ? (int)p->taken.cores[l % p->taken.n_cores] : -1,
	        .batch = true,
	        .go = &p->go,
	        .settled = &p->settled};
	return w ? worker_start(w, &p->taken.appliance, id) : -ENOMEM;
}

/* What its attendant says of the last death. */
static void ask_of_death(struct host_process *p)
{
	struct appliance *a = &p->taken.appliance;
	const struct board *board = a->map[REGION_BOARD];
	struct board_role role = {0};

	a->own_fault = board && board_role_read(&board->role[p->host->stage], &role) && role.own_fault;
	a->death = (struct box_death){
	        .at = role.died_at,
	        .starts = role.starts - 1,
	        .faults = role.faults,
	        .crash = role.crash,
	        .pid = role.last_pid,
	        .signal = role.last_signal,
	        .status = role.last_exit,
	        .stalled = role.last_signal == SIGKILL,
	};
}

static int start_threads(struct host_process *p)
{
	uint32_t lanes = p->taken.appliance.plan.params.lanes, settled;

	for (uint32_t l = 0; l < lanes; l++) {
		int err = pthread_create(&p->thread[l], NULL, lane_thread, &p->lane[l]);

		if (err)
			return -err;
		p->n_threads++;
	}
	while ((settled = __atomic_load_n(&p->settled, __ATOMIC_ACQUIRE)) < lanes)
		syscall(SYS_futex, &p->settled, FUTEX_WAIT_PRIVATE, settled, NULL, NULL, 0);
	return 0;
}

/* The cage. */

static int leave(struct host_process *p)
{
	const struct cage cage = {
	        .uid = CAGE_UID_BASE + (uid_t)p->host->stage,
	        .root = p->taken.root,
	        .net = p->taken.net,
	        .pdeath_signal = SIGKILL,
	        .memory = MEMORY + p->taken.appliance.plan.params.lanes * CAGE_STACK,
	};
	pid_t parent = getppid();
	uint32_t missed;
	int err;

	if (p->host->uncaged)
		return 0;
	err = cage_leave(&cage, &missed);
	if (!err)
		cage_tell_missed(p->host->ops->name, missed);
	/* The attendant may have died before its death was to be told. */
	return err ? err : getppid() == parent ? 0 : -EPIPE;
}

static int seal(const struct host_process *p)
{
	const struct appliance *a = &p->taken.appliance;
	int others[WORKERS_MAX];
	uint32_t n = 0;

	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		if (a->plan.worker[w].stage != (uint32_t)p->host->stage && a->bell[w].fd >= 0)
			others[n++] = a->bell[w].fd;
	return cage_seal(p->host->calls, others, n);
}

int host_enter(const struct host *host, int sock, struct host_process *p)
{
	int err;

	*p = (struct host_process){.host = host, .sock = sock};
	mallopt(M_ARENA_MAX, 1); /* more of them ask the system how many processors it has */
	err = host_take_up(sock, 1u << host->stage, -1, &p->taken);
	if (!err && host->prepare)
		err = host->prepare(host->context, &p->taken.appliance);
	if (err)
		return fail(host, err, "cannot take up what the attendant hands it");
	p->taken.appliance.ops[host->stage] = host->ops;
	ask_of_death(p);
	err = leave(p);
	if (err)
		return fail(host, err, "cannot give up its privileges");
	host_keep_bells(&p->taken, sock);
	for (uint32_t l = 0; l < p->taken.appliance.plan.params.lanes && !err; l++)
		err = start_worker(p, l);
	if (!err)
		err = start_threads(p);
	if (err)
		return fail(host, err, "cannot start its workers");
	if (!host->uncaged && !host->unsealed)
		err = seal(p);
	return err ? fail(host, err, "cannot give up system calls") : 0;
}

/* Running. */

static void wake_workers(struct host_process *p)
{
	for (uint32_t l = 0; l < p->taken.appliance.plan.params.lanes; l++)
		bell_ring(&p->taken.appliance
		                   .bell[plan_worker_id(&p->taken.appliance.plan, p->host->stage, l)]);
}

/* Until `stop`, or the attendant is gone. */
static int serve(struct host_process *p)
{
	struct handle h;
	int got;

	for (;;) {
		got = handle_receive(p->sock, &h, -1);
		if (got == -EPROTO)
			continue;
		if (got <= 0)
			return got;
		if (!strcmp(h.name, "stop")) {
			handle_close(&h);
			return 0;
		}
		if (p->host->handle && p->host->handle(p->host->context, &h))
			wake_workers(p);
		handle_close(&h);
	}
}

int host_run(struct host_process *p)
{
	int err = handle_send(p->sock, "ready", NULL, 0, NULL, 0);

	__atomic_store_n(&p->go, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &p->go, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
	if (!err)
		err = serve(p);
	if (err) {
		fail(p->host, err, "the attendant is gone");
		return 1;
	}
	/* The keeper has told the workers to return, by the control block. */
	for (uint32_t l = 0; l < p->n_threads; l++)
		pthread_join(p->thread[l], NULL);
	return 0;
}

int host_main(const struct host *host)
{
	struct host_process *p = calloc(1, sizeof *p);

	if (!p)
		return 1;
	return host_enter(host, HANDLE_STAGE_FD, p) ? 1 : host_run(p);
}
