/* opener_bed: ingest's attendant and a kernel with two interfaces, so that the opener runs in a test, beside
 * an appliance on one thread (tests/unit/whole).
 *
 *     bed_setup(text);            that configuration is in force, and its ports are open
 *     bed_offer(text); bed_work();
 *     bed_in_force(); bed_settle();
 *     bed_die_at(n); ...; bed_follow();      it dies before its n-th act from now; another one takes its
 * place
 *
 * The kernel is what bed_kernel tells; what it is told is an act, and so is what the keeper is given. */
#ifndef SLUICE_TESTS_UNIT_KEEPER_OPENER_BED_H
#define SLUICE_TESTS_UNIT_KEEPER_OPENER_BED_H

#include "tests/unit/whole/whole.h"

#include "common/board/board.h"

#define BED_PORTS 2u

struct bed_interface {
	char name[EPOCH_NAME_LEN];
	uint32_t mtu, mtu_max;
	uint32_t refuses;    /* an MTU that it does not take, though it says so only then */
	uint32_t told_after; /* opener.ready when the last MTU was set */
	uint32_t opened;     /* times */
};

struct bed {
	struct whole whole;
	struct bed_interface interface[BED_PORTS];
	bool refuses_mac;
};

extern struct bed bed;

void bed_setup(const char *text);
void bed_teardown(void);

/* As control does it, but that nobody waits. */
void bed_offer(const char *text);
void bed_in_force(void);
void bed_withdraw(void);

/* The opener's turn; of all workers, until nothing of an older epoch is under way, then its. */
void bed_work(void);
void bed_settle(void);

/* What it has said. */
struct board_opener bed_answer(void);

/* Whether frames to that MAC (its last byte) are taken for port `i`, as who holds descriptors has it. */
bool bed_takes(uint32_t i, uint8_t mac);

/* Calls `act`; false: the opener died in it. */
bool bed_survives(void (*act)(void), uint32_t at);
void bed_follow(void);

#endif
