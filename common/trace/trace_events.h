/* The events of a trace, a list a stage: X(NAME, "sentence").  Arguments are taken in order by these marks:
 *
 *     {u} decimal  {x} hexadecimal  {4} IPv4 address (host order)  {6} IPv6 address (two arguments)  {m} MAC
 * address {p} port (struct port_id's v)  {r} drop reason  {v} VLAN id  {t} nanoseconds as milliseconds
 */
#ifndef SLUICE_COMMON_TRACE_TRACE_EVENTS_H
#define SLUICE_COMMON_TRACE_TRACE_EVENTS_H

/* The frame's own: what every stage may say. */
#define TRACE_EVENTS_FRAME(X)                                                                                \
	X(VERDICT_RX, "handed on towards the applications, lane {u}")                                        \
	X(VERDICT_TX, "handed on towards the wire, lane {u}")                                                \
	X(VERDICT_PUNT, "handed to lane {u}, which owns neighbors and ICMP")                                 \
	X(VERDICT_DROP, "dropped: {r}")                                                                      \
	X(VERDICT_DELIVERED, "delivered")                                                                    \
	X(VERDICT_HELD, "held")                                                                              \
	X(VERDICT_CONSUMED, "became other packets")                                                          \
	X(MADE, "made, {u} bytes, because of it")                                                            \
	X(RELEASED, "let go on")

#include "common/trace/events_ingest.h"
#include "common/trace/events_filter.h"
#include "common/trace/events_router.h"
#include "common/trace/events_session.h"

#define TRACE_EVENTS(X)                                                                                      \
	TRACE_EVENTS_FRAME(X)                                                                                \
	TRACE_EVENTS_INGEST(X) TRACE_EVENTS_FILTER(X) TRACE_EVENTS_ROUTER(X) TRACE_EVENTS_SESSION(X)

#endif
