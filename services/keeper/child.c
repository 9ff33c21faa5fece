#include "services/keeper/internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_PATIENCE  NANOS_PER_SEC
#define START_PATIENCE (10 * NANOS_PER_SEC)
#define USAGE_EVERY    (500 * NANOS_PER_MS)

static struct board_role *entry(const struct attendant *a)
{
	return &stock_board(a->stock)->role[a->role];
}

static struct board_usage *usage_entry(const struct attendant *a)
{
	return &stock_board(a->stock)->usage[a->role];
}

static void say(const struct attendant *a, const char *what, int err)
{
	fprintf(stderr, "sluice-keeper: %s: %s: %s\n", board_role_name(a->role), what, strerror(-err));
}

static void say_death(const struct attendant *a, const struct supervise_death *d, nanos_t wait)
{
	const char *name = board_role_name(a->role);

	if (d->stalled)
		fprintf(stderr,
		        "sluice-keeper: %s made no progress for a second though it had work and was killed",
		        name);
	else if (d->signal)
		fprintf(stderr, "sluice-keeper: %s died of signal %d (%s)", name, d->signal,
		        strsignal(d->signal));
	else
		fprintf(stderr, "sluice-keeper: %s exited with status %d", name, d->status);
	if (wait)
		fprintf(stderr, "; %sstarted again in %llu ms\n",
		        supervise_failed(&a->life) ? "it does so again and again, and is " : "",
		        (unsigned long long)(wait / NANOS_PER_MS));
	else
		fprintf(stderr, "; started again\n");
}

void memory_rank(int rank)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!dprintf(fd, "%d\n", rank);
		close(fd);
	}
}

/* Birth. */

/* It reads nobody's terminal, and what it writes goes by the attendant. */
static bool set_streams(int words)
{
	int none = open("/dev/null", O_RDONLY);

	return none >= 0 && dup2(none, 0) == 0 && dup2(words, 1) == 1 && dup2(words, 2) == 2;
}

/* In the new process.  It has no memory mapped and no descriptor but the socket, until it is told `go`;
 * should the attendant be gone by now, it goes too. */
static _Noreturn void become_role(const struct attendant *a, int sock, int words, pid_t attendant)
{
	char path[4096], name[32];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != attendant)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	memory_rank(MEMORY_RANK_ROLE);
	snprintf(name, sizeof name, "sluice-%s", board_role_name(a->role));
	snprintf(path, sizeof path, "%s/%s", a->programs, name);
	if (set_streams(words) && dup2(sock, HANDLE_STAGE_FD) == HANDLE_STAGE_FD) {
		cage_close_all_but((const int[]){HANDLE_STAGE_FD}, 1);
		execl(path, name, (char *)NULL);
	}
	fprintf(stderr, "%s: cannot run %s: %s\n", name, path, strerror(errno));
	_exit(127);
}

/* The process alone; 0 with its ends of the socket and of the pipe closed here. */
static int fork_with(struct attendant *a, int sock, int words)
{
	pid_t attendant = getpid(), child = fork();
	int err = child < 0 ? -errno : 0;

	if (child == 0)
		become_role(a, sock, words, attendant);
	close(sock);
	close(words);
	a->child = child;
	return err;
}

static int fork_role(struct attendant *a)
{
	int sock[2], words, err = handle_pair(sock);

	if (err)
		return err;
	words = words_open(&a->words, board_role_name(a->role));
	if (words < 0)
		close(sock[1]);
	err = words < 0 ? words : fork_with(a, sock[1], words);
	if (err) {
		words_close(&a->words, stderr);
		close(sock[0]);
		return err;
	}
	a->sock = sock[0];
	a->child_fd = (int)syscall(SYS_pidfd_open, a->child, 0);
	return a->child_fd < 0 ? -errno : 0;
}

static void note_birth(struct attendant *a, nanos_t now)
{
	struct board_role *r = entry(a);

	board_role_begin(r);
	r->state = BOARD_ROLE_STARTING;
	r->pid = a->child;
	r->attendant = getpid();
	r->starts++;
	r->started_at = now;
	r->backoff_until = 0;
	board_role_end(r);
}

void child_start(struct attendant *a, nanos_t now)
{
	int err = fork_role(a);

	a->start_at = NANOS_NEVER;
	a->ready = a->stalled = false;
	a->deaf_since = 0;
	a->watch = (struct watch){0};
	a->look_at = now + SUPERVISE_LOOK;
	a->usage_at = now + USAGE_EVERY;
	usage_begin(&a->usage, usage_entry(a));
	if (!err) {
		note_birth(a, now);
		supervise_started(&a->life, now);
		/* First the keeper can prove its death, then it gets the memory. */
		err = call_child(a);
		if (!err)
			err = stock_hand(a->stock, a->sock, a->role);
	}
	if (err) {
		say(a, "cannot start it", err);
		if (a->child_fd >= 0)
			child_kill(a);
		else
			a->start_at = now + NANOS_PER_SEC;
		return;
	}
	if (a->duty && a->duty->started)
		a->duty->started(a->context, now);
}

/* Life. */

