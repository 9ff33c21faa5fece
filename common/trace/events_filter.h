/* Events of filter. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_FILTER_H
#define SLUICE_COMMON_TRACE_EVENTS_FILTER_H

#define TRACE_EVENTS_FILTER(X) X(ETHER, "from {m} to {m}, ethertype {x}")

#endif
