/* state: what the parts of the session share; private to it.
 *
 * A worker's state, journaled: the header, the applications, the sockets, the hash over their bindings, and
 * for each buffer of the pool what comes behind it in a receive queue.  References to sockets and buffers are
 * numbers + 1, 0 is none.
 */
#ifndef SLUICE_SERVICES_SESSION_STATE_H
#define SLUICE_SERVICES_SESSION_STATE_H

#include "common/app/table.h"
#include "common/trace/trace.h"
#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "services/session/session.h"

#define SESSION_MAGIC   0x53534553u /* "SESS" */
#define SESSION_VERSION 2u
#define SESSION_BUCKETS 65536u
#define PAYLOAD_MAX     65536u

/* Undo lines.  A packet: header, its socket, the one before it in the ready list, the tail of its queue, its
 * own link, counters; twice as many, since a line may be logged twice. */
#define SESSION_LINES_PACKET 16u
#define SESSION_LINES_SOCKET 8u  /* made or removed */
#define SESSION_LINES_READ   8u  /* a datagram read */
#define SESSION_LINES_KEPT   96u /* counters, header, and what the frame itself touches */
#define SESSION_READS        32u /* datagrams read in one burst */
#define SESSION_LINES_SEND   2u  /* a datagram of an application */
#define SESSION_SENDS        64u /* of them in one burst */
#define SESSION_LINES_BURST                                                                                  \
	(SESSION_READS * SESSION_LINES_READ + SESSION_SENDS * SESSION_LINES_SEND + SESSION_LINES_KEPT)
#define SESSION_ADOPTS (SESSION_LINES_BURST / SESSION_LINES_SOCKET - 2) /* sockets changed in one burst */

/* In the links of queues: the next buffer belongs to the same datagram. */
#define LINK_MORE 0x80000000u

enum socket_state { SOCKET_FREE, SOCKET_BOUND, SOCKET_DYING };

struct session_socket {
	/* The queue. */
	_Alignas(CACHE_LINE) uint32_t head; /* first buffer of the oldest datagram */
	uint32_t tail;                      /* last buffer of the newest */
	uint32_t packets;
	uint32_t buffers;
	uint32_t hash_next;
	uint32_t ready_prev; /* the ready list: sockets whose application reads, and has something to */
	uint32_t ready_next;
	uint8_t state; /* enum socket_state */
	uint8_t ready; /* in the ready list */
	uint8_t unused[2];
	uint64_t queued;
	uint64_t drops;
	uint64_t wakeups;
	uint64_t errors;
	struct epoch_socket conf;
	/* Of the application. */
	uint64_t read;
	uint64_t read_bytes;
	uint64_t digest;
	uint64_t sent;
	uint64_t send_failed;
	uint32_t app;         /* of an application: its number + 1 in the table of sockets */
	uint32_t client;      /* then: number + 1 of the application */
	uint64_t incarnation; /* and which one that was */
	uint64_t unused2;
};

static_assert(sizeof(struct session_socket) == 3 * CACHE_LINE, "journaled layout");
static_assert(offsetof(struct session_socket, conf) == CACHE_LINE, "journaled layout");

/* An application.  Its rings' true indices: what the region says are copies. */
struct session_client {
	uint64_t incarnation; /* 0: none */
	uint32_t rx_prod, fill_cons, tx_cons;
	uint32_t unused;
	uint64_t delivered; /* datagrams into its memory */
	uint64_t dropped;   /* for which it had left no room */
	uint64_t sent;
	uint64_t refused; /* words in its rings that made no sense, or were for no socket of its own */
	uint64_t unused2;
};

static_assert(sizeof(struct session_client) == CACHE_LINE, "journaled layout");

