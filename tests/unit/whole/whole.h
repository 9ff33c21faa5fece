/* whole: an appliance of the real stages on one thread, with a wire that a test holds in its hand.
 *
 *     whole_setup(&whole, text);              a configuration whose ports have `driver: pcap` and no file
 *     whole_push(&whole, port, bytes, len); ...
 *     whole_settle(&whole);                   until nothing moves
 *     whole_advance(&whole, until);           and on, from timer to timer
 *     whole_judge(&whole)                     NULL where everything is accounted for, or what is wrong
 *
 * What is pushed takes the place of the driver's reception; all else of ingest is as it is.  Two at a time at
 * the most.
 */
#ifndef SLUICE_TESTS_UNIT_WHOLE_WHOLE_H
#define SLUICE_TESTS_UNIT_WHOLE_WHOLE_H

#include "common/account/account.h"
#include "common/publish/publish.h"
#include "common/stage/worker.h"

#define WHOLE_FRAMES 512u

/* A frame on its way in. */
struct whole_frame {
	const uint8_t *bytes; /* the test's */
	uint16_t len;
	uint8_t port; /* physical */
	uint8_t lane; /* whose ingest takes it */
};

struct whole {
	struct appliance a;
	struct publisher publisher;
	struct worker *w[WORKERS_MAX];
	nanos_t now;
	struct whole_frame frame[WHOLE_FRAMES];
	uint32_t n, taken;
	/* Called for each packet that ingest is about to send; NULL: nobody looks. */
	void (*sent)(void *context, const struct pkt *pkt, const uint8_t *frame);
	void *context;
};

/* Makes the appliance and starts all its workers; aborts where that fails. */
void whole_setup(struct whole *whole, const char *text);
void whole_teardown(struct whole *whole);

/* Puts a configuration in force; what config_parse or publish_config give. */
[[nodiscard]] int whole_publish(struct whole *whole, const char *text);
/* Offers it; what config_parse or publish_make give. */
[[nodiscard]] int whole_offer(struct whole *whole, const char *text);

/* A frame at a physical port of a lane.  false: the wire is full until it settles. */
bool whole_push(struct whole *whole, uint32_t port, uint32_t lane, const void *bytes, uint32_t len);

/* One round of one worker; one of each.  Whether anything was done. */
bool whole_step(struct whole *whole, enum stage_id stage, uint32_t lane);
bool whole_round(struct whole *whole);
/* Rounds until nothing moves; false: it went on for longer than anything in hand explains. */
bool whole_settle(struct whole *whole);
/* Settles, then from timer to timer, `steps` at the most, none of them behind `until`. */
bool whole_advance(struct whole *whole, nanos_t until, uint32_t steps);

/* Whether all balances, of each worker, ring and buffer, and each stage finds its state consistent; at rest.
 * NULL, or what is wrong. */
const char *whole_judge(const struct whole *whole);

uint64_t whole_dropped(const struct whole *whole, enum stage_id stage, enum drop_reason reason);

#endif
