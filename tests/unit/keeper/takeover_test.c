/* Who calls a keeper is a process of its own here; what it says is heard, and nobody holds the keeper up. */
#include "services/keeper/keeper.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct keeper keeper;
static char dir[64];
static uint32_t told, supplied;
static int said[2]; /* a pipe: the caller has sent all that it will, or the first of what never ends */

/* What takeover.c asks of its neighbours. */

nanos_t keeper_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nanos_t)ts.tv_sec * NANOS_PER_SEC + (nanos_t)ts.tv_nsec;
}

int call_socket_path(const char *run_dir, struct sockaddr_un *address)
{
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof address->sun_path, "%.90s/keeper.sock", run_dir);
	return 0;
}

int call_folder(const char *run_dir, enum role role, char *path, size_t size)
{
	snprintf(path, size, "%.90s/attend/%s", run_dir, board_role_name(role));
	return 0;
}

void slot_supply(struct keeper *k, enum role role)
{
	k->slot[role].bare = false;
	supplied++;
}

void slot_leave(struct slot *s)
{
	close(s->sock);
	close(s->pidfd);
	s->sock = s->pidfd = -1;
}

void slot_told(struct slot *s, struct handle *h)
{
	(void)s, (void)h;
	told++;
}

static void set_up(void)
{
	snprintf(dir, sizeof dir, "/tmp/sluice-takeover-XXXXXX");
	cr_assert(mkdtemp(dir));
	cr_assert_eq(pipe(said), 0);
	for (enum role r = 0; r < ROLE_COUNT; r++)
		keeper.slot[r] = (struct slot){.sock = -1, .pidfd = -1, .child_fd = -1};
	keeper.stock.taken.appliance.plan.n_workers = 4; /* the memory is known */
	cr_assert_eq(takeover_listen(&keeper, dir), 0);
	cr_assert_eq(keeper.n_listeners, keeper.apart ? ROLE_COUNT : 1);
}

static void set_up_apart(void)
{
	keeper.apart = true;
	set_up();
}

static void tear_down(void)
{
	char path[128];

	takeover_deaf(&keeper, dir);
	for (enum role r = 0; keeper.apart && r < ROLE_COUNT; r++) {
		(void)call_folder(dir, r, path, sizeof path);
		cr_expect_eq(rmdir(path), 0);
	}
	snprintf(path, sizeof path, "%s/attend", dir);
	cr_expect_eq(rmdir(path), keeper.apart ? 0 : -1);
	cr_expect_eq(rmdir(dir), 0);
}

TestSuite(takeover, .init = set_up, .fini = tear_down, .timeout = 250);
TestSuite(takeover_apart, .init = set_up_apart, .fini = tear_down, .timeout = 250);

static void say(int sock, const char *name, const void *body, size_t bytes)
{
	struct pollfd room = {.fd = sock, .events = POLLOUT};

	while (handle_send(sock, name, body, bytes, NULL, 0) == -EAGAIN)
		poll(&room, 1, -1);
}

static int connect_to(const char *folder)
{
	struct sockaddr_un address = {0};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)call_socket_path(folder, &address);
	if (connect(sock, (const struct sockaddr *)&address, sizeof address))
		_exit(1);
	return sock;
}

static void greet(int sock, bool bare)
{
	const struct hello hello = {.role = ROLE_FILTER, .bare = bare};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (handle_send(sock, "hello", &hello, sizeof hello, &self, 1))
		_exit(1);
}

static void tell_test(void)
{
	(void)!write(said[1], "", 1);
}

static _Noreturn void live_on(void)
{
	tell_test();
	for (;;)
		pause();
}

static _Noreturn void say_endlessly(int sock, const char *name)
{
	say(sock, name, NULL, 0);
	tell_test();
	for (;;)
		say(sock, name, NULL, 0);
}

/* A process that connects, greets as the filter's attendant if `greets`, says this again and again if not
 * NULL, then `told` if `ends`, and lives on. */
static pid_t call(bool greets, const char *endless, bool ends)
{
	pid_t child = fork();
	int sock;

	if (child)
		return child;
	sock = connect_to(dir);
	if (greets)
		greet(sock, false);
	if (endless)
		say_endlessly(sock, endless);
	if (ends)
		say(sock, "told", NULL, 0);
	live_on();
}

/* One that greets as the filter's attendant, bare, in that role's folder. */
static pid_t call_apart(enum role where)
{
	char folder[128];
	pid_t child = fork();

	if (child)
		return child;
	(void)call_folder(dir, where, folder, sizeof folder);
	greet(connect_to(folder), true);
	live_on();
}

