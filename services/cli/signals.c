#include "services/cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t came;

static void on_signal(int sig)
{
	(void)sig;
	came = 1;
}

void signals_catch(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		(void)sigaction(ends[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool signals_came(void)
{
	return came;
}

/* Blocked but for the wait itself, so that none comes between the look and the wait. */
bool signals_wait(uint32_t ms)
{
	const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
	sigset_t block, before;

	sigemptyset(&block);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		sigaddset(&block, ends[i]);
	sigprocmask(SIG_BLOCK, &block, &before);
	if (!came)
		(void)ppoll(NULL, 0, &time, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return !came;
}