struct session_state {
	uint32_t magic;
	uint32_t version;
	uint32_t lane;
	uint32_t pool_buffers; /* of the pool */
	uint32_t sockets;      /* bound or dying */
	uint32_t buffers;      /* in all queues */
	uint32_t ready_head;
	uint32_t ready_tail;
	uint32_t ident;    /* of the next IPv4 packet */
	uint32_t stride;   /* of the pool */
	uint32_t slots;    /* so many have ever been used: those behind them are free */
	uint32_t taken_up; /* changes of the table of applications' sockets, up to which */
	uint32_t unused[4];
	struct session_client client[APP_CLIENTS_MAX];
	struct session_socket socket[SESSION_SOCKETS_MAX];
	uint32_t bucket[SESSION_BUCKETS];
	uint32_t app[APP_SOCKETS_MAX]; /* by number in the table: its socket + 1 */
	uint32_t link[];               /* pool_buffers of them */
};

static_assert(offsetof(struct session_state, client) == CACHE_LINE, "journaled layout");

/* The bytes of a packet from some offset on, over all its buffers. */
struct chain {
	uint32_t n;
	uint32_t total;
	struct {
		const uint8_t *at;
		uint32_t len;
	} part[BURST_MAX];
};

/* A packet's layers as they were checked.  IPv4 addresses are mapped. */
struct segment {
	struct ip6_addr src, dst;
	bool ipv6;
	uint8_t proto;
	uint8_t tos;     /* or traffic class */
	uint32_t l3_len; /* headers in front of layer 4 */
	uint32_t l4_len; /* layer 4 as IP's length says, all of it in the chain */
	struct port_id port;
};

/* Which epochs have a socket of the configuration: packets find those of their own. */
struct socket_epochs {
	uint32_t since; /* the first; 0: it was there when the process began */
	uint32_t seen;  /* twice the newest in which it was found, + 1 once it is in line with that */
};

/* The private side. */
struct session {
	struct stage_env env;
	struct session_state *state;
	struct clients *clients; /* client.h */
	/* How far adopt has come: only hints, anything is in order. */
	uint32_t adopting;  /* epoch number */
	uint32_t adopt_at;  /* in its sockets */
	uint32_t remove_at; /* in ours */
	bool removed;       /* slots have become free for those that found none */
	uint32_t free_at;   /* where to look for a free slot */
	uint64_t *queued; /* a bit a buffer that stands in a queue, so that no neighbour can make it stand in
	                     two */
	struct socket_epochs *epochs; /* by slot */
	struct chain chain;           /* of the packet in hand, from layer 4 on */
	uint8_t payload[PAYLOAD_MAX]; /* the application's memory */
};

/* What every function of one call from the frame works with. */
struct session_call {
	struct session *s;
	const struct epoch *epoch;
	nanos_t now;
	struct burst *b;
};

/* --- chain.c --- */

/* The packet that begins at i of the burst, from byte `off` of its first frame on (off <= its length);
 * returns how many buffers it has. */
uint32_t chain_of_burst(struct chain *chain, const struct burst *b, uint32_t i, uint32_t off);

/* The datagram at the head of a queue: its first buffer's metadata into *first, its bytes from layer 4 on
 * into the chain; returns how many buffers it has.  *sound is false where a neighbour has spoilt the
 * metadata. */
uint32_t chain_of_queue(
        const struct session *s, uint32_t head, struct pkt *first, struct chain *chain, bool *sound);

/* Copies len bytes from byte off on; all of them must be there. */
void chain_copy(const struct chain *chain, uint32_t off, void *to, uint32_t len);

/* The sum of the first len bytes, added to `sum`. */
struct csum chain_sum(const struct chain *chain, struct csum sum, uint32_t len);

/* --- segment.c --- */

/* Reads the IP header of a packet whose layer 4 is in the chain.  false: what the router said does not hold.
 */
bool segment_read(const struct pkt *p, const uint8_t *frame, const struct chain *chain, struct segment *seg);

struct csum segment_pseudo(const struct segment *seg, uint8_t proto, uint32_t len);

/* Judges the checksum over len bytes of the chain, whose field is at `field`; *p remembers what was found. */
bool segment_sum_good(const struct session_call *c, struct pkt *p, const struct chain *chain,
        const struct segment *seg, uint32_t len, uint32_t field);

