/* bed: a session with sockets to test it on.
 *
 *     struct bed bed; bed_init(&bed);  bed_adopt(&bed, number, sockets, n);
 *     fixture_begin(&bed.f, INPUT_RX, 1); bed_udp(&bed, &datagram); bed_run(&bed); look; fixture_end(&bed.f);
 *
 * Ports: 0 "eth0" with 10.0.0.1/24 (broadcast 10.0.0.255), fe80::1 and 2001:db8::1; 1 "eth1"
 * with 10.1.0.1/24, takes unfinished checksums, hop limit 33.
 */
#ifndef SLUICE_TESTS_UNIT_SESSION_BED_H
#define SLUICE_TESTS_UNIT_SESSION_BED_H

#include "common/wire/addr.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "services/session/session.h"
#include "tests/unit/fixture/fixture.h"

#define BED_ETH0 ((struct port_id){0})
#define BED_ETH1 ((struct port_id){1})

struct bed {
	struct fixture f;
	void *worker;
	struct epoch epoch;
	void *region[2];
	struct epoch_limits limits; /* of the epochs to come */
};

/* A packet to be made.  family 4 or 6; addresses mapped for IPv4. */
struct bed_packet {
	struct ip6_addr src, dst;
	uint16_t sport, dport;
	uint8_t family;
	struct port_id port;
	const void *payload;
	uint32_t len;     /* of the payload */
	uint32_t pieces;  /* buffers, 0 and 1: one */
	uint32_t padding; /* bytes behind the packet in its last buffer */
	bool no_sum, bad_sum, pseudo_sum;
	uint8_t tos;
};

struct ip6_addr bed_v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d);
struct ip6_addr bed_v6(const char *text);

/* From 10.0.0.2 port 1000 to 10.0.0.1 (the same of 2001:db8::) on eth0. */
struct bed_packet bed_packet4(uint16_t dport, const char *payload);
struct bed_packet bed_packet6(uint16_t dport, const char *payload);

struct epoch_socket bed_socket(uint8_t family, uint16_t port, enum epoch_app app);

void bed_init(struct bed *bed);
void bed_free(struct bed *bed);
void bed_restart(struct bed *bed);

/* Makes the epoch and has it taken up; has the one before retired; both.  Each burst is committed; returns
 * how many it took. */
uint32_t bed_take_up(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n);
uint32_t bed_retire(struct bed *bed);
uint32_t bed_adopt(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n);
void bed_epoch(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n);

/* Puts a packet of layer 4 `l4` (l4_len bytes, checksum at `field` to be set unless 0) into the burst, in one
 * buffer or in several; returns the place of its first. */
uint32_t bed_packet_add(struct bed *bed, const struct bed_packet *p, uint8_t proto, uint8_t *l4,
        uint32_t l4_len, uint32_t field);
uint32_t bed_udp(struct bed *bed, const struct bed_packet *p);

/* The stage over the burst; the timer, once, as a burst of its own that is committed; and until nothing is
 * due. */
void bed_run(struct bed *bed);
void bed_timer(struct bed *bed);
uint32_t bed_timers(struct bed *bed);

/* One datagram in a burst of its own, committed; its verdict. */
struct verdict bed_receive(struct bed *bed, const struct bed_packet *p);

/* The counters of the first socket on that port; all zero where there is none. */
struct session_socket_count bed_count(const struct bed *bed, uint16_t port);

/* The bytes of the packet that begins with outbox entry k, from its network header on, into out; returns how
 * many. */
uint32_t bed_sent(const struct bed *bed, uint32_t k, uint8_t *out);

#endif
