/* bed: a filter with ports to test it on.
 *
 *     struct bed bed; bed_init(&bed);  bed_epoch(&bed, number, ingress, egress);
 *     fixture_begin(&bed.f, INPUT_RX, 1); bed_frame(...); bed_run(&bed); look; fixture_end(&bed.f);
 *
 * The ports: 0 "eth0" is up, with VLANs; 1 "eth1" is down; 2 "lo"; 3 "eth2" takes any MAC and has two queues
 * from lane 1 on; 32 and on are the sub-ports of bed_subs.
 */
#ifndef SLUICE_TESTS_UNIT_FILTER_BED_H
#define SLUICE_TESTS_UNIT_FILTER_BED_H

#include "common/classify/classify.h"
#include "services/filter/filter.h"
#include "tests/unit/fixture/fixture.h"

#define BED_ETH0    ((struct port_id){0})
#define BED_DOWN    ((struct port_id){1})
#define BED_LO      ((struct port_id){2})
#define BED_ANY     ((struct port_id){3})
#define BED_SUB     32u
#define BED_MTU     1500u
#define BED_SUB_MTU 1400u

struct bed_sub {
	uint32_t n;
	uint16_t tpid[2];
	uint16_t vid[2];
	bool up, own_mac;
};

extern const struct bed_sub bed_subs[];
extern const uint32_t bed_n_subs;

extern const struct mac_addr bed_mac;     /* of eth0 and its sub-ports */
extern const struct mac_addr bed_sub_mac; /* of those with one of their own */
extern const struct mac_addr bed_other;   /* of nobody here */
extern const struct mac_addr bed_peer;    /* who sends */

struct bed {
	struct fixture f;
	void *worker;
	struct epoch epoch;
	void *region[2];
};

void bed_init(struct bed *bed);
void bed_free(struct bed *bed);

/* Makes epoch `number` with these rules the one in force and has it adopted; returns how many bursts that
 * took. */
struct bed_rules {
	const struct classify_rule *rules;
	uint32_t n;
	enum classify_verdict policy;
};
uint32_t bed_epoch(struct bed *bed, uint32_t number, struct bed_rules ingress, struct bed_rules egress);

/* The process dies and another takes over. */
void bed_restart(struct bed *bed);

/* The stage over the burst that the fixture has. */
void bed_run(struct bed *bed);

/* Writes an IPv4 UDP packet of `len` bytes in all behind `head` bytes of headers; returns head + len. */
uint32_t bed_udp4(uint8_t *frame, uint32_t head, uint32_t len, uint16_t sport, uint16_t dport);

/* An untagged frame to `dst` with a UDP packet into the burst. */
uint32_t bed_add(struct bed *bed, const struct mac_addr *dst, struct port_id port);

#endif
