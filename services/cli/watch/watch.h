/* watch: packets of a running appliance as they are captured: what `capture` and `drop --follow` share.
 *
 * A stream of proto/capture.proto, until so many packets came, or the user interrupts it, or it ends by
 * itself. */
#ifndef SLUICE_SERVICES_CLI_WATCH_WATCH_H
#define SLUICE_SERVICES_CLI_WATCH_WATCH_H

#include "common/tap/tap.h"
#include "proto/capture.pb-c.h"
#include "services/cli/remote.h"

struct watch {
	const char *points[TAP_POINTS]; /* names */
	uint32_t n_points;
	const char *port;   /* "": any */
	const char *reason; /* "": any */
	uint32_t snap_bytes;
	const struct tap_insn *program;
	uint32_t n_insns;
	uint32_t crash; /* the packets of that one, and nothing above holds; 0: those that pass */
	uint64_t most;  /* packets; 0: no end */

	/* Called before the first packet with the appliance's ports, and then for each packet, and at the end
	 * of each piece.  A status that is not 0 ends it. */
	int (*ports)(void *context, char **names, size_t n);
	int (*packet)(void *context, const Sluice__CapturedPacket *packet);
	int (*flush)(void *context);
	void *context;

	uint64_t captured, missed; /* packets that were given, and those that were not */
};

/* 0, also where it was interrupted; or an exit code with its sentence told. */
[[nodiscard]] int watch_run(struct watch *watch, const struct cli_call *call);

/* A callback for what is printed line by line: ends the watch where nobody reads on. */
int watch_flush(void *context);

/* "3 packets captured, 0 missed" on stderr, unless nobody has read it all. */
void watch_tell(const struct watch *watch);

/* A callback for packets: one JSON object a line. */
int watch_json(void *context, const Sluice__CapturedPacket *packet);

#endif