/* Whether the destination is a group or a broadcast address; `thorough`: of any port's network, before an
 * answer. */
bool segment_to_many(const struct session_call *c, const struct pkt *p, const struct segment *seg);
/* To all routers of a network, of which we are one: an answer comes from an address of our own. */
bool segment_to_anycast(const struct session_call *c, const struct segment *seg);
bool segment_to_broadcast_of_ours(const struct session_call *c, const struct segment *seg);

/* --- socket.c --- */

static inline struct session_socket *socket_at(struct session *s, uint32_t ref)
{
	struct session_socket *sk;

	if (!ref)
		return NULL;
	sk = &s->state->socket[ref - 1];
	assert(sk);
	return sk;
}

static inline uint32_t socket_ref(const struct session *s, const struct session_socket *sk)
{
	return (uint32_t)(sk - s->state->socket) + 1;
}

bool address_is_any(const struct ip6_addr *a);
uint32_t socket_bucket(const struct session *s, const struct epoch_socket *conf);
bool socket_same_binding(const struct epoch_socket *a, const struct epoch_socket *b);
struct session_socket *socket_find(struct session *s, const struct epoch_socket *conf);

/* The flow as its packets come in: source is the peer. */
struct flow {
	struct ip6_addr src, dst;
	uint16_t sport, dport;
	struct port_id port;
	bool ipv6;
};

/* The socket that a datagram is for (Linux __udp4_lib_lookup, __udp6_lib_lookup); NULL: none. */
struct session_socket *socket_lookup(const struct session_call *c, const struct flow *flow);

/* The sockets that a datagram to a group is for, one after the other; begin with NULL. */
struct session_socket *socket_next_member(
        const struct session_call *c, const struct flow *flow, const struct session_socket *after);

/* --- queue.c --- */

/* Whether a datagram of n buffers may wait in the socket; else the reason, counted as Linux counts it. */
enum drop_reason queue_admit(const struct session_call *c, struct session_socket *sk, uint32_t n, bool ipv6);

/* Appends a datagram whose n buffers are index[0 .. n - 1]. */
void queue_append(
        const struct session_call *c, struct session_socket *sk, const struct pkt_index *index, uint32_t n);

/* Whether n buffers may be queued: false where one of them stands in a queue, or twice among them, as only a
 * broken neighbour hands it over.  They are taken as queued from then on. */
bool queue_claim(struct session *s, const struct pkt_index *index, uint32_t n);

/* Takes the datagram of n buffers at the head off the queue and frees its buffers; the outbox has room for
 * them. */
void queue_drop_head(const struct session_call *c, struct session_socket *sk, uint32_t n);

/* How many buffers the datagram has that begins with this one. */
uint32_t queue_datagram_buffers(const struct session *s, uint32_t head);

/* The ready list holds the sockets that have a reader and something for it: puts the socket in or takes it
 * out. */
void ready_settle(const struct session_call *c, struct session_socket *sk);

/* A socket in the ready list goes to its end. */
void ready_turn(const struct session_call *c, struct session_socket *sk);

static inline bool outbox_has_room(const struct burst *b, uint32_t entries)
{
	return OUTBOX_MAX - b->n_out >= entries;
}

static inline uint32_t link_next(uint32_t link)
{
	return link & ~LINK_MORE;
}

static inline void *touch(const struct session_call *c, void *p)
{
	return journal_touch(c->b->journal, p);
}

/* --- the protocols: each gives the packet at i (its first buffer's place) of n buffers its verdict --- */

struct arrival {
	uint32_t i, n;
	const struct chain *chain;
	const struct segment *seg;
};

void input_burst(const struct session_call *c);
void udp_input(const struct session_call *c, const struct arrival *a);
void tcp_input(const struct session_call *c, const struct arrival *a);
void icmp_error_input(const struct session_call *c, const struct arrival *a);

