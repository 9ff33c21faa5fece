/* app: the memory between session and an application, and the words by which the two find each other.
 *
 *     application  "hello" to the broker (session's attendant), which makes a region and a bell for each lane
 *     broker       APP_WORD_OPEN with the same region and bell to session; "welcome" to the application
 *     application  fill: empty chunks           session  rx: chunks with what has arrived, or an ICMP error
 *     application  tx: chunks to be sent        session  copies them into buffers of its own, and takes the
 * next
 *
 * A lane's region holds three rings (common/ring) and chunks of APP_CHUNK bytes.  A word of a ring is a chunk
 * by number; a datagram that does not fit one is several words in a row, all but the last with APP_MORE.  The
 * first chunk of a datagram begins with a struct app_head, the others hold payload alone.
 *
 * The application may write every byte of its region, its bells are its own, and it may die or stop at any
 * time: session copies what it reads once and checks it, keeps the true indices in its own state, and never
 * waits for it.  A region never shrinks: its maker has sealed it.  What one application does to its region
 * nobody else sees.
 *
 * Native integers: both ends run on one machine, of one version (APP_VERSION).
 */
#ifndef SLUICE_COMMON_APP_APP_H
#define SLUICE_COMMON_APP_APP_H

#include "common/pkt/burst.h"
#include "common/ring/ring.h"

#define APP_MAGIC   0x50504153u /* "SAPP" */
#define APP_VERSION 1u

#define APP_CLIENTS_MAX  32u /* applications */
#define APP_CHUNK        2048u
#define APP_SLOTS_MIN    64u /* of a ring: the longest datagram fits twice */
#define APP_SLOTS_MAX    16384u
#define APP_DATAGRAM_MAX 65507u /* bytes of payload: 65,535 less the shortest headers */
#define APP_MORE         (UINT64_C(1) << 32)
#define APP_SOCKET_NONE  UINT32_MAX

enum app_kind { APP_DATAGRAM = 1, APP_ERROR };

/* What stands before the payload. */
struct app_head {
	uint8_t kind;      /* enum app_kind */
	uint8_t icmp_type; /* of an error */
	uint8_t icmp_code;
	uint8_t hard;       /* of an error: a connected socket's next call fails with it */
	uint32_t socket;    /* number in the table of sockets */
	uint32_t len;       /* of the payload, over all chunks */
	int32_t error;      /* errno of an error */
	uint32_t mtu;       /* of "too big" and "fragmentation needed"; else 0 */
	uint16_t peer_port; /* host order; to be sent: 0 with an unspecified peer, to whom it is connected */
	uint16_t port;      /* struct port_id: of a link-local peer */
	struct ip6_addr peer;  /* IPv4 mapped; who sent it, or is to get it, or whom the error is about */
	struct ip6_addr local; /* where it was sent to */
	uint8_t reserved[8];
};

static_assert(sizeof(struct app_head) == CACHE_LINE, "shared layout");

/* Bytes of payload that a datagram's first chunk holds. */
#define APP_FIRST_BYTES (APP_CHUNK - (uint32_t)sizeof(struct app_head))

static inline uint32_t app_chunks_for(uint32_t len)
{
	return len <= APP_FIRST_BYTES ? 1 : 1 + (len - APP_FIRST_BYTES + APP_CHUNK - 1) / APP_CHUNK;
}

/* At the beginning of a lane's region: hints, of which none is believed. */
struct app_lane {
	_Alignas(CACHE_LINE) uint32_t taken_up; /* session: changes of the table of sockets, up to which */
	uint32_t reserved;
	uint64_t dropped; /* session: datagrams for which the application had left no chunk */
	_Alignas(CACHE_LINE) uint32_t wants_room;     /* application: 1: to be woken when tx has been read */
	struct ring_consumer_half fill_cons, tx_cons; /* session's */
	struct ring_consumer_half rx_cons;            /* the application's */
};

/* Where everything is in a lane's region; both sides compute it. */
struct app_layout {
	uint32_t rx_slots, tx_slots; /* of rx and fill, of tx */
	uint32_t chunks;             /* rx_slots + tx_slots */
	uint64_t rx_prod, fill_prod, tx_prod, chunk, bytes;
};

/* 0, or -EINVAL: not powers of two from APP_SLOTS_MIN to APP_SLOTS_MAX. */
[[nodiscard]] int app_layout(struct app_layout *at, uint32_t rx_slots, uint32_t tx_slots);

static always_inline void *app_chunk(const struct app_layout *at, void *region, uint32_t chunk)
{
	return (uint8_t *)region + at->chunk + (uint64_t)chunk * APP_CHUNK;
}

/* From the broker to session, a message "app"; with OPEN the region and session's end of the bell.  What is
 * open stays open until GONE; a new session is told all that is open, then ALL. */
enum app_what { APP_WORD_OPEN = 1, APP_WORD_GONE, APP_WORD_ALL };

struct app_word {
	uint32_t magic;
	uint16_t what; /* enum app_what */
	uint16_t client;
	uint64_t incarnation; /* from 1; only grows */
	uint32_t lane;
	uint32_t rx_slots, tx_slots;
	uint32_t reserved;
};

/* Whether a message is such a word and makes sense, with as many descriptors as it needs. */
[[nodiscard]] bool app_word_sound(const void *message, size_t bytes, uint32_t n_fds);

/* Between application and broker, over RUN/applications/socket (common/handle).  "hello" {struct app_hello}
 * is answered by "welcome" {struct app_welcome} with a region a lane, then a bell a lane; "ask" {struct
 * app_ask} by "answer" {struct app_answer}, one at a time.  Who asks again with the same number gets the
 * same answer. */
#define APP_SOCKET_PATH "applications/socket"

struct app_hello {
	uint32_t version;
	uint32_t rx_slots, tx_slots;
};

struct app_welcome {
	int32_t error; /* errno; then there is nothing else */
	uint32_t lanes;
	uint32_t rx_slots, tx_slots;
};

enum app_do { APP_DO_SET = 1, APP_DO_CLOSE };

struct app_ask {
	uint32_t number; /* grows from 1 */
	uint16_t what;   /* enum app_do */
	uint8_t family;  /* 4, 6, or 0: both */
	uint8_t reserved;
	uint32_t socket;                  /* APP_SOCKET_NONE: a new one */
	uint16_t port;                    /* struct port_id: bound to that port alone, or PORT_NONE */
	uint16_t local_port, remote_port; /* host order; local 0: any that is free */
	uint16_t reserved2;
	struct ip6_addr local, remote; /* IPv4 mapped; unspecified: any, none */
};

struct app_answer {
	uint32_t number;
	int32_t error; /* errno; 0: done */
	uint32_t socket;
	uint32_t changes; /* done when every lane has taken up so many */
	uint16_t local_port;
	uint8_t reserved[6];
};

static_assert(sizeof(struct app_ask) == 52 && sizeof(struct app_answer) == 24, "what travels");

#endif
