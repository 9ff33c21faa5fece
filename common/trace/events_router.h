/* Events of router. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_ROUTER_H
#define SLUICE_COMMON_TRACE_EVENTS_ROUTER_H

/* Neighbors: the states in the order of enum nud_state. */
#define TRACE_EVENTS_NEIGHBOR(X)                                                                             \
	X(NEIGH_NONE, "neighbor {6} on {p} is gone")                                                         \
	X(NEIGH_INCOMPLETE, "neighbor {6} on {p} is being resolved")                                         \
	X(NEIGH_REACHABLE, "neighbor {6} on {p} is reachable")                                               \
	X(NEIGH_STALE, "neighbor {6} on {p} is stale")                                                       \
	X(NEIGH_DELAY, "neighbor {6} on {p} is used though stale")                                           \
	X(NEIGH_PROBE, "neighbor {6} on {p} is probed")                                                      \
	X(NEIGH_FAILED, "neighbor {6} on {p} does not answer")                                               \
	X(NEIGH_PERMANENT, "neighbor {6} on {p} is permanent")                                               \
	X(NEIGH_NOARP, "neighbor {6} on {p} needs no resolution")                                            \
	X(NEIGH_MAC, "neighbor {6} on {p} has {m}")                                                          \
	X(NEIGH_QUEUED, "waits for {6} on {p}, {u} packets do now")                                          \
	X(NEIGH_SENT, "to {m} on {p}")                                                                       \
	X(ARP_REQUEST, "ARP on {p}: {4} asks for {4}")                                                       \
	X(ARP_REPLY, "ARP on {p}: {4} has {m}")                                                              \
	X(ARP_PROXY, "answered for {4} in its place")                                                        \
	X(ND_SOLICIT, "neighbor discovery on {p} asks for {6}")                                              \
	X(ND_ADVERT, "neighbor discovery on {p} speaks of {6}, flags {x}")                                   \
	X(ADDRESS_DUPLICATE, "address {6} on {p} is another node's")                                         \
	X(GROUP_QUERY, "version {u} query on {p} for group {6}")                                             \
	X(GROUP_REPORTED, "another node on {p} reports group {6}")

#define TRACE_EVENTS_ROUTER(X)                                                                               \
	X(ROUTE4, "route to {4} matches /{u}, group {u}")                                                    \
	TRACE_EVENTS_NEIGHBOR(X)

#endif
