#include "common/ring/bell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int bell_open(struct bell *bell)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	*bell = (struct bell){.fd = fd};
	return fd < 0 ? -errno : 0;
}

void bell_ring(struct bell *bell)
{
	uint64_t one = 1;

	if (bell->fd < 0)
		bell->mark = 1;
	else if (write(bell->fd, &one, sizeof one) < 0)
		assert(errno == EAGAIN); /* the count is at its top: rung enough */
}

void bell_clear(struct bell *bell)
{
	uint64_t count;

	bell->mark = 0;
	if (bell->fd >= 0 && read(bell->fd, &count, sizeof count) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

int bell_wait(struct bell *bell, const int *extra, uint32_t n, nanos_t timeout)
{
	struct pollfd fds[1 + BELL_EXTRA_MAX];
	struct timespec ts = {(time_t)(timeout / NANOS_PER_SEC), (long)(timeout % NANOS_PER_SEC)};
	int got;

	assert(n <= BELL_EXTRA_MAX && bell->fd >= 0);
	fds[0] = (struct pollfd){.fd = bell->fd, .events = POLLIN};
	for (uint32_t i = 0; i < n; i++)
		fds[1 + i] = (struct pollfd){.fd = extra[i], .events = POLLIN};
	got = ppoll(fds, 1 + n, timeout == NANOS_NEVER ? NULL : &ts, NULL);
	if (got < 0)
		return errno == EINTR ? 1 : -errno;
	return got > 0;
}