static void note_ready(struct attendant *a, nanos_t now)
{
	struct board_role *r = entry(a);

	a->ready = true;
	board_role_begin(r);
	r->state = BOARD_ROLE_RUNNING;
	r->ready_at = now;
	r->own_fault = 0; /* it knows by now; and it may go with us, which nobody would note */
	board_role_end(r);
	call_ready(a);
}

void child_message(struct attendant *a, nanos_t now)
{
	struct handle h;
	int got = handle_receive(a->sock, &h, 0);

	if (got == -EPIPE) {
		/* It has closed its end, or is dying: then its pidfd says so. */
		close(a->sock);
		a->sock = -1;
	}
	if (got <= 0)
		return;
	if (!strcmp(h.name, "ready") && !a->ready)
		note_ready(a, now);
	else if (a->duty && a->duty->message)
		a->duty->message(a->context, &h);
	handle_close(&h);
}

void child_kill(struct attendant *a)
{
	bool refused = a->child_fd >= 0 && syscall(SYS_pidfd_send_signal, a->child_fd, SIGKILL, NULL, 0) &&
	               errno == EPERM;

	/* Who may not kill a process of another user (CAP_KILL) takes it along as the first of its container.
	 */
	if (refused && getpid() == 1)
		_exit(1);
}

/* What a look is late by does not count (supervise_stalled). */
static void forgive(struct attendant *a, nanos_t now)
{
	nanos_t late = now - MIN(a->look_at, now);

	if (a->deaf_since)
		a->deaf_since = MIN(a->deaf_since + late, now);
	a->life.started_at = MIN(a->life.started_at + late, now);
}

/* Whether it makes no progress: it does not start, does not read what it is sent, or leaves work lying. */
static bool stalls(struct attendant *a, nanos_t now)
{
	bool waiting;

	if (a->deaf_since && now - a->deaf_since >= SUPERVISE_STALLED)
		return true;
	if (!a->ready)
		return now - a->life.started_at >= START_PATIENCE;
	if (a->role == ROLE_CONTROL)
		return false;
	waiting = a->duty && a->duty->waiting && a->duty->waiting(a->context);
	return watch_look(&a->watch, &a->stock->taken.appliance, (enum stage_id)a->role, waiting, now);
}

void child_look(struct attendant *a, nanos_t now)
{
	forgive(a, now);
	a->look_at = now + SUPERVISE_LOOK;
	if (a->usage_at <= now) {
		a->usage_at = now + USAGE_EVERY;
		usage_look(&a->usage, a->child, now, usage_entry(a));
	}
	if (a->child_fd >= 0 && !a->stalled && stalls(a, now)) {
		a->stalled = true;
		child_kill(a);
	}
}

void child_stop(struct attendant *a, nanos_t now)
{
	a->stopping = true;
	a->start_at = NANOS_NEVER;
	a->kill_at = now + STOP_PATIENCE;
	if (a->sock < 0 || handle_send(a->sock, "stop", NULL, 0, NULL, 0))
		child_kill(a);
}

/* Death. */

static struct supervise_death wait_for_it(const struct attendant *a)
{
	siginfo_t info = {0};
	struct supervise_death death = {.stalled = a->stalled, .ordered = a->stopping};

	while (waitid(P_PIDFD, (id_t)a->child_fd, &info, WEXITED) && errno == EINTR)
		;
	if (info.si_code == CLD_EXITED)
		death.status = info.si_status;
	else
		death.signal = info.si_status;
	return death;
}

static void note_death(struct attendant *a, const struct supervise_death *d, nanos_t now)
{
	struct board_role *r = entry(a);

	board_role_begin(r);
	r->state = a->stopping                  ? BOARD_ROLE_STOPPED
	           : supervise_failed(&a->life) ? BOARD_ROLE_FAILED
	                                        : BOARD_ROLE_WAITING;
	r->last_pid = r->pid;
	r->pid = 0;
	r->died_at = now;
	r->last_signal = d->signal;
	r->last_exit = d->status;
	r->own_fault = supervise_own_fault(d);
	r->faults += r->own_fault;
	r->crash = r->own_fault && a->role < ROLE_CONTROL
	                   ? __atomic_add_fetch(&stock_board(a->stock)->crashes, 1, __ATOMIC_RELAXED)
	                   : 0;
	r->stalls += d->stalled;
	r->backoff_until = a->start_at > now && a->start_at != NANOS_NEVER ? a->start_at : 0;
	board_role_end(r);
}

/* Where this process is the first of its container orphans become its children. */
void child_bury_others(const struct attendant *a)
{
	siginfo_t info = {0};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid &&
	        info.si_pid != a->child) {
		(void)waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

void child_died(struct attendant *a, nanos_t now)
{
	struct supervise_death death;

	usage_look(&a->usage, a->child, now, usage_entry(a));
	death = wait_for_it(a);
	words_close(&a->words, stderr);
	close(a->child_fd);
	if (a->sock >= 0)
		close(a->sock);
	a->child_fd = a->sock = -1;
	a->child = 0;
	a->start_at = a->stopping ? NANOS_NEVER : supervise_died(&a->life, &death, now);
	note_death(a, &death, now);
	if (!a->stopping)
		say_death(a, &death, a->start_at - now);
	if (a->duty && a->duty->died)
		a->duty->died(a->context, now);
}
