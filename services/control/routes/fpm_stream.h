/* fpm_stream: what zebra tells by a connection, frames of netlink messages (common/rtnl), into the rib.
 *
 *     read up to FPM_STREAM_BYTES - s->n bytes to s->bytes + s->n;  fpm_stream_take(s, n)     however they
 * come cut s->n = 0                                                       a new connection begins
 *
 * Between two calls it holds less than a frame, so that there is always room for the rest of it.  One thread.
 */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_FPM_STREAM_H
#define SLUICE_SERVICES_CONTROL_ROUTES_FPM_STREAM_H

#include "services/control/routes/rib.h"

#define FPM_STREAM_BYTES (128u << 10) /* twice the largest frame */

/* To begin with zeros, but for rib. */
struct fpm_stream {
	struct rib *rib;
	uint64_t frames;    /* read, over all connections */
	uint64_t malformed; /* messages, or streams, that could not be read */
	size_t n;           /* bytes that wait */
	uint8_t bytes[FPM_STREAM_BYTES];
};

/* Takes n bytes more.  False: this is no FPM, and nothing more of it can be read. */
[[nodiscard]] bool fpm_stream_take(struct fpm_stream *s, size_t n);

#endif
