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

#define TRACE_EVENTS_REASSEMBLY(X)                                                                           \
	X(FRAG_TAKEN, "fragment of bytes {u} to {u} waits for the others, {u} do now")                       \
	X(FRAG_REFUSED, "fragment of bytes {u} to {u}: {r}")                                                 \
	X(FRAG_GIVEN_UP, "the datagram of this fragment is given up after {t}: {r}")                         \
	X(FRAG_WHOLE, "whole again: {u} bytes from {u} fragments, the largest of {u} bytes")

#define TRACE_EVENTS_ROUTER(X)                                                                               \
	X(IP4_SOUND, "IPv4 header is sound: {4} to {4}, protocol {u}, TTL {u}, {u} bytes")                   \
	X(IP4_FLAW, "IPv4 header is not sound: check {u} failed")                                            \
	X(IP4_OPTIONS, "{u} bytes of IPv4 options, flaw {u} (0: none)")                                      \
	X(IP6_SOUND, "IPv6 header is sound: {6} to {6}, next header {u}, hop limit {u}")                     \
	X(IP6_FLAW, "IPv6 header is not sound: check {u} failed")                                            \
	X(EXTHDR_OPTIONS, "flaw {u} in the options of an extension header")                                  \
	X(EXTHDR_CHAIN, "flaw {u} in the chain of extension headers")                                        \
	X(CSUM_PARTIAL, "its L4 checksum holds the pseudo-header's sum alone: not yet computed")             \
	X(CSUM_COMPLETED, "L4 checksum computed")                                                            \
	X(ROUTE4, "route to {4} matches /{u}, group {u}")                                                    \
	X(ROUTE4_NONE, "no route to {4}")                                                                    \
	X(ROUTE6, "route to {6} matches /{u}, group {u}")                                                    \
	X(ROUTE6_NONE, "no route to {6}")                                                                    \
	X(ROUTE_DOWN, "the route's port is not up")                                                          \
	X(ROUTE_LOCAL, "the route leads to ourselves")                                                       \
	X(ROUTE_BROADCAST, "the route leads to ourselves and to all on a link")                              \
	X(ROUTE_BLACKHOLE, "the route is a blackhole")                                                       \
	X(ROUTE_UNREACHABLE, "the route says unreachable")                                                   \
	X(ROUTE_PROHIBIT, "the route says prohibited")                                                       \
	X(HOP4, "next hop {4} on {p}, MTU {u}")                                                              \
	X(HOP6, "next hop {6} on {p}, MTU {u}")                                                              \
	X(SOURCE4, "way back to {4} looked up: rp_filter {u}, a neighbor {u}")                               \
	X(SOURCE6, "way back to {6} looked up: rp_filter {u}")                                               \
	X(FORWARD, "forwarded: TTL {u} to {u}, {u} bytes, MTU of the way {u}")                               \
	X(MSS_CLAMPED, "MSS {u} lowered to {u}")                                                             \
	X(FRAGMENTED, "cut into {u} pieces of at most {u} bytes of payload")                                 \
	X(SENT_TO, "Ethernet header for {m} on {p}")                                                         \
	X(LOCAL, "for ourselves: protocol {u}")                                                              \
	X(NO_PROTO, "nobody here speaks protocol {u}")                                                       \
	X(TO_SESSION, "protocol {u} goes to session lane {u}")                                               \
	X(ICMP_IN, "ICMP type {u} code {u} for ourselves")                                                   \
	X(ICMP_REPLY, "answered with ICMP type {u}")                                                         \
	X(ICMP_ERROR4, "ICMP error type {u} code {u} from {4} to {4}, {u} bytes quoted")                     \
	X(ICMP_ERROR6, "ICMPv6 type {u} code {u} from {6}, {u} bytes quoted")                                \
	X(ICMP_FORBIDDEN, "ICMP error type {u} code {u} may not be sent about this packet")                  \
	X(ICMP_LIMITED, "ICMP error type {u} code {u} is beyond the rate limit")                             \
	X(PMTU4, "path MTU to {4} is {u}")                                                                   \
	X(PMTU6, "path MTU to {6} is {u}")                                                                   \
	X(PUNT, "handed to lane 0 (0: from routing on, 1: for its neighbor, 2: for an ICMP error): {u}")     \
	X(PUNTED, "taken over from another lane: {u}")                                                       \
	TRACE_EVENTS_NEIGHBOR(X)                                                                             \
	TRACE_EVENTS_REASSEMBLY(X)

#endif
