/* Events of ingest. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_INGEST_H
#define SLUICE_COMMON_TRACE_EVENTS_INGEST_H

#define TRACE_EVENTS_INGEST(X)                                                                               \
	X(RECEIVED, "received on {p}, {u} bytes")                                                            \
	X(SENT, "sent on {p}, {u} bytes")

#endif
