/* samples: what a worker notes of one burst in SAMPLE_EVERY, in its public region.
 *
 * The worker alone writes it, beside the account: a death costs it the sample in hand at most.  Any process
 * reads it at any time (common/stat/histogram.h).
 */
#ifndef SLUICE_COMMON_STAGE_SAMPLES_H
#define SLUICE_COMMON_STAGE_SAMPLES_H

#include "common/stat/histogram.h"

#define SAMPLE_EVERY      31u /* a prime: inputs that take turns do not fall in with it */
#define SAMPLE_TIME_SHIFT 8u  /* of times: 256 ns and less are one */

struct worker_samples {
	struct histogram burst_packets; /* buffers that a burst began with */
	struct histogram burst_time;    /* from taking it to its commit, nanos_t */
	struct histogram ring_packets;  /* that waited in the ring which it was taken from, itself included */
	struct histogram transit_time; /* of ingest: from a packet's arrival until its port's driver has it */
};

#endif
