/* top: how packets move through a running appliance, from one look to the next.
 *
 *     top_sample_take(&now, ...)                 control's answers, at one time (sample.c)
 *     top_view_add(&view, &now);                 rates since the sample before, and the way they went
 *     frame = frame_new(lines, columns);
 *     top_draw(&view, &wish, frame);             a picture of so many lines and columns (draw.c)
 *
 * Adding and drawing are pure functions; the picture goes to a terminal (screen.c) or to a file.
 */
#ifndef SLUICE_SERVICES_CLI_TOP_TOP_H
#define SLUICE_SERVICES_CLI_TOP_TOP_H

#include "common/epoch/epoch.h"
#include "services/cli/top/frame.h"

#include <stdio.h>

#define TOP_PROCESSES 8u
#define TOP_PORTS     EPOCH_PHYS_MAX
#define TOP_DROPS     128u /* pairs of stage and reason */
#define TOP_CORES     64u
#define TOP_HISTORY   160u
#define TOP_NAME      40u

/* ---- what was seen: counts since the start ---- */

struct top_process {
	char name[16], state[16];
	uint32_t pid;
	uint64_t starts, faults, uptime_ns;
	bool moves; /* it is a stage: packets go through it */
	uint64_t in, out, dropped, held, queued, ring_slots;
	/* What it costs, as it was looked at (0: it was not), by its machine's clock. */
	uint64_t usage_at, cpu_ns, waited_ns, switches, rss_bytes, pss_bytes;
	uint32_t threads;
};

struct top_port {
	char name[EPOCH_NAME_LEN], state[16];
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, drops;
};

struct top_drop {
	char stage[16], reason[TOP_NAME];
	uint64_t packets;
};

/* A processor of the appliance's machine. */
struct top_core {
	uint64_t busy, all; /* ticks */
};

struct top_sample {
	nanos_t at;
	uint64_t wall_ms; /* 1970 */
	uint64_t uptime_ns;
	uint32_t epoch, configuration; /* 0: not known */
	bool waits, balanced, consistent;
	uint64_t received, sent, dropped, held, in_rings;
	struct top_process process[TOP_PROCESSES];
	struct top_port port[TOP_PORTS];
	struct top_drop drop[TOP_DROPS];
	struct top_core core[TOP_CORES];
	uint32_t n_processes, n_ports, n_drops, n_cores;
};

/* ---- what that comes to: a second ---- */

struct top_process_rate {
	double in, out, dropped;
	/* cpu: of one processor, 1.0 is all of it; waited: of the time, over its threads; < 0: not known */
	double cpu, waited, switches;
};

struct top_port_rate {
	double rx_packets, tx_packets, rx_bits, tx_bits, drops;
};

struct top_rates {
	double received, sent, dropped;
	struct top_process_rate process[TOP_PROCESSES];
	struct top_port_rate port[TOP_PORTS];
	double drop[TOP_DROPS];
	double core[TOP_CORES]; /* 0 to 1; < 0: not known */
};

struct top_view {
	struct top_sample now; /* the newest; n_processes is 0 before the first */
	struct top_rates rates;
	double history[TOP_HISTORY]; /* packets received a second, the newest last */
	double process_history[TOP_PROCESSES][TOP_HISTORY];
	uint32_t n_history;
	char trouble[256]; /* why the newest is old; empty: it is not */
};

/* Takes a sample as the newest.  What is counted anew (an appliance that was started again) has no rate. */
void top_view_add(struct top_view *view, const struct top_sample *sample);

/* ---- what is shown ---- */

enum top_sort { TOP_SORT_RATE, TOP_SORT_NAME, TOP_SORT_TOTAL, TOP_SORTS };

struct top_wish {
	enum top_sort sort;
	bool hide_idle; /* ports and reasons whose rate is zero */
	bool hide_ports, hide_drops, hide_cores;
	bool paused, help;
	bool plain; /* no blocks of graphics, only ASCII */
	uint32_t interval_ms;
	uint64_t looks; /* and it ends; 0: it does not by itself */
};

/* The view in a frame of any size; what finds no room is left out, from the bottom.  Lines used. */
uint32_t top_draw(const struct top_view *view, const struct top_wish *wish, struct frame *frame);

/* The numbers, and the rates of them, as one line of JSON. */
void top_json(FILE *to, const struct top_view *view);

/* What one key changes.  false: it is to end. */
bool top_key(struct top_wish *wish, int key);

/* "12.3k", in 7 characters at the most. */
const char *top_number(char text[16], double value);

#endif
