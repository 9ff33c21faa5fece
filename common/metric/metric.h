/* metric: the registry: everything that the appliance counts, in one table, and the ways in which it is told.
 *
 *     struct metrics *m = ...;                     filled by who can see what is counted (control)
 *     metrics_prometheus(to, m, METRICS_TEXT);     for Prometheus: all families
 *     metrics_proc(to, METRIC_NETSTAT, m);         a file as in /proc/net, for nstat and node_exporter
 *
 *     for (uint32_t f = 0; f < metrics_families(); f++)
 *             for (uint32_t i = 0; i < metric_points(metrics_family(f), m); i++)
 *                     metric_point(metrics_family(f), m, i, &point);
 *
 * A family of the table names its metric, its place among the files of /proc/net, and where its values stand
 * in struct metrics; all of the above walk the same table, so that what one tells none of the others lacks.
 * A family has a point for each instance (each stage, process, lane, port, or stage and drop reason), and a
 * histogram several for each; how many there are hangs on the configuration alone, never on traffic.
 *
 * Pure functions, but for the FILE that they write to.  Any thread.
 */
#ifndef SLUICE_COMMON_METRIC_METRIC_H
#define SLUICE_COMMON_METRIC_METRIC_H

#include <stdio.h>

#include "common/account/account.h"
#include "common/board/board.h"
#include "common/stage/samples.h"
#include "common/stage/stage.h"

/* Of a stage, over its lanes. */
struct metrics_stage {
	struct account_terms terms;
	uint64_t quarantines, bad_descriptors, rounds;
	struct worker_samples samples;
};

struct metrics_process {
	uint64_t up, starts, faults, stalls, uptime_ns;
	uint64_t cpu_ns, waited_ns, switches, rss_bytes, pss_bytes, threads;
};

/* Of a worker of ingest. */
struct metrics_lane {
	char name[12]; /* its number */
	uint64_t processed, dropped, time_squeeze, received_rps, flow_limit, rounds;
};

/* Of a physical port, over its queues. */
struct metrics_port {
	char name[EPOCH_NAME_LEN];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
	uint64_t up, carrier, speed_bytes, mtu, queues, changes;
	uint64_t polls, completes, deferrals, wakeups, kicks, in_doubt;
};

struct metrics {
	uint64_t stat[STAT_COUNT];
	uint64_t epoch, epoch_retired, lanes, buffers, buffer_bytes;
	uint64_t in_rings, unexplained, control_uptime_ns;
	uint64_t rpc_requests, rpc_malformed, rpc_refused, rpc_limited, rpc_oversized, rpc_unauthorized,
	        rpc_handshakes, rpc_crowded, rpc_missed, rpc_calls, rpc_clients;
	uint64_t http_requests, http_errors, http_unauthorized, http_refused, http_incomplete, http_clients;
	uint64_t sockets, udp_pages;
	uint64_t routes, routes_in_force, routes_held_back, routes_stale; /* dynamic ones, over all sources */
	uint64_t route_changes, routes_refused, route_malformed, route_syncs, fpm_connected;
	uint32_t n_lanes, n_ports;
	struct metrics_stage stage[STAGE_COUNT];
	struct metrics_process process[ROLE_COUNT];
	struct metrics_lane lane[LANES_MAX];
	struct metrics_port port[EPOCH_PHYS_MAX];
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM /* struct histogram */ };

enum metric_unit {
	METRIC_PLAIN, /* as the name says */
	METRIC_NANOS, /* counted in nanoseconds, told to Prometheus in seconds */
};

/* What has an instance of the metric, and by which labels they differ. */
enum metric_scope {
	METRIC_OF_APPLIANCE, /* one, without a label */
	METRIC_OF_STAGE,     /* stage */
	METRIC_OF_REASON,    /* stage, reason */
	METRIC_OF_PROCESS,   /* process */
	METRIC_OF_LANE,      /* lane */
	METRIC_OF_PORT,      /* port */
};

/* The files of /proc/net that there are. */
enum metric_file {
	METRIC_SNMP,     /* pairs of lines: a group's columns, and their values */
	METRIC_NETSTAT,  /* the same */
	METRIC_SNMP6,    /* a line a value */
	METRIC_SOFTNET,  /* a line a lane, columns in hexadecimal */
	METRIC_DEV,      /* a line a port */
	METRIC_SOCKSTAT, /* a line a protocol: words and values */
	METRIC_FILES
};

struct metric {
	const char *name;            /* in letters of either case, without "sluice_" and "_total" */
	const char *help;            /* a sentence; NULL: it is what a kernel counts under group and column */
	const char *group;           /* "Ip" */
	const char *column;          /* "InReceives" */
	const char *protocol, *word; /* of METRIC_SOCKSTAT: "UDP" and "inuse" */
	uint8_t type;                /* enum metric_type */
	uint8_t unit;                /* enum metric_unit */
	uint8_t scope;               /* enum metric_scope */
	uint8_t place;               /* of METRIC_SOFTNET and METRIC_DEV: which column */
	uint8_t buckets;             /* of a histogram: how many have a bound that is told */
	uint8_t shift;               /* and the power of two of the first */
	uint32_t at;                 /* of the first instance's uint64_t, in its structure */
};

#define METRIC_LABELS   2u
#define METRIC_NAME_LEN 96u

struct metric_label {
	const char *key, *value;
};

/* Which number of a histogram's. */
enum metric_part {
	METRIC_WHOLE,  /* it is none */
	METRIC_BUCKET, /* how many are at most `bound` */
	METRIC_ALL,    /* how many there are, as the last bucket */
	METRIC_SUM,
	METRIC_COUNT /* how many there are */
};

/* A value, with what makes it differ from the others of its family. */
struct metric_point {
	struct metric_label label[METRIC_LABELS];
	uint32_t n_labels;
	enum metric_part part;
	uint64_t bound;
	uint64_t value;
};

uint32_t metrics_families(void);
const struct metric *metrics_family(uint32_t f);

/* How many points a family has, and each of them; strings are the table's and those of `m`. */
uint32_t metric_points(const struct metric *family, const struct metrics *m);
void metric_point(
        const struct metric *family, const struct metrics *m, uint32_t i, struct metric_point *point);

/* In which file a family stands. */
enum metric_file metric_file(const struct metric *family);

/* Its name for Prometheus without "_total": "sluice_ip_in_receives". */
void metric_name(char name[METRIC_NAME_LEN], const struct metric *family);

/* A point's name within its group, as nstat and `sluice counter` tell it: "InReceives", "Starts_router". */
void metric_column(
        char column[METRIC_NAME_LEN], const struct metric *family, const struct metric_point *point);

enum metrics_format {
	METRICS_TEXT,        /* Prometheus' text format 0.0.4 */
	METRICS_OPENMETRICS, /* OpenMetrics 1.0 */
};

/* All families. */
void metrics_prometheus(FILE *to, const struct metrics *m, enum metrics_format format);

/* The value of the header Content-Type. */
const char *metrics_content_type(enum metrics_format format);

/* The format that a request is answered in, by its header Accept (NULL: none): OpenMetrics where it is asked
 * for by name and not preferred less than plain text, else text.  RFC 9110 12.5.1. */
enum metrics_format metrics_accepted(const char *accept);

/* One file. */
void metrics_proc(FILE *to, enum metric_file file, const struct metrics *m);

/* "snmp6". */
const char *metrics_proc_name(enum metric_file file);

#endif
