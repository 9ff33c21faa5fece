/* file: what was captured, as a pcapng file.
 *
 *     tap_file_start(&f, file, snap_bytes);
 *     tap_file_port(&f, "lan");  ...           ports known beforehand; others are told of when they turn up
 *     tap_file_add(&f, &shown);  ...
 *     err = tap_file_end(&f, captured, missed);
 *
 * An interface a port; a packet's direction in its flags; a drop's stage, reason and sentence in its comment;
 * at the end, of each port, how many packets are in the file, and on the first how many the taps missed.
 * A library of its own, tap_file, that no stage links.  One thread.
 */
#ifndef SLUICE_COMMON_TAP_FILE_H
#define SLUICE_COMMON_TAP_FILE_H

#include "common/pcapng/pcapng.h"
#include "common/tap/tap.h"

#define TAP_FILE_PORTS 1100u /* ports of an epoch, and a few of the one before */
#define TAP_NAME_BYTES 16u

/* A captured packet with its names.  Texts may be "". */
struct tap_shown {
	nanos_t time; /* since 1970 */
	enum tap_point point;
	bool made;         /* by the appliance */
	const char *stage; /* of a drop: who decided it */
	const char *port;  /* as struct tap_record has it */
	const char *out;
	const char *reason; /* of a drop: its label and its sentence */
	const char *text;
	uint32_t lane;
	uint32_t len;
	uint32_t have;
	const uint8_t *bytes;
};

struct tap_file {
	struct pcapng ng;
	nanos_t start, last; /* of the packets; 0: none yet */
	uint32_t n_ports;
	uint32_t found; /* the port last looked up */
	struct tap_file_port {
		char name[TAP_NAME_BYTES];
		uint64_t packets;
	} port[TAP_FILE_PORTS];
};

void tap_file_start(struct tap_file *f, FILE *to, uint32_t snap_bytes);
void tap_file_port(struct tap_file *f, const char *name);
void tap_file_add(struct tap_file *f, const struct tap_shown *shown);

/* 0, or a negative errno: not all could be written. */
[[nodiscard]] int tap_file_end(struct tap_file *f, uint64_t captured, uint64_t missed);

/* The port that a packet is told under: that it came by, else that it was to leave by, else "". */
const char *tap_shown_port(const struct tap_shown *shown);

#endif
