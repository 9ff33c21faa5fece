/* Events of router. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_ROUTER_H
#define SLUICE_COMMON_TRACE_EVENTS_ROUTER_H

#define TRACE_EVENTS_ROUTER(X) X(ROUTE4, "route to {4} matches /{u}, group {u}")

#endif
