/* Who calls a keeper is a process of its own here; what it says is heard, and nobody holds the keeper up. */
#include "services/keeper/keeper.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct keeper keeper;
static char dir[64];
static uint32_t told;
static int said[2]; /* a pipe: the caller has sent all that it will */

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
}

static void tear_down(void)
{
	struct sockaddr_un address;

	(void)call_socket_path(dir, &address);
	unlink(address.sun_path);
	cr_expect_eq(rmdir(dir), 0);
}

TestSuite(takeover, .init = set_up, .fini = tear_down, .timeout = 60);

static void say(int sock, const char *name, const void *body, size_t bytes)
{
	struct pollfd room = {.fd = sock, .events = POLLOUT};

	while (handle_send(sock, name, body, bytes, NULL, 0) == -EAGAIN)
		poll(&room, 1, -1);
}

/* A process that connects, greets as the filter's attendant if `greets`, says this again and again if not
 * NULL, then `told` if `ends`, and lives on. */
static pid_t call(bool greets, const char *endless, bool ends)
{
	const struct hello hello = {.role = ROLE_FILTER};
	struct sockaddr_un address = {0};
	pid_t child = fork();
	int sock;

	if (child)
		return child;
	sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	(void)call_socket_path(dir, &address);
	if (connect(sock, (const struct sockaddr *)&address, sizeof address))
		_exit(1);
	if (greets)
		say(sock, "hello", &hello, sizeof hello);
	while (endless)
		say(sock, endless, NULL, 0);
	if (ends)
		say(sock, "told", NULL, 0);
	(void)!write(said[1], "", 1);
	for (;;)
		pause();
}

static void has_said(void)
{
	char byte;

	cr_assert_eq(read(said[0], &byte, 1), 1);
}

static void hear_it(void)
{
	struct pollfd wait = {.fd = keeper.listener, .events = POLLIN};

	cr_assert_eq(poll(&wait, 1, 30000), 1);
	takeover_accept(&keeper);
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

Test(takeover, does_not_take_who_has_gone_already)
{
	pid_t child = call(true, NULL, true);

	has_said();
	kill(child, SIGKILL);
	cr_expect_eq(end_of(child), SIGKILL);
	hear_it();
	cr_expect(keeper.slot[ROLE_FILTER].sock < 0 && keeper.slot[ROLE_FILTER].pidfd < 0);
}
