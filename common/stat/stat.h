/* stat: the protocols' counters, by the names of Linux (/proc/net/snmp, netstat, snmp6) and the RFCs.
 *
 * Each worker has one block in its journaled state, so that a count belongs to its burst: it is exact across
 * a death. Packet code counts through its burst:
 *
 *     burst_count(burst, STAT_IP_IN_RECEIVES, n);
 *
 * and readers sum the blocks of all workers.  The account (what becomes of packets) is not here but in the
 * journal's record.
 */
#ifndef SLUICE_COMMON_STAT_STAT_H
#define SLUICE_COMMON_STAT_STAT_H

#include "common/journal/journal.h"

/*  X(NAME, group, name in Linux) */
#define STATS(X)                                                                                             \
	X(IP_IN_RECEIVES, "Ip", "InReceives")                                                                \
	X(IP_IN_HDR_ERRORS, "Ip", "InHdrErrors")                                                             \
	X(IP_IN_ADDR_ERRORS, "Ip", "InAddrErrors")                                                           \
	X(IP_FORW_DATAGRAMS, "Ip", "ForwDatagrams")                                                          \
	X(IP_IN_UNKNOWN_PROTOS, "Ip", "InUnknownProtos")                                                     \
	X(IP_IN_DISCARDS, "Ip", "InDiscards")                                                                \
	X(IP_IN_DELIVERS, "Ip", "InDelivers")                                                                \
	X(IP_OUT_REQUESTS, "Ip", "OutRequests")                                                              \
	X(IP_OUT_DISCARDS, "Ip", "OutDiscards")                                                              \
	X(IP_OUT_NO_ROUTES, "Ip", "OutNoRoutes")                                                             \
	X(IP_REASM_TIMEOUT, "Ip", "ReasmTimeout")                                                            \
	X(IP_REASM_REQDS, "Ip", "ReasmReqds")                                                                \
	X(IP_REASM_OKS, "Ip", "ReasmOKs")                                                                    \
	X(IP_REASM_FAILS, "Ip", "ReasmFails")                                                                \
	X(IP_FRAG_OKS, "Ip", "FragOKs")                                                                      \
	X(IP_FRAG_FAILS, "Ip", "FragFails")                                                                  \
	X(IP_FRAG_CREATES, "Ip", "FragCreates")                                                              \
	X(IP_EXT_IN_NO_ROUTES, "IpExt", "InNoRoutes")                                                        \
	X(IP_EXT_IN_TRUNCATED_PKTS, "IpExt", "InTruncatedPkts")                                              \
	X(IP_EXT_IN_MCAST_PKTS, "IpExt", "InMcastPkts")                                                      \
	X(IP_EXT_OUT_MCAST_PKTS, "IpExt", "OutMcastPkts")                                                    \
	X(IP_EXT_IN_BCAST_PKTS, "IpExt", "InBcastPkts")                                                      \
	X(IP_EXT_IN_OCTETS, "IpExt", "InOctets")                                                             \
	X(IP_EXT_OUT_OCTETS, "IpExt", "OutOctets")                                                           \
	X(IP_EXT_IN_CSUM_ERRORS, "IpExt", "InCsumErrors")                                                    \
	X(IP_EXT_REASM_OVERLAPS, "IpExt", "ReasmOverlaps")                                                   \
	X(IP_EXT_IP_REVERSE_PATH_FILTER, "TcpExt", "IPReversePathFilter")                                    \
	X(ICMP_IN_MSGS, "Icmp", "InMsgs")                                                                    \
	X(ICMP_IN_ERRORS, "Icmp", "InErrors")                                                                \
	X(ICMP_IN_CSUM_ERRORS, "Icmp", "InCsumErrors")                                                       \
	X(ICMP_IN_DEST_UNREACHS, "Icmp", "InDestUnreachs")                                                   \
	X(ICMP_IN_TIME_EXCDS, "Icmp", "InTimeExcds")                                                         \
	X(ICMP_IN_PARM_PROBS, "Icmp", "InParmProbs")                                                         \
	X(ICMP_IN_REDIRECTS, "Icmp", "InRedirects")                                                          \
	X(ICMP_IN_ECHOS, "Icmp", "InEchos")                                                                  \
	X(ICMP_IN_ECHO_REPS, "Icmp", "InEchoReps")                                                           \
	X(ICMP_IN_TIMESTAMPS, "Icmp", "InTimestamps")                                                        \
	X(ICMP_OUT_MSGS, "Icmp", "OutMsgs")                                                                  \
	X(ICMP_OUT_RATE_LIMIT_GLOBAL, "Icmp", "OutRateLimitGlobal")                                          \
	X(ICMP_OUT_RATE_LIMIT_HOST, "Icmp", "OutRateLimitHost")                                              \
	X(ICMP_OUT_DEST_UNREACHS, "Icmp", "OutDestUnreachs")                                                 \
	X(ICMP_OUT_TIME_EXCDS, "Icmp", "OutTimeExcds")                                                       \
	X(ICMP_OUT_PARM_PROBS, "Icmp", "OutParmProbs")                                                       \
	X(ICMP_OUT_REDIRECTS, "Icmp", "OutRedirects")                                                        \
	X(ICMP_OUT_ECHO_REPS, "Icmp", "OutEchoReps")                                                         \
	X(ICMP_OUT_TIMESTAMP_REPS, "Icmp", "OutTimestampReps")                                               \
	X(IP6_IN_RECEIVES, "Ip6", "InReceives")                                                              \
	X(IP6_IN_HDR_ERRORS, "Ip6", "InHdrErrors")                                                           \
	X(IP6_IN_TOO_BIG_ERRORS, "Ip6", "InTooBigErrors")                                                    \
	X(IP6_IN_NO_ROUTES, "Ip6", "InNoRoutes")                                                             \
	X(IP6_IN_ADDR_ERRORS, "Ip6", "InAddrErrors")                                                         \
	X(IP6_IN_UNKNOWN_PROTOS, "Ip6", "InUnknownProtos")                                                   \
	X(IP6_IN_TRUNCATED_PKTS, "Ip6", "InTruncatedPkts")                                                   \
	X(IP6_IN_DISCARDS, "Ip6", "InDiscards")                                                              \
	X(IP6_IN_DELIVERS, "Ip6", "InDelivers")                                                              \
	X(IP6_OUT_FORW_DATAGRAMS, "Ip6", "OutForwDatagrams")                                                 \
	X(IP6_OUT_REQUESTS, "Ip6", "OutRequests")                                                            \
	X(IP6_OUT_DISCARDS, "Ip6", "OutDiscards")                                                            \
	X(IP6_OUT_NO_ROUTES, "Ip6", "OutNoRoutes")                                                           \
	X(IP6_REASM_TIMEOUT, "Ip6", "ReasmTimeout")                                                          \
	X(IP6_REASM_REQDS, "Ip6", "ReasmReqds")                                                              \
	X(IP6_REASM_OKS, "Ip6", "ReasmOKs")                                                                  \
	X(IP6_REASM_FAILS, "Ip6", "ReasmFails")                                                              \
	X(IP6_FRAG_OKS, "Ip6", "FragOKs")                                                                    \
	X(IP6_FRAG_FAILS, "Ip6", "FragFails")                                                                \
	X(IP6_FRAG_CREATES, "Ip6", "FragCreates")                                                            \
	X(IP6_IN_MCAST_PKTS, "Ip6", "InMcastPkts")                                                           \
	X(IP6_OUT_MCAST_PKTS, "Ip6", "OutMcastPkts")                                                         \
	X(IP6_IN_OCTETS, "Ip6", "InOctets")                                                                  \
	X(IP6_OUT_OCTETS, "Ip6", "OutOctets")                                                                \
	X(ICMP6_IN_MSGS, "Icmp6", "InMsgs")                                                                  \
	X(ICMP6_IN_ERRORS, "Icmp6", "InErrors")                                                              \
	X(ICMP6_IN_CSUM_ERRORS, "Icmp6", "InCsumErrors")                                                     \
	X(ICMP6_OUT_MSGS, "Icmp6", "OutMsgs")                                                                \
	X(ICMP6_OUT_RATE_LIMIT_HOST, "Icmp6", "OutRateLimitHost")                                            \
	X(ICMP6_IN_DEST_UNREACHS, "Icmp6", "InDestUnreachs")                                                 \
	X(ICMP6_IN_PKT_TOO_BIGS, "Icmp6", "InPktTooBigs")                                                    \
	X(ICMP6_IN_TIME_EXCDS, "Icmp6", "InTimeExcds")                                                       \
	X(ICMP6_IN_PARM_PROBLEMS, "Icmp6", "InParmProblems")                                                 \
	X(ICMP6_IN_ECHOS, "Icmp6", "InEchos")                                                                \
	X(ICMP6_IN_ECHO_REPLIES, "Icmp6", "InEchoReplies")                                                   \
	X(ICMP6_IN_GROUP_MEMB_QUERIES, "Icmp6", "InGroupMembQueries")                                        \
	X(ICMP6_IN_ROUTER_SOLICITS, "Icmp6", "InRouterSolicits")                                             \
	X(ICMP6_IN_ROUTER_ADVERTISEMENTS, "Icmp6", "InRouterAdvertisements")                                 \
	X(ICMP6_IN_NEIGHBOR_SOLICITS, "Icmp6", "InNeighborSolicits")                                         \
	X(ICMP6_IN_NEIGHBOR_ADVERTISEMENTS, "Icmp6", "InNeighborAdvertisements")                             \
	X(ICMP6_IN_REDIRECTS, "Icmp6", "InRedirects")                                                        \
	X(ICMP6_OUT_DEST_UNREACHS, "Icmp6", "OutDestUnreachs")                                               \
	X(ICMP6_OUT_PKT_TOO_BIGS, "Icmp6", "OutPktTooBigs")                                                  \
	X(ICMP6_OUT_TIME_EXCDS, "Icmp6", "OutTimeExcds")                                                     \
	X(ICMP6_OUT_PARM_PROBLEMS, "Icmp6", "OutParmProblems")                                               \
	X(ICMP6_OUT_ECHO_REPLIES, "Icmp6", "OutEchoReplies")                                                 \
	X(ICMP6_OUT_NEIGHBOR_SOLICITS, "Icmp6", "OutNeighborSolicits")                                       \
	X(ICMP6_OUT_NEIGHBOR_ADVERTISEMENTS, "Icmp6", "OutNeighborAdvertisements")                           \
	X(ICMP6_OUT_REDIRECTS, "Icmp6", "OutRedirects")                                                      \
	X(ICMP6_OUT_MLD_REPORTS, "Icmp6", "OutMLDv2Reports")                                                 \
	X(UDP_IN_DATAGRAMS, "Udp", "InDatagrams")                                                            \
	X(UDP_NO_PORTS, "Udp", "NoPorts")                                                                    \
	X(UDP_IN_ERRORS, "Udp", "InErrors")                                                                  \
	X(UDP_OUT_DATAGRAMS, "Udp", "OutDatagrams")                                                          \
	X(UDP_RCVBUF_ERRORS, "Udp", "RcvbufErrors")                                                          \
	X(UDP_IN_CSUM_ERRORS, "Udp", "InCsumErrors")                                                         \
	X(UDP_IGNORED_MULTI, "Udp", "IgnoredMulti")                                                          \
	X(UDP_MEM_ERRORS, "Udp", "MemErrors")                                                                \
	X(UDP6_IN_DATAGRAMS, "Udp6", "InDatagrams")                                                          \
	X(UDP6_NO_PORTS, "Udp6", "NoPorts")                                                                  \
	X(UDP6_IN_ERRORS, "Udp6", "InErrors")                                                                \
	X(UDP6_OUT_DATAGRAMS, "Udp6", "OutDatagrams")                                                        \
	X(UDP6_RCVBUF_ERRORS, "Udp6", "RcvbufErrors")                                                        \
	X(UDP6_IN_CSUM_ERRORS, "Udp6", "InCsumErrors")                                                       \
	X(UDP6_IGNORED_MULTI, "Udp6", "IgnoredMulti")                                                        \
	X(UDP6_MEM_ERRORS, "Udp6", "MemErrors")                                                              \
	X(TCP_IN_SEGS, "Tcp", "InSegs")                                                                      \
	X(TCP_IN_ERRS, "Tcp", "InErrs")                                                                      \
	X(TCP_IN_CSUM_ERRORS, "Tcp", "InCsumErrors")                                                         \
	X(TCP_OUT_SEGS, "Tcp", "OutSegs")                                                                    \
	X(TCP_OUT_RSTS, "Tcp", "OutRsts")                                                                    \
	X(ARP_IN_REQUESTS, "Arp", "InRequests")                                                              \
	X(ARP_IN_REPLIES, "Arp", "InReplies")                                                                \
	X(ARP_OUT_REQUESTS, "Arp", "OutRequests")                                                            \
	X(ARP_OUT_REPLIES, "Arp", "OutReplies")                                                              \
	X(NEIGH_ALLOCS, "Neigh", "Allocs")                                                                   \
	X(NEIGH_DESTROYS, "Neigh", "Destroys")                                                               \
	X(NEIGH_RES_FAILED, "Neigh", "ResFailed")                                                            \
	X(NEIGH_TABLE_FULLS, "Neigh", "TableFulls")                                                          \
	X(NEIGH_UNRES_DISCARDS, "Neigh", "UnresDiscards")                                                    \
	X(NEIGH_FORCED_GC_RUNS, "Neigh", "ForcedGcRuns")                                                     \
	X(NEIGH_MOVES, "Neigh", "Moves")                                                                     \
	X(NEIGH_DAD_FAILED, "Neigh", "DadFailed")                                                            \
	X(IGMP_IN_QUERIES, "Igmp", "InQueries")                                                              \
	X(IGMP_OUT_REPORTS, "Igmp", "OutReports")                                                            \
	X(CSUM_PARTIAL_COMPLETED, "Sluice", "CsumPartialCompleted")                                          \
	X(MSS_CLAMPED, "Sluice", "MssClamped")                                                               \
	X(NO_BUFFER, "Sluice", "NoBuffer")                                                                   \
	X(RX_BYTES, "Port", "RxBytes")                                                                       \
	X(TX_BYTES, "Port", "TxBytes")

enum stat_id {
#define X(name, group, linux_name) STAT_##name,
	STATS(X)
#undef X
	        STAT_COUNT
};

struct stat_block {
	_Alignas(CACHE_LINE) uint64_t v[ALIGN_UP((uint32_t)STAT_COUNT, 8u)];
};

static always_inline void stat_add(struct journal *j, struct stat_block *block, enum stat_id stat, uint64_t n)
{
	uint64_t *v = journal_touch(j, &block->v[stat]);

	*v += n;
}

/* "Ip" and "InReceives". */
const char *stat_group(enum stat_id stat);
const char *stat_name(enum stat_id stat);

#endif
