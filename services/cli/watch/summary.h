/* summary: one line about a frame, as tcpdump has it. */
#ifndef SLUICE_SERVICES_CLI_WATCH_SUMMARY_H
#define SLUICE_SERVICES_CLI_WATCH_SUMMARY_H

#include "common/base/base.h"

#define SUMMARY_BYTES 256u

/* What the first `have` bytes of an Ethernet frame of `len` bytes say: addresses, ports, flags, lengths.  The
 * frame may be anything.  Returns text, which is terminated. */
const char *summary_frame(const uint8_t *frame, uint32_t have, uint32_t len, char text[SUMMARY_BYTES]);

/* "17:04:05.123456", local time. */
const char *summary_time(nanos_t since_1970, char text[32]);

#endif