static void has_said(void)
{
	char byte;

	cr_assert_eq(read(said[0], &byte, 1), 1);
}

static void hear_at(uint32_t listener)
{
	struct pollfd wait = {.fd = keeper.listener[listener], .events = POLLIN};

	cr_assert_eq(poll(&wait, 1, -1), 1);
	takeover_accept(&keeper, listener);
}

static void hear_it(void)
{
	hear_at(0);
}

static int end_of(pid_t child)
{
	int status;

	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(takeover, takes_an_attendant_that_tells_all)
{
	const struct slot *s = &keeper.slot[ROLE_FILTER];
	pid_t child = call(true, NULL, true);

	has_said();
	hear_it();
	cr_expect_eq(s->pid, child);
	cr_expect(s->pidfd >= 0 && s->sock >= 0);
	cr_expect_eq(told, 1);
	kill(child, SIGTERM);
	cr_expect_eq(end_of(child), SIGTERM);
}

Test(takeover, leaves_who_does_not_greet)
{
	pid_t child = call(false, NULL, false);

	hear_it();
	for (enum role r = 0; r < ROLE_COUNT; r++)
		cr_expect(keeper.slot[r].sock < 0 && keeper.slot[r].pidfd < 0);
	kill(child, SIGTERM);
	cr_expect_eq(end_of(child), SIGTERM);
}

Test(takeover, ends_who_does_not_come_to_an_end)
{
	pid_t child = call(true, "ready", false);

	has_said();
	hear_it();
	cr_expect_eq(end_of(child), SIGKILL);
	cr_expect_gt(told, 0);
}

Test(takeover, ends_who_falls_silent)
{
	pid_t child = call(true, NULL, false);

	hear_it();
	cr_expect_eq(end_of(child), SIGKILL);
}

/* Its pidfd tells the keeper at once. */
Test(takeover, sees_the_end_of_who_has_gone_already)
{
	struct pollfd end = {.events = POLLIN};
	pid_t child = call(true, NULL, true);

	has_said();
	kill(child, SIGKILL);
	cr_expect_eq(end_of(child), SIGKILL);
	hear_it();
	end.fd = keeper.slot[ROLE_FILTER].pidfd;
	cr_expect(end.fd < 0 || poll(&end, 1, 0) == 1);
}

static void end(pid_t child)
{
	kill(child, SIGTERM);
	cr_expect_eq(end_of(child), SIGTERM);
}

Test(takeover_apart, gives_a_bare_attendant_what_there_is)
{
	const struct slot *s = &keeper.slot[ROLE_FILTER];
	pid_t child = call_apart(ROLE_FILTER);

	has_said();
	hear_at(ROLE_FILTER);
	cr_expect(s->pidfd >= 0 && s->sock >= 0 && !s->bare);
	cr_expect_eq(supplied, 1);
	end(child);
}

Test(takeover_apart, lets_a_bare_attendant_wait_until_there_is_something)
{
	const struct slot *s = &keeper.slot[ROLE_FILTER];
	pid_t child;

	keeper.stock.taken.appliance.plan.n_workers = 0;
	child = call_apart(ROLE_FILTER);
	has_said();
	hear_at(ROLE_FILTER);
	cr_expect(s->pidfd >= 0 && s->bare);
	cr_expect_eq(supplied, 0);
	end(child);
}

Test(takeover_apart, knows_a_role_by_the_folder_where_it_calls)
{
	pid_t child = call_apart(ROLE_ROUTER);

	has_said();
	hear_at(ROLE_ROUTER);
	for (enum role r = 0; r < ROLE_COUNT; r++)
		cr_expect(keeper.slot[r].sock < 0 && keeper.slot[r].pidfd < 0);
	end(child);
}

Test(takeover_apart, takes_nobody_while_the_process_before_may_live)
{
	pid_t child;

	keeper.slot[ROLE_FILTER].child_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	child = call_apart(ROLE_FILTER);
	has_said();
	hear_at(ROLE_FILTER);
	cr_expect(keeper.slot[ROLE_FILTER].pidfd < 0);
	cr_expect_eq(supplied, 0);
	end(child);
}

Test(takeover, gives_nothing_to_who_is_bare)
{
	pid_t child = fork();

	if (child == 0) {
		greet(connect_to(dir), true);
		live_on();
	}
	has_said();
	hear_it();
	cr_expect(keeper.slot[ROLE_FILTER].pidfd < 0);
	cr_expect_eq(supplied, 0);
	end(child);
}
