/* filter: layer 2.
 *
 * What stands between the ports and the router.  Towards the router (INPUT_RX, Linux
 * __netif_receive_skb_core):
 *
 *     Ethernet header -> VLAN tags: which sub-port -> packet type -> rules at ingress -> other hosts' frames
 * end
 *     -> IPv4, IPv6 and ARP go on
 *
 * and towards the wire (INPUT_TX, Linux __dev_queue_xmit and vlan_dev_hard_start_xmit):
 *
 *     sub-port, its MTU -> rules at egress -> VLAN tags -> the lane that owns the physical port's queue
 *
 * What it leaves in struct pkt towards the router: port is the sub-port; type, ethertype, l3_off, vlan_outer,
 * vlan_inner and their flags are set; mark as the rules left it.  What it expects from the router: out is the
 * (sub-)port, and the frame begins with an Ethernet header of 14 bytes without tags.  What it leaves for
 * ingest: out is the physical port, the frame bears its tags; port still tells where the packet came in.
 *
 * A packet's rules are those of its epoch.  State is counters only: by rule and by (sub-)port.  A rule's
 * counter lives as long as its ruleset stays as it is, byte for byte, from epoch to epoch; a changed ruleset
 * starts from 0.
 *
 * The stage is run by common/stage; the readers of counters below may be called by whoever maps the worker's
 * state.
 */
#ifndef SLUICE_SERVICES_FILTER_FILTER_H
#define SLUICE_SERVICES_FILTER_FILTER_H

#include "common/stage/port_counts.h"
#include "common/stage/stage.h"

extern const struct stage_ops filter_stage;

enum filter_direction { FILTER_INGRESS, FILTER_EGRESS, FILTER_DIRECTIONS };

/* The counters of a port, of one worker (readers add up the lanes); zero for a number out of range. */
struct port_count filter_port_count(const void *state, struct port_id port);

/* Packets that each of the rules 0 .. n - 1 of an epoch's ruleset has matched on one worker, into count. Zero
 * where the worker has not taken up that ruleset.  O(size of the ruleset). */
void filter_rule_counts(const void *state, const struct epoch *epoch, enum filter_direction direction,
        uint64_t *count, uint32_t n);

/* Matches that were not counted: a packet matched more rules than the rest of its burst's undo log had lines
 * for. */
uint64_t filter_rules_uncounted(const void *state);

#endif
