#include "tests/fuzz/control/machine.h"

#include "services/control/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000u /* that a look at the clock takes, so that who waits by it comes to an end */

static bool playing;
static nanos_t now;

void machine_play(bool on)
{
	playing = on;
	now = NANOS_PER_SEC;
}

void machine_pass(uint64_t ms)
{
	now += ms * NANOS_PER_MS;
}

nanos_t machine_now(void)
{
	return now;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (!playing || clock == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, t);
	now += LOOK_NS;
	*t = (struct timespec){(time_t)(now / NANOS_PER_SEC), (long)(now % NANOS_PER_SEC)};
	return 0;
}

int sched_yield(void)
{
	return 0;
}

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

ssize_t getrandom(void *to, size_t len, unsigned flags)
{
	if (!playing)
		return syscall(SYS_getrandom, to, len, flags);
	memset(to, 7, len);
	return (ssize_t)len;
}

/* A configuration may name any file, and is nobody's to write to. */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (playing && flags & (O_CREAT | O_WRONLY | O_RDWR) && strstr(path, "/fuzz.") == NULL) {
		errno = EROFS;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* Odd ports are somebody's. */
static int try_address(const struct sockaddr *address)
{
	struct sockaddr_in in;

	memcpy(&in, address, sizeof in);
	return ntohs(in.sin_port) % 2 ? -EADDRINUSE : 0;
}

/* Where nobody looks. */
int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	const struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool ip = address->sa_family == AF_INET || address->sa_family == AF_INET6;

	if (ip && try_address(address)) {
		errno = EADDRINUSE;
		return -1;
	}
	if (ip)
		address = address->sa_family == AF_INET ? (const struct sockaddr *)&four
		                                        : (const struct sockaddr *)&six;
	return (int)syscall(SYS_bind, fd, address, len);
}

int listener_open(const struct sockaddr *address, socklen_t len, int backlog)
{
	int err = try_address(address), fd = err ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)len, (void)backlog;
	return err ? err : fd < 0 ? -errno : fd;
}
