/* setup: neighbors on two ports, their state in a fixture, and the frames that others on the links send.
 *
 *     struct setup s; setup_init(&s); setup_adopt(&s, now);
 *     setup_na(&s, now, ...);  setup_send(&s, now, ...);  setup_until(&s, later);
 *     look at s.sent[0 .. s.n_sent), setup_state(&s, ...)
 *
 * Nothing here knows Criterion: the fuzz target stands on it too.  Every burst ends with a look at the
 * state's consistency, and at the buffers: what the fixture has as held is what the table says that it holds.
 * With `cut` each burst is first done and undone, and must leave no trace.
 */
#ifndef SLUICE_TESTS_UNIT_ROUTER_NEIGHBOR_SETUP_H
#define SLUICE_TESTS_UNIT_ROUTER_NEIGHBOR_SETUP_H

#include "services/router/neighbor/internal.h"
#include "tests/unit/fixture/fixture.h"

#define SETUP_SENT      4096u
#define SETUP_NEIGHBORS 64u
#define SETUP_ADDRESSES 64u
#define SETUP_GROUPS    128u

/* Where our own things are. */
#define P0     ((struct port_id){0})
#define P1     ((struct port_id){1})
#define P_DOWN ((struct port_id){2})
#define P_LO   ((struct port_id){3})

struct region {
	struct epoch_header h;
	struct epoch_port port[4];
	struct epoch_address address[SETUP_ADDRESSES];
	struct epoch_neighbor neighbor[SETUP_NEIGHBORS];
	uint32_t neighbor_index[2 * SETUP_NEIGHBORS];
	struct ip6_addr group[SETUP_GROUPS];
};

struct sent {
	struct verdict verdict;
	struct port_id port;
	uint8_t born;
	uint16_t len;
	uint8_t frame[1600];
};

struct setup {
	struct fixture f;
	struct region *region;
	struct epoch epoch;
	struct neighbor n;
	struct sent *sent;
	uint32_t n_sent;
	uint32_t unreachable; /* calls of the hook */
	uint32_t held;        /* packets that wait, by verdicts */
	bool cut;
	bool link_waits; /* port 0 is being opened */
	struct board_links links;
	bool unchecked;         /* setup_check is the caller's, and not at the end of each burst */
	bool done;              /* the last burst of setup_take_up or setup_retire was the last one needed */
	uint8_t *before;        /* the state, with cut */
	uint32_t outbox;        /* entries that the outbox seems to have room for; 0: all */
	struct ip6_addr source; /* of what is sent, an IPv6 packet then; unspecified: IPv4 */
	uint32_t lines;         /* the most undo lines that a packet has needed */
	uint32_t burst_lines;   /* and a burst of timers or adoption */
};

void setup_init(struct setup *s);
void setup_free(struct setup *s);

/* As after setup_init, but for the state, of which `state` is a copy in which nothing is held. */
void setup_reset(struct setup *s, const void *state);

/* The region was changed: a new epoch, not yet taken up. */
void setup_publish(struct setup *s);

/* The epoch is taken up; the one before is retired; both. */
void setup_take_up(struct setup *s, nanos_t now);
void setup_retire(struct setup *s, nanos_t now);
void setup_adopt(struct setup *s, nanos_t now);

/* What the opener tells of a physical port's link. */
void setup_link(struct setup *s, struct port_id port, uint64_t incarnation, uint32_t losses, bool up);

/* What happens in one burst. */
typedef void setup_event(struct setup *s, nanos_t now, const void *arg);
void setup_burst(struct setup *s, nanos_t now, enum input_kind input, setup_event *event, const void *arg);

/* That the state is consistent, and holds what the fixture says is held. */
void setup_check(struct setup *s);

/* Timers up to and at `now`. */
void setup_until(struct setup *s, nanos_t now);

/* A packet of ours or through us for this next hop; its payload begins with `tag`.  The verdict. */
struct verdict setup_send(
        struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *to, uint32_t tag);

/* A frame comes in; the verdict.  l3_off is ETHER_HDR_LEN. */
enum setup_protocol { SETUP_ARP, SETUP_ND, SETUP_IGMP, SETUP_MLD };
struct verdict setup_input(struct setup *s, nanos_t now, enum setup_protocol protocol, struct port_id port,
        uint8_t type, const void *frame, uint32_t len, uint32_t l4_off);

struct verdict setup_arp(struct setup *s, nanos_t now, struct port_id port, uint8_t type, uint16_t op,
        struct mac_addr sha, struct be32 sip, struct mac_addr tha, struct be32 tip);

/* Neighbor discovery; mac NULL: no option. */
struct verdict setup_ns(struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *src,
        const struct ip6_addr *dst, const struct ip6_addr *target, const struct mac_addr *mac);
struct verdict setup_na(struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *src,
        const struct ip6_addr *dst, const struct ip6_addr *target, const struct mac_addr *mac, uint8_t flags);

/* NUD_NONE: there is none. */
enum nud_state setup_state(const struct setup *s, struct port_id port, const struct ip6_addr *addr);
struct mac_addr setup_mac(const struct setup *s, struct port_id port, const struct ip6_addr *addr);

struct be32 v4(uint32_t host);
struct ip6_addr mapped(uint32_t host);
struct ip6_addr host6(uint32_t i); /* 2001:db8::1:i */
struct mac_addr mac(uint32_t i);

/* Of what was sent: those with this verdict; forgets all. */
uint32_t setup_count(const struct setup *s, enum verdict_kind kind, uint16_t reason);
void setup_forget(struct setup *s);

/* The place in `sent` of the next message of this kind from *at on, or UINT32_MAX. */
uint32_t setup_find_arp(const struct setup *s, uint32_t at, uint16_t op);
uint32_t setup_find_icmp6(const struct setup *s, uint32_t at, uint8_t type);

#define MS  (NANOS_PER_MS)
#define SEC (NANOS_PER_SEC)
#define T0  (1000 * NANOS_PER_SEC)

#endif
