/* registry: the table. */
#include "common/metric/metric.h"

#define AT(field)           .scope = METRIC_OF_APPLIANCE, .at = offsetof(struct metrics, field)
#define OF_STAGE(field)     .scope = METRIC_OF_STAGE, .at = offsetof(struct metrics_stage, field)
#define OF_PROCESS(field)   .scope = METRIC_OF_PROCESS, .at = offsetof(struct metrics_process, field)
#define OF_LANE(field)      .scope = METRIC_OF_LANE, .at = offsetof(struct metrics_lane, field)
#define OF_PORT(field)      .scope = METRIC_OF_PORT, .at = offsetof(struct metrics_port, field)
#define GAUGE               .type = METRIC_GAUGE
#define SECONDS             .unit = METRIC_NANOS
#define HISTOGRAM(n, power) .type = METRIC_HISTOGRAM, .buckets = (n), .shift = (power)

static_assert(SAMPLE_EVERY == 31, "the sentences below say so");

static const struct metric families[] = {
/* The protocols' counters, by Linux's names. */
#define X(upper, of, linux_name)                                                                             \
	{.name = #upper, .group = (of), .column = (linux_name), AT(stat[STAT_##upper])},
        STATS(X)
#undef X

        /* The configuration and memory. */
        {"epoch", "Number of the configuration in force.", "SluiceAppliance", "Epoch", GAUGE, AT(epoch)},
        {"epoch_retired", "Whether nothing of an older configuration is under way.", "SluiceAppliance",
                "EpochRetired", GAUGE, AT(epoch_retired)},
        {"lanes", "Chains of workers.", "SluiceAppliance", "Lanes", GAUGE, AT(lanes)},
        {"buffers", "Packet buffers.", "SluiceAppliance", "Buffers", GAUGE, AT(buffers)},
        {"buffer_size_bytes", "Bytes of each packet buffer.", "SluiceAppliance", "BufferBytes", GAUGE,
                AT(buffer_bytes)},
        {"rings_packets", "Packets in the rings between stages.", "SluiceAppliance", "RingPackets", GAUGE,
                AT(in_rings)},
        {"account_unexplained_packets",
                "Packets that the last reading of the account of one instant could not explain: 0 where all "
                "is well.",
                "SluiceAppliance", "Unexplained", GAUGE, AT(unexplained)},

        /* What becomes of packets (ACCOUNT.md). */
        {"stage_in_packets", "Packets taken from rings and ports.", "SluiceStage", "In", OF_STAGE(terms.in)},
        {"stage_out_packets", "Packets given to rings and ports.", "SluiceStage", "Out", OF_STAGE(terms.out)},
        {"stage_generated_packets", "Packets made without a parent.", "SluiceStage", "Generated",
                OF_STAGE(terms.generated)},
        {"stage_cloned_packets", "Copies made of packets.", "SluiceStage", "Cloned", OF_STAGE(terms.cloned)},
        {"stage_split_packets", "Packets that splitting added.", "SluiceStage", "Split",
                OF_STAGE(terms.split)},
        {"stage_delivered_packets", "Packets queued to a socket, or consumed by a protocol of our own.",
                "SluiceStage", "Delivered", OF_STAGE(terms.delivered)},
        {"stage_merged_packets", "Packets that merging took away.", "SluiceStage", "Merged",
                OF_STAGE(terms.merged)},
        {"stage_dropped_packets", "Packets dropped, over all reasons.", "SluiceStage", "Dropped",
                OF_STAGE(terms.dropped)},
        {"stage_held_packets", "Packets that the stage has in its own state.", "SluiceStage", "Held", GAUGE,
                OF_STAGE(terms.held)},
        {"stage_held_buffers", "Packet buffers that the stage has in its own state.", "SluiceStage",
                "HeldBuffers", GAUGE, OF_STAGE(terms.held_buffers)},
        {"stage_bursts", "Bursts that were committed.", "SluiceStage", "Bursts", OF_STAGE(terms.bursts)},
        {"stage_crashes", "Bursts found interrupted by a death.", "SluiceStage", "Crashes",
                OF_STAGE(terms.crashes)},
        {"stage_quarantines", "Rings given up since their other end broke the protocol.", "SluiceStage",
                "Quarantines", OF_STAGE(quarantines)},
        {"stage_bad_descriptors", "Impossible descriptors received.", "SluiceStage", "BadDescriptors",
                OF_STAGE(bad_descriptors)},
        {"stage_rounds", "Rounds of the stage's workers.", "SluiceStage", "Rounds", OF_STAGE(rounds)},
        {"dropped_packets", "Packets dropped, by stage and reason.", "Drop", "Packets",
                .scope = METRIC_OF_REASON},

        /* One burst in SAMPLE_EVERY. */
        {"burst_packets", "Packets that a burst began with, of one burst in 31.", "SluiceSample",
                "BurstPackets", OF_STAGE(samples.burst_packets), HISTOGRAM(8, 0)},
        {"burst_duration_seconds", "Time from taking a burst to its commit, of one burst in 31.",
                "SluiceSample", "BurstTime", SECONDS, OF_STAGE(samples.burst_time),
                HISTOGRAM(20, SAMPLE_TIME_SHIFT)},
        {"ring_waiting_packets", "Packets in a ring when a burst was taken from it, of one burst in 31.",
                "SluiceSample", "RingPackets", OF_STAGE(samples.ring_packets), HISTOGRAM(17, 0)},
        {"transit_seconds",
                "Time from a packet's arrival until its port's driver has it to send, of the first of one "
                "burst in 31.",
                "SluiceSample", "TransitTime", SECONDS, AT(stage[STAGE_INGEST].samples.transit_time),
                HISTOGRAM(20, SAMPLE_TIME_SHIFT)},

        /* Processes. */
        {"process_up", "Whether the process runs.", "SluiceProcess", "Up", GAUGE, OF_PROCESS(up)},
        {"process_starts", "Times that the process was started.", "SluiceProcess", "Starts",
                OF_PROCESS(starts)},
        {"process_faults", "Deaths of the process by its own fault.", "SluiceProcess", "Faults",
                OF_PROCESS(faults)},
        {"process_stalls", "Times that the process was killed for want of progress.", "SluiceProcess",
                "Stalls", OF_PROCESS(stalls)},
        {"process_uptime_seconds", "Time since the process was started; 0 where it does not run.",
                "SluiceProcess", "Uptime", GAUGE, SECONDS, OF_PROCESS(uptime_ns)},
        {"process_cpu_seconds", "Time of processors that the process took, and those before it.",
                "SluiceProcess", "CpuTime", SECONDS, OF_PROCESS(cpu_ns)},
        {"process_waiting_seconds", "Time that its threads could have run, and had no processor.",
                "SluiceProcess", "WaitingTime", SECONDS, OF_PROCESS(waited_ns)},
        {"process_context_switches", "Times that one of its threads was given a processor.", "SluiceProcess",
                "ContextSwitches", OF_PROCESS(switches)},
        {"process_resident_memory_bytes", "Memory of the process, all that it shares among it.",
                "SluiceProcess", "Rss", GAUGE, OF_PROCESS(rss_bytes)},
        {"process_proportional_memory_bytes",
                "Memory of the process, its share of what it shares; 0: not known.", "SluiceProcess", "Pss",
                GAUGE, OF_PROCESS(pss_bytes)},
        {"process_threads", "Threads of the process.", "SluiceProcess", "Threads", GAUGE,
                OF_PROCESS(threads)},

        /* Polling: the columns of softnet_stat. */
        {"softnet_processed_packets", "Packets taken from ports.", "Softnet", "Processed", .place = 0,
                OF_LANE(processed)},
        {"softnet_dropped_packets", "Of them, those for which the ring behind had no room.", "Softnet",
                "Dropped", .place = 1, OF_LANE(dropped)},
        {"softnet_time_squeezes", "Rounds of polling that ended with work left.", "Softnet", "TimeSqueeze",
                .place = 2, OF_LANE(time_squeeze)},
        {"softnet_received_rps_packets", "Packets steered to another lane.", "Softnet", "ReceivedRps",
                .place = 9, OF_LANE(received_rps)},
        {"softnet_flow_limits", "Packets dropped by a limit of flows: there is no such limit.", "Softnet",
                "FlowLimit", .place = 10, OF_LANE(flow_limit)},
        {"ingest_poll_rounds", "Rounds of polling.", "SluicePoll", "Rounds", OF_LANE(rounds)},

        /* Ports: the columns of dev, and more. */
        {"port_receive_bytes", "Bytes received.", "Dev", "RxBytes", .place = 0, OF_PORT(rx_bytes)},
        {"port_receive_packets", "Packets received.", "Dev", "RxPackets", .place = 1, OF_PORT(rx_packets)},
        {"port_receive_errors", "Packets received with an error.", "Dev", "RxErrors", .place = 2,
                OF_PORT(rx_errors)},
        {"port_receive_dropped_packets", "Packets lost before the port or in its driver.", "Dev", "RxDropped",
                .place = 3, OF_PORT(rx_dropped)},
        {"port_transmit_bytes", "Bytes sent.", "Dev", "TxBytes", .place = 8, OF_PORT(tx_bytes)},
        {"port_transmit_packets", "Packets sent.", "Dev", "TxPackets", .place = 9, OF_PORT(tx_packets)},
        {"port_transmit_errors", "Packets that the driver could not send.", "Dev", "TxErrors", .place = 10,
                OF_PORT(tx_errors)},
        {"port_transmit_dropped_packets", "Packets that the kernel did not send.", "Dev", "TxDropped",
                .place = 11, OF_PORT(tx_dropped)},
        {"port_up", "Whether the port is up.", "SluicePort", "Up", GAUGE, OF_PORT(up)},
        {"port_carrier", "Whether the port has a carrier.", "SluicePort", "Carrier", GAUGE, OF_PORT(carrier)},
        {"port_speed_bytes", "Speed of the link in bytes a second; 0: unknown.", "SluicePort", "SpeedBytes",
                GAUGE, OF_PORT(speed_bytes)},
        {"port_mtu_bytes", "Largest packet.", "SluicePort", "Mtu", GAUGE, OF_PORT(mtu)},
        {"port_queues", "Queues in use.", "SluicePort", "Queues", GAUGE, OF_PORT(queues)},
        {"port_changes", "Times that the port's state changed.", "SluicePort", "Changes", OF_PORT(changes)},
        {"port_polls", "Times that a queue of the port was polled.", "SluicePort", "Polls", OF_PORT(polls)},
        {"port_completes", "Times that a queue ran dry and was unmasked.", "SluicePort", "Completes",
                OF_PORT(completes)},
        {"port_deferrals", "Times that a queue ran dry and stayed masked for a while.", "SluicePort",
                "Deferrals", OF_PORT(deferrals)},
        {"port_wakeups", "Times that a queue was scheduled.", "SluicePort", "Wakeups", OF_PORT(wakeups)},
        {"port_kicks", "System calls for the kernel to look.", "SluicePort", "Kicks", OF_PORT(kicks)},
        {"port_transmit_in_doubt_packets", "Packets whose sending a death left undecided.", "SluicePort",
                "TxInDoubt", OF_PORT(in_doubt)},

        /* Sockets. */
        {"sockets", "Sockets of the configuration.", "Sockstat", "SocketsUsed", "sockets", "used", GAUGE,
                AT(sockets)},
        {"udp_sockets", "UDP sockets.", "Sockstat", "UdpInuse", "UDP", "inuse", GAUGE, AT(sockets)},
        {"udp_memory_pages", "Pages of memory whose datagrams wait in UDP sockets.", "Sockstat", "UdpMem",
                "UDP", "mem", GAUGE, AT(udp_pages)},

        /* Dynamic routes. */
        {"dynamic_routes", "Routes that sources have told.", "SluiceRoute", "Dynamic", GAUGE, AT(routes)},
        {"dynamic_routes_in_force", "Of them, those in the FIB.", "SluiceRoute", "InForce", GAUGE,
                AT(routes_in_force)},
        {"dynamic_routes_held_back", "Of them, those whose next hops lead to no port.", "SluiceRoute",
                "HeldBack", GAUGE, AT(routes_held_back)},
        {"dynamic_routes_stale", "Of them, those that were not told again yet.", "SluiceRoute", "Stale",
                GAUGE, AT(routes_stale)},
        {"dynamic_route_changes", "Routes told and withdrawn.", "SluiceRoute", "Changes", AT(route_changes)},
        {"dynamic_route_refusals", "Routes refused, since there were too many.", "SluiceRoute", "Refused",
                AT(routes_refused)},
        {"dynamic_route_malformed_messages", "Messages of sources that could not be read.", "SluiceRoute",
                "Malformed", AT(route_malformed)},
        {"dynamic_route_synchronizations", "Times that a source told all of its routes.", "SluiceRoute",
                "Syncs", AT(route_syncs)},
        {"fpm_connected", "Whether a zebra is connected.", "SluiceRoute", "FpmConnected", GAUGE,
                AT(fpm_connected)},

        /* Control itself. */
        {"control_uptime_seconds", "Time since control was started.", "SluiceControl", "Uptime", GAUGE,
                SECONDS, AT(control_uptime_ns)},
        {"rpc_requests", "Requests of commands.", "SluiceRpc", "Requests", AT(rpc_requests)},
        {"rpc_malformed_requests", "Requests that could not be read.", "SluiceRpc", "Malformed",
                AT(rpc_malformed)},
        {"rpc_refused_requests", "Requests for what only administrators may.", "SluiceRpc", "Refused",
                AT(rpc_refused)},
        {"rpc_limited_requests", "Requests beyond the calls that may be under way.", "SluiceRpc", "Limited",
                AT(rpc_limited)},
        {"rpc_oversized_requests",
                "Requests larger than who asks may send; connections ended for one larger still.",
                "SluiceRpc", "Oversized", AT(rpc_oversized)},
        {"rpc_unauthorized_keys", "Connections and requests of keys that are not allowed.", "SluiceRpc",
                "Unauthorized", AT(rpc_unauthorized)},
        {"rpc_failed_handshakes", "Connections by TCP that did not get as far as a key.", "SluiceRpc",
                "Handshakes", AT(rpc_handshakes)},
        {"rpc_crowded_connections", "Connections refused, since there were too many.", "SluiceRpc", "Crowded",
                AT(rpc_crowded)},
        {"rpc_missed_replies", "Replies that a client did not take in time.", "SluiceRpc", "Missed",
                AT(rpc_missed)},
        {"rpc_calls", "Calls under way.", "SluiceRpc", "Calls", GAUGE, AT(rpc_calls)},
        {"rpc_clients", "Clients connected.", "SluiceRpc", "Clients", GAUGE, AT(rpc_clients)},
        {"http_requests", "Requests for metrics that were answered with them.", "SluiceHttp", "Requests",
                AT(http_requests)},
        {"http_error_replies", "Requests for something else, or without memory for the answer.", "SluiceHttp",
                "Errors", AT(http_errors)},
        {"http_unauthorized_requests", "Requests for metrics without the token.", "SluiceHttp",
                "Unauthorized", AT(http_unauthorized)},
        {"http_refused_connections", "Connections refused, since there were too many.", "SluiceHttp",
                "Refused", AT(http_refused)},
        {"http_incomplete_connections",
                "Connections that ended without a whole answer: too slow, too large, or no HTTP.",
                "SluiceHttp", "Incomplete", AT(http_incomplete)},
        {"http_clients", "Connections that ask for metrics.", "SluiceHttp", "Clients", GAUGE,
                AT(http_clients)},
};

uint32_t metrics_families(void)
{
	return ARRAY_LEN(families);
}

const struct metric *metrics_family(uint32_t f)
{
	assert(f < ARRAY_LEN(families));
	return &families[f];
}
