/* packets: what a watch brings, as a person wants it: a line each, JSON, or a file for tcpdump and Wireshark.
 */
#ifndef SLUICE_SERVICES_CLI_WATCH_PACKETS_H
#define SLUICE_SERVICES_CLI_WATCH_PACKETS_H

#include "services/cli/watch/watch.h"

/* The place of a name among enum tap_point; TAP_POINTS: it is none. */
enum tap_point packets_point(const char *name);

/* Runs the watch (its ports, packet, flush and context are set here) and shows what comes: as pcapng into the
 * file at `path`, "-" for standard output; or where that is NULL in lines, or as JSON if the call wants it.
 * An exit code with its sentence told. */
[[nodiscard]] int packets_show(const struct cli_call *call, struct watch *watch, const char *path);

#endif
