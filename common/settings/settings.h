/* settings: what a port's driver text says: to ingest, and to the opener of live ports.
 *
 * The text is one line of `key=value;key=value`, in any order, each key once, without quotes; a value goes up
 * to the next `;`.  common/config writes it from the configuration file, a host may write it itself.
 *
 *     pcap  in=FILE            classic pcap or pcapng; without it nothing comes in
 *           out=FILE           classic pcap, nanoseconds, Ethernet; without it what is sent is forgotten
 *           pace=capture       as the timestamps say; this is the default
 *           pace=max           as fast as they are taken
 *           pace=N             so many frames a second
 *           loop=N             how often the file is played (1); 0: for ever.  Then it is kept in memory.
 *     loop  peer=PORT          what this port sends arrives there; without it, or empty, on the port itself
 *           capacity=N         frames that the way to the peer holds (256; at most 512)
 *     live  (af_xdp, af_packet, tap)
 *           interface=NAME     of the machine; empty: the port's own name
 *           mode=WORD          af_xdp: auto, native, generic, zerocopy; af_packet: auto, v2, v3.  auto: the
 * best there is rx_ring=N          frames that the kernel may have ready for us: a power of two (2048)
 *           tx_ring=N          frames that wait to be sent (2048)
 *           control_dscp=N     the lowest DSCP of the control class (common/urgent): 48; 64: none by its DSCP
 *           adopt=0|1          1: the interface's addresses and routes are taken over while the port is open
 * (0) any   poll.weight=N      packets a queue and poll (64); these six can change while the port stays open
 *           poll.budget=N      packets a round (300); the largest among a worker's ports counts
 *           poll.budget_us=N   time of a round (2000); likewise
 *           poll.defer_hard_irqs=N          empty polls before a queue waits for its interrupt (0)
 *           poll.gro_flush_timeout_us=N     between those (0)
 *           poll.busy_poll_us=N             how long to look again before sleeping (0)
 *     any   fault.seed=N       the same seed gives the same faults (1)
 *           fault.drop=N       parts per million of the frames, each way; the same for
 *           fault.repeat, fault.reorder, fault.corrupt, fault.truncate
 *           fault.delay_ms=N   each frame comes so much later at the most
 */
#ifndef SLUICE_COMMON_SETTINGS_SETTINGS_H
#define SLUICE_COMMON_SETTINGS_SETTINGS_H

#include "common/epoch/epoch.h"

#define SETTINGS_FILE_BYTES 4096u
#define SETTINGS_PPM        1000000u
#define SETTINGS_DELAY_MAX  60000u
#define LOOP_CAPACITY_MAX   512u

#define SETTINGS_RING_MIN    64u
#define SETTINGS_RING_MAX    32768u
#define SETTINGS_WEIGHT_MAX  256u
#define SETTINGS_BUDGET_MAX  65536u
#define SETTINGS_POLL_US_MAX 1000000u
#define SETTINGS_DSCP_MAX    64u

enum settings_mode {
	MODE_AUTO,
	MODE_NATIVE,
	MODE_GENERIC,
	MODE_ZEROCOPY,
	MODE_V2,
	MODE_V3,
};

/* Of an interface of the machine. */
struct live_settings {
	char interface[EPOCH_NAME_LEN]; /* terminated; empty: the port's own name */
	enum settings_mode mode;
	uint32_t rx_ring, tx_ring; /* powers of two */
	uint32_t adopt;
	uint32_t control_dscp;
};

/* When a queue is polled (common/pace). */
struct poll_settings {
	uint32_t weight;
	uint32_t budget, budget_us;
	uint32_t defer_hard_irqs, gro_flush_timeout_us;
	uint32_t busy_poll_us;
};

enum settings_pace { PACE_CAPTURE, PACE_MAX, PACE_RATE };

/* Shares in parts per million. */
struct fault_settings {
	uint64_t seed;
	uint32_t drop;
	uint32_t repeat;
	uint32_t reorder;
	uint32_t corrupt;
	uint32_t truncate;
	uint32_t delay_ms;
};

struct nic_settings {
	char in[SETTINGS_FILE_BYTES]; /* terminated; empty: not given */
	char out[SETTINGS_FILE_BYTES];
	char peer[EPOCH_NAME_LEN];
	enum settings_pace pace;
	uint64_t rate;
	uint64_t loop;
	uint32_t capacity;
	struct live_settings live;
	struct poll_settings poll;
	struct fault_settings fault;
};

/* Reads the text of a port with this driver.  0, or -EINVAL with a sentence in `error` that names the key. */
[[nodiscard]] int settings_parse(
        struct nic_settings *settings, enum epoch_driver driver, const char *text, char *error, size_t size);

/* Whether any fault is asked for. */
bool settings_faulty(const struct nic_settings *settings);

/* A text as one number, without what may change while a port stays open (poll.*): texts with the same number
 * open the same. */
uint64_t settings_identity(const char *text);

#endif
