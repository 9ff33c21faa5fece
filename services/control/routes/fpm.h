/* fpm: routes that FRR's zebra tells by TCP (module dplane_fpm_nl), into the rib.
 *
 *     fpm_open(&fpm, loop, rib, changed, context)
 *     fpm_want(fpm, &config->dynamic_routes.fpm)     where it listens from now on; again after each change of
 * it fpm_close(fpm)                                 and run the loop until it is empty
 *
 * One zebra at a time: while one is connected others are refused.  It tells all that it has after it has
 * connected. When it is lost its routes stay; what was not told again for the time of grace after it was
 * lost, or was there again, goes.  The bytes are a stranger's: who may connect is the configuration's, what
 * is read is checked (common/rtnl), routes are bounded by the rib's limit.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_FPM_H
#define SLUICE_SERVICES_CONTROL_ROUTES_FPM_H

#include "common/config/config.h"
#include "services/control/routes/rib.h"

#include <uv.h>

#define FPM_PEER_BYTES 64u

struct fpm;

struct fpm_state {
	bool listening;
	int error; /* why it is not: a negative errno; 0: it is not wanted */
	bool connected;
	char peer[FPM_PEER_BYTES]; /* address and port of who is, or was last */
	uint64_t connects;         /* accepted */
	uint64_t refused;          /* connections: not allowed, or one too many */
	uint64_t frames;           /* read */
	uint64_t malformed;        /* messages that could not be read */
	uint64_t connected_at;     /* uv_hrtime; of the last */
	uint64_t swept_at;         /* uv_hrtime of the end of grace; 0: never */
	uint64_t grace_left_ms;    /* until the next */
};

/* 0 or -ENOMEM. */
[[nodiscard]] int fpm_open(
        struct fpm **out, uv_loop_t *loop, struct rib *rib, void (*changed)(void *context), void *context);

/* Where zebra may connect; where there is no such section it is heard no more.  `inherited`: the rib has
 * routes of a predecessor's zebra, which has the time of grace to come back. */
void fpm_want(struct fpm *fpm, const struct config_fpm *want, bool inherited);

/* Hangs up: a zebra that connects tells all that it has. */
void fpm_again(struct fpm *fpm);

void fpm_state(const struct fpm *fpm, struct fpm_state *state);
void fpm_close(struct fpm *fpm);

#endif
