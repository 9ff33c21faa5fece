/* trace: the decisions that were taken over chosen packets, for `--explain` and `capture`.
 *
 * A packet whose `trace` is not 0 leaves an event at each decision; a packet made because of it inherits the
 * number.  An event is a code and a few integers; the sentence is made by the reader from the code's format
 * (trace_events.h), so packet code stays free of strings.  Events belong to the burst: they are published
 * with its commit, or not at all.
 *
 *     trace(burst->trace, p->trace, TRACE_FIB_MATCH, be32_to_host(dst), prefix_len, group);
 *
 * Appending is for the worker's thread alone.
 */
#ifndef SLUICE_COMMON_TRACE_TRACE_H
#define SLUICE_COMMON_TRACE_TRACE_H

#include "common/base/base.h"
#include "common/trace/trace_events.h"

#define TRACE_ARGS      6
#define TRACE_LOG_SLOTS 512u

enum trace_code {
#define X(name, format) TRACE_##name,
	TRACE_EVENTS(X)
#undef X
	        TRACE_CODE_COUNT
};

struct trace_event {
	nanos_t at;
	uint32_t trace;
	uint16_t code;
	uint8_t stage; /* set by the frame */
	uint8_t lane;  /* set by the frame */
	uint64_t arg[TRACE_ARGS];
};

static_assert(sizeof(struct trace_event) == 64, "one line an event");

/* The events of one burst.  `lost` counts those beyond TRACE_LOG_SLOTS. */
struct trace_log {
	nanos_t now;
	uint32_t n;
	uint32_t lost;
	struct trace_event event[TRACE_LOG_SLOTS];
};

void trace_add(struct trace_log *log, uint32_t trace, enum trace_code code, const uint64_t *arg, uint32_t n);

/* Appends an event where the packet is traced; costs one comparison where it is not. */
#define trace(log, id, code, ...)                                                                            \
	do {                                                                                                 \
		if (unlikely(id)) {                                                                          \
			const uint64_t trace_arg_[] = {0, ##__VA_ARGS__};                                    \
			static_assert(ARRAY_LEN(trace_arg_) <= 1 + TRACE_ARGS, "too many arguments");        \
			trace_add(log, id, code, trace_arg_ + 1, ARRAY_LEN(trace_arg_) - 1);                 \
		}                                                                                            \
	} while (0)

/* An IPv6 address as two arguments, for {6}. */
#define TRACE_IP6(a) load_u64((a)->b), load_u64((a)->b + 8)
/* A MAC address as one argument, for {m}. */
#define TRACE_MAC(m) ((uint64_t)load_u32((m)->b) | (uint64_t)(m)->b[4] << 32 | (uint64_t)(m)->b[5] << 40)

/* The sentence of an event into buf (always terminated); returns its length.  port_name gives the name of a
 * port for {p} and may be NULL. */
size_t trace_format(const struct trace_event *event, const char *(*port_name)(void *ctx, struct port_id port),
        void *ctx, char *buf, size_t size);

#endif
