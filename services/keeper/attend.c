/* attend: an attendant that its keeper has not forked: the first process of a container of its own, say.
 *
 * It has nothing until the keeper, which listens in the role's own folder, hands it memory, bells and what it
 * holds for the role; from then on it is as any other, but that it ends by a signal of its own, which whoever
 * started it sends, and that it takes up dead processes that became its children. */
#include "services/keeper/internal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TRY_MS  100
#define TAKE_MS 10000 /* a keeper that takes over from others, who come first, answers later */

static int catch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Whether it is told to end before `fd` (-1: none) says something, or the time is over. */
static bool told_to_end(int signals, int fd, int timeout_ms)
{
	struct pollfd on[2] = {{signals, POLLIN, 0}, {fd, POLLIN, 0}};

	return poll(on, 2, timeout_ms) > 0 && on[0].revents;
}

/* The keeper's socket, once it has something to say; -1: told to end. */
static int find_keeper(enum role role, const struct apart *apart)
{
	for (;;) {
		int sock = call_connect(apart->folder);
		bool greeted = sock >= 0 && !call_hello(sock, role, true);

		if (told_to_end(apart->signals, greeted ? sock : -1, greeted ? TAKE_MS : TRY_MS)) {
			if (sock >= 0)
				close(sock);
			return -1;
		}
		if (greeted && poll(&(struct pollfd){sock, POLLIN, 0}, 1, 0) == 1)
			return sock;
		if (sock >= 0)
			close(sock);
	}
}

int attend(enum role role, const char *folder, const char *programs)
{
	static struct stock stock;
	struct apart apart = {.folder = folder, .signals = catch_signals()};
	int sock, err;

	if (apart.signals < 0)
		return apart.signals;
	memory_rank(MEMORY_RANK_KEEPER);
	for (;;) {
		sock = find_keeper(role, &apart);
		if (sock < 0)
			return 0;
		err = stock_take(&stock, sock);
		if (!err)
			attendant_main(&stock, role, programs, sock, &apart);
		close(sock);
		/* A keeper that died meanwhile, or has not buried our predecessor yet, has given nothing. */
		if (stock.taken.appliance.plan.n_workers)
			return err;
		if (told_to_end(apart.signals, -1, TRY_MS))
			return 0;
	}
}
