#include "services/control/listener.h"

#include <unistd.h>

int listener_open(const struct sockaddr *address, socklen_t len, int backlog)
{
	const int yes = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : 0;

	if (!err && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) || bind(fd, address, len) ||
	                    listen(fd, backlog)))
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}
