#include "services/keeper/keeper.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the new attendant: what is the keeper's alone. */
static void shed(struct keeper *k)
{
	sigset_t none;

	for (uint32_t i = 0; i < k->n_listeners; i++)
		close_fd(&k->listener[i]);
	close_fd(&k->signals);
	close_fd(&k->lock);
	for (enum role r = 0; r < ROLE_COUNT; r++) {
		close_fd(&k->slot[r].sock);
		close_fd(&k->slot[r].pidfd);
		close_fd(&k->slot[r].child_fd);
		kept_clear(&k->slot[r].kept);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int fork_attendant(struct keeper *k, enum role role)
{
	struct slot *s = &k->slot[role];
	int sock[2], err = handle_pair(sock);
	pid_t pid;

	if (err)
		return err;
	pid = fork();
	if (pid == 0) {
		close(sock[0]);
		shed(k);
		attendant_main(&k->stock, role, k->programs, sock[1], NULL);
	}
	err = pid < 0 ? -errno : 0;
	close(sock[1]);
	if (err) {
		close(sock[0]);
		return err;
	}
	s->sock = sock[0];
	s->pid = pid;
	s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return s->pidfd < 0 ? -errno : 0;
}

/* What is held for the role goes to its new attendant. */
static int hand_over(struct slot *s)
{
	int err = kept_send_all(&s->kept, s->sock, "kept");

	return err ? err : handle_send(s->sock, "begin", NULL, 0, NULL, 0);
}

void slot_supply(struct keeper *k, enum role role)
{
	struct slot *s = &k->slot[role];
	int err = stock_hand_all(&k->stock, s->sock);

	s->bare = false;
	if (!err)
		err = hand_over(s);
	if (!err)
		return;
	fprintf(stderr, "sluice-keeper: the attendant of %s does not take what it needs: %s\n",
	        board_role_name(role), strerror(-err));
	slot_leave(s);
}

void slot_leave(struct slot *s)
{
	close_fd(&s->sock);
	close_fd(&s->pidfd);
	s->pid = 0;
	s->ready = s->bare = false;
}

void slot_start(struct keeper *k, enum role role, nanos_t now)
{
	struct slot *s = &k->slot[role];
	int err = fork_attendant(k, role);

	s->start_at = NANOS_NEVER;
	if (!err) {
		supervise_started(&s->life, now);
		err = hand_over(s);
	}
	if (!err)
		return;
	fprintf(stderr, "sluice-keeper: cannot start the attendant of %s: %s\n", board_role_name(role),
	        strerror(-err));
	if (s->pidfd >= 0)
		kill(s->pid, SIGKILL);
	else
		s->start_at = now + NANOS_PER_SEC;
}

static void take_child(struct slot *s, struct handle *h)
{
	int32_t pid;

	if (h->n_fds != 1 || h->bytes != sizeof pid)
		return;
	memcpy(&pid, h->body, sizeof pid);
	close_fd(&s->child_fd);
	s->child = pid;
	s->child_fd = handle_take(h, 0);
	s->ready = false;
}

void slot_told(struct slot *s, struct handle *h)
{
	if (!strcmp(h->name, "child"))
		take_child(s, h);
	else if (!strcmp(h->name, "ready"))
		s->ready = true;
	else if (!strcmp(h->name, "keep") && kept_receive(&s->kept, h))
		fprintf(stderr, "sluice-keeper: no room to hold what an attendant has opened\n");
}

static int hear(struct slot *s)
{
	struct handle h;
	int got = handle_receive(s->sock, &h, 0);

	if (got > 0) {
		slot_told(s, &h);
		handle_close(&h);
	}
	return got;
}

void slot_message(struct keeper *k, enum role role)
{
	struct slot *s = &k->slot[role];

	if (hear(s) == -EPIPE)
		close_fd(&s->sock); /* its death follows */
}

/* How the attendant died; one that an earlier keeper started is not ours to ask. */
static struct supervise_death how(const struct slot *s)
{
	siginfo_t info = {0};
	struct supervise_death death = {.signal = SIGKILL};

	if (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == s->pid) {
		death.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
		death.status = info.si_code == CLD_EXITED ? info.si_status : 0;
	}
	return death;
}

void slot_died(struct keeper *k, enum role role, nanos_t now)
{
	struct slot *s = &k->slot[role];
	struct supervise_death death = how(s);

	/* What it said last counts still: the process that it had begun, descriptors to be held. */
	while (s->sock >= 0 && hear(s) > 0)
		;
	slot_leave(s);
	if (role == ROLE_INGEST)
		board_opener_gone(&stock_board(&k->stock)->opener);
	if (s->child_fd >= 0)
		syscall(SYS_pidfd_send_signal, s->child_fd, SIGKILL, NULL, 0);
	if (k->stopping)
		return;
	fprintf(stderr, "sluice-keeper: the attendant of %s is gone, and its process with it; %s\n",
	        board_role_name(role), k->apart ? "it waits for another" : "both are started again");
	if (!k->apart)
		s->start_at = supervise_died(&s->life, &death, now);
}

void slot_child_died(struct keeper *k, enum role role, nanos_t now)
{
	struct slot *s = &k->slot[role];
	struct board_role *r = &stock_board(&k->stock)->role[role];

	/* Ours where this process is the first of its container. */
	(void)waitpid(s->child, NULL, WNOHANG);
	close_fd(&s->child_fd);
	s->child = 0;
	board_role_begin(r);
	if (r->pid) {
		r->last_pid = r->pid;
		r->crash = 0;
		r->pid = 0;
		r->last_signal = SIGKILL;
		r->died_at = now;
	}
	r->attendant = 0;
	r->state = k->stopping ? BOARD_ROLE_STOPPED : BOARD_ROLE_WAITING;
	board_role_end(r);
}
