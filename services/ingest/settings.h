/* settings: what a port's driver text says.
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
 *     any   fault.seed=N       the same seed gives the same faults (1)
 *           fault.drop=N       parts per million of the frames, each way; the same for
 *           fault.repeat, fault.reorder, fault.corrupt, fault.truncate
 *           fault.delay_ms=N   each frame comes so much later at the most
 */
#ifndef SLUICE_SERVICES_INGEST_SETTINGS_H
#define SLUICE_SERVICES_INGEST_SETTINGS_H

#include "common/epoch/epoch.h"

#define SETTINGS_FILE_BYTES 4096u
#define SETTINGS_PPM        1000000u
#define SETTINGS_DELAY_MAX  60000u
#define LOOP_CAPACITY_MAX   512u

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
	struct fault_settings fault;
};

/* Reads the text of a port with this driver.  0, or -EINVAL with a sentence in `error` that names the key. */
[[nodiscard]] int settings_parse(
        struct nic_settings *settings, enum epoch_driver driver, const char *text, char *error, size_t size);

/* Whether any fault is asked for. */
bool settings_faulty(const struct nic_settings *settings);

#endif
