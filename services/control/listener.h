/* listener: a TCP socket that listens. */
#ifndef SLUICE_SERVICES_CONTROL_LISTENER_H
#define SLUICE_SERVICES_CONTROL_LISTENER_H

#include "common/base/base.h"

#include <sys/socket.h>

/* Its descriptor, which is the caller's and does not block; or a negative errno. */
[[nodiscard]] int listener_open(const struct sockaddr *address, socklen_t len, int backlog);

#endif
