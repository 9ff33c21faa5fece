/* Events of filter. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_FILTER_H
#define SLUICE_COMMON_TRACE_EVENTS_FILTER_H

#define TRACE_EVENTS_FILTER(X)                                                                               \
	X(ETHER, "from {m} to {m}, ethertype {x}")                                                           \
	X(VLAN, "{u} VLAN tags, the outer one {v}: {p}")                                                     \
	X(TAGGED, "leaves with {u} VLAN tags, the outer one {v}")                                            \
	X(RULE_INGRESS, "rule {u} at ingress matches")                                                       \
	X(RULE_EGRESS, "rule {u} at egress matches")

#endif