/* Counters of UDP stand in the same order for both families. */
static inline void udp_count(const struct session_call *c, bool ipv6, enum stat_id stat)
{
	static_assert(STAT_UDP6_MEM_ERRORS - STAT_UDP6_IN_DATAGRAMS ==
	                              STAT_UDP_MEM_ERRORS - STAT_UDP_IN_DATAGRAMS &&
	                      STAT_UDP6_RCVBUF_ERRORS - STAT_UDP6_IN_DATAGRAMS ==
	                              STAT_UDP_RCVBUF_ERRORS - STAT_UDP_IN_DATAGRAMS,
	        "the same order");
	burst_count(
	        c->b, (enum stat_id)(stat + (ipv6 ? STAT_UDP6_IN_DATAGRAMS - STAT_UDP_IN_DATAGRAMS : 0)), 1);
}

/* --- client_rx.c: into the memory of the application whose socket it is (client.h) --- */

/* A datagram of `len` bytes, UDP's header among them: DROP_NONE, or why it is dropped (counted). */
enum drop_reason client_deliver(const struct session_call *c, const struct arrival *a,
        struct session_socket *sk, const struct flow *flow, uint32_t len);

/* What ICMP says about what it sent. */
struct icmp_news {
	uint8_t type, code;
	bool hard;
	int32_t error; /* errno */
	uint32_t mtu;
};

void client_tell(const struct session_call *c, struct session_socket *sk, const struct flow *flow,
        const struct icmp_news *news);

/* --- reply.c: packets of ours --- */

struct reply {
	struct ip6_addr src, dst; /* IPv4 mapped; source unspecified: the router chooses */
	struct port_id port;      /* over which it came that this answers */
	bool ipv6;
	bool dont_fragment; /* then IPv4's identification is 0 */
	uint8_t proto;
	uint8_t tos;
	uint16_t flags;     /* PKT_F_* */
	uint32_t l4_header; /* bytes of layer 4 that stand in the first buffer at least */
	uint32_t l4_len;    /* layer 4 in all */
};

/* A new packet of as many buffers as it takes, verdict given, its IP header written; layer 4's first bytes
 * are the caller's to write at *l4 (at least l4_header bytes), and what of `payload` (l4_len - l4_header
 * bytes) follows them is copied in.  NULL where buffers or the outbox do not suffice (counted). */
struct outbox_entry *reply_make(const struct session_call *c, uint32_t at, const struct pkt *cause,
        const struct reply *reply, const uint8_t *payload, uint8_t **l4);

/* A datagram from and to these ports (host order), `len` bytes of payload in memory that nobody else may
 * write unless it fits one buffer.  false: buffers do not suffice (counted). */
bool datagram_send(const struct session_call *c, const struct pkt *cause, const struct reply *reply,
        uint16_t src_port, uint16_t dst_port, const uint8_t *payload, uint32_t len);

/* Buffers that a packet with l3_len bytes from its IP header on takes. */
uint32_t reply_buffers(const struct session_call *c, uint32_t l3_len);

/* The pseudo-header's sum of a reply. */
struct csum reply_pseudo(const struct reply *reply);

/* --- icmp.c --- */

/* Tells the sender of a datagram that nobody listens (RFC 1122 3.2.2.1, RFC 4443 3.1), where it may be told.
 */
void unreachable_send(const struct session_call *c, const struct arrival *a, uint32_t l4_len);

/* --- reader.c, adopt.c, check.c --- */

void reader_burst(const struct session_call *c);

/* stage_ops.adopt and stage_ops.retire: the epoch's sockets are made; those that only an older one had go. */
bool adopt_sockets(const struct session_call *c);
bool retire_sockets(const struct session_call *c);
/* A socket into the hash; NULL: there are too many. */
struct session_socket *socket_make(const struct session_call *c, const struct epoch_socket *conf);
/* Takes it out of the hash, then frees its queue as far as the burst's outbox goes.  false: to be called
 * again.
 */
bool socket_remove(const struct session_call *c, struct session_socket *sk);
const char *state_check(const struct session *s);

#endif
