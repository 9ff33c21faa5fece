/* rpc: calls over ZeroMQ: protobuf-c services, deadlines, gRPC's status codes, streams.
 *
 * A server, on a libuv loop (services/control):
 *
 *     rpc_server_open(&server, loop, services, n, context);   proto/X.proto's services, a handler a method
 *     rpc_server_listen(server, &(struct rpc_listen){"ipc:///run/sluice/read.sock", 0666, RPC_READER});
 *     uv_run(loop, ...)                                  handlers are called from it
 *     rpc_server_close(server);
 *
 * A handler answers at once or keeps the call and answers later, from the loop's thread; each call ends with
 * exactly one rpc_reply, rpc_fail or rpc_end.  To add a method: declare it in a service of a .proto file,
 * write its handler `void f(void *context, struct rpc_call *call, const ProtobufCMessage *request)`, put
 * {"Name", f} into the service's table of methods; for a stream set .stream, send pieces with rpc_send and
 * have rpc_on_cancel tell when the client is gone.  Who may call is the service's role: what only an
 * administrator may do is in another service than what a reader may.
 *
 * A client (services/cli, tests), blocking:
 *
 *     rpc_client_open(&client, "ipc:///run/sluice/read.sock");
 *     rpc_client_call(client, &sluice__read__descriptor, "Status", &request, 5000, &reply, &error);
 *     rpc_client_start(...); while (rpc_client_next(client, timeout_ms, &piece, &error) == RPC_MORE) ...
 *     rpc_client_close(client);
 *
 * What comes from a client is bounded in size, number, memory and time, and never trusted: what cannot be
 * read as a request is dropped and counted, all else gets a status.  One thread a server and one a client.
 */
#ifndef SLUICE_COMMON_RPC_RPC_H
#define SLUICE_COMMON_RPC_RPC_H

#include "common/base/base.h"

#include <protobuf-c/protobuf-c.h>

struct uv_loop_s;

/*  X(NAME, number)  gRPC's status codes */
#define RPC_STATUSES(X)                                                                                      \
	X(OK, 0)                                                                                             \
	X(CANCELLED, 1)                                                                                      \
	X(UNKNOWN, 2)                                                                                        \
	X(INVALID_ARGUMENT, 3)                                                                               \
	X(DEADLINE_EXCEEDED, 4)                                                                              \
	X(NOT_FOUND, 5)                                                                                      \
	X(ALREADY_EXISTS, 6)                                                                                 \
	X(PERMISSION_DENIED, 7)                                                                              \
	X(RESOURCE_EXHAUSTED, 8)                                                                             \
	X(FAILED_PRECONDITION, 9)                                                                            \
	X(ABORTED, 10)                                                                                       \
	X(OUT_OF_RANGE, 11)                                                                                  \
	X(UNIMPLEMENTED, 12)                                                                                 \
	X(INTERNAL, 13)                                                                                      \
	X(UNAVAILABLE, 14)                                                                                   \
	X(DATA_LOSS, 15)                                                                                     \
	X(UNAUTHENTICATED, 16)

enum rpc_status {
#define X(name, number) RPC_##name = (number),
	RPC_STATUSES(X)
#undef X
	        RPC_STATUS_COUNT,
	RPC_MORE = 1000, /* of rpc_client_next alone: a piece of a stream, and it goes on */
	RPC_QUIET,       /* of rpc_client_next alone: nothing came in the time given; it goes on */
};

/* "INVALID_ARGUMENT". */
const char *rpc_status_name(enum rpc_status status);

/* Who may call. */
enum rpc_role { RPC_READER, RPC_ADMIN };

#define RPC_KEY_TEXT 41u /* a key of CURVE as text (ZeroMQ's RFC 32), with its end */
#define RPC_NAME_MAX 32u /* bytes of a key's name, with its end */

struct rpc_key_pair {
	char public_key[RPC_KEY_TEXT], secret_key[RPC_KEY_TEXT];
};

/* A pair that nobody else has.  0 or a negative errno. */
[[nodiscard]] int rpc_key_make(struct rpc_key_pair *out);
/* The public key that belongs to pair->secret_key.  0, or -EINVAL: that is no key. */
[[nodiscard]] int rpc_key_complete(struct rpc_key_pair *pair);
/* Whether a text is a key. */
bool rpc_key_good(const char *text);

#define RPC_METHOD_MAX  128u                 /* bytes of a method's name */
#define RPC_REQUEST_MAX (UINT32_C(64) << 10) /* bytes of a message to a reader's socket */
#define RPC_ADMIN_MAX   (UINT32_C(16) << 20) /* and to an administrator's */
#define RPC_REPLY_MAX   (UINT32_C(64) << 20) /* what a client takes */
#define RPC_QUEUED_MAX                                                                                       \
	(UINT32_C(64) << 20)      /* bytes of replies that an endpoint's clients have not taken yet */
#define RPC_CLIENTS_MAX   1024u   /* connections of an endpoint */
#define RPC_ALLOWED_MAX   1024u   /* keys */
#define RPC_CALLS_MAX     256u    /* under way in a server */
#define RPC_STREAMS_MAX   32u     /* of them streams */
#define RPC_PEER_CALLS    16u     /* of them one client's */
#define RPC_DEADLINE_MS   10000u  /* of a call that names none */
#define RPC_DEADLINE_MAX  600000u /* of a call that is not a stream; a stream's 0 is none */
#define RPC_MESSAGE_BYTES 1024u   /* of a failure's sentence */

/* ---- server ---- */

struct rpc_server;
struct rpc_call;

struct rpc_method {
	const char *name; /* in the service's descriptor */
	void (*call)(void *context, struct rpc_call *call, const ProtobufCMessage *request);
	bool stream;
};

/* A method of the descriptor without an entry is UNIMPLEMENTED.  All of it outlives the server. */
struct rpc_service {
	const ProtobufCServiceDescriptor *descriptor;
	enum rpc_role role; /* the least that may call it */
	const struct rpc_method *methods;
	uint32_t n_methods;
};

struct rpc_listen {
	const char *endpoint; /* ipc://PATH, tcp://ADDRESS:PORT */
	uint32_t mode;        /* ipc: of the socket's file */
	enum rpc_role role;   /* ipc: of who comes by it; tcp: as the key has it */

	/* tcp: */
	int fd; /* the socket, which listens already; taken over, after a failure too */
	const struct rpc_key_pair *key; /* the server's own */
};

/* A key that may come, and as what. */
struct rpc_allowed {
	char name[RPC_NAME_MAX];
	char key[RPC_KEY_TEXT];
	enum rpc_role role;
};

/*  X(name)  What was refused, and why */
#define RPC_REFUSALS(X)                                                                                      \
	X(malformed) /* requests that are none: dropped, or answered with INVALID_ARGUMENT */                \
	X(refused)   /* requests for what this role may not */                                               \
	X(limited)   /* requests beyond the calls or streams that may be under way */                        \
	X(oversized) /* requests larger than this role may send; connections ended for one larger still */   \
	X(unauthorized) /* connections, and requests, of a key that is not allowed */                        \
	X(handshakes)   /* connections by tcp that did not get as far as a key: no CURVE, too slow */        \
	X(crowded)      /* connections beyond RPC_CLIENTS_MAX */                                             \
	X(missed)       /* pieces of streams and replies that a client did not take in time */

struct rpc_counts {
	uint64_t requests;
#define X(name) uint64_t name;
	RPC_REFUSALS(X)
#undef X
	uint32_t calls; /* under way now */
	uint32_t streams;
	uint32_t clients; /* connected now */
};

/* Offers n services; `context` is their handlers'.  0 or a negative errno. */
[[nodiscard]] int rpc_server_open(struct rpc_server **out, struct uv_loop_s *loop,
        const struct rpc_service *services, uint32_t n, void *context);
/* Binds; a socket file that a dead predecessor left is replaced.  4 endpoints at the most.  0 or a negative
 * errno. */
[[nodiscard]] int rpc_server_listen(struct rpc_server *server, const struct rpc_listen *listen);
/* Ends the calls that came by this endpoint, and it. */
void rpc_server_unlisten(struct rpc_server *server, const char *endpoint);
/* From now on these keys may come by tcp, n of at most RPC_ALLOWED_MAX, and no others: what others have under
 * way is ended.  Copied.  Not within a handler of a call that is not ended.  0, or -ENOMEM: nothing has
 * changed. */
[[nodiscard]] int rpc_server_allow(struct rpc_server *server, const struct rpc_allowed *list, uint32_t n);
void rpc_server_counts(const struct rpc_server *server, struct rpc_counts *counts);
/* Ends every call with UNAVAILABLE (on_cancel is called) and closes; the loop has to be run until its handles
 * are closed. */
void rpc_server_close(struct rpc_server *server);

/* Ends the call well.  `body` is of the method's output type; it is copied. */
void rpc_reply(struct rpc_call *call, const ProtobufCMessage *body);
/* Ends the call badly, with a sentence that says what to do.  rpc_fail_body: with details beside it. */
void rpc_fail(struct rpc_call *call, enum rpc_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void rpc_fail_body(
        struct rpc_call *call, enum rpc_status status, const char *message, const ProtobufCMessage *body);

/* One piece of a stream.  false: this client takes too long, the piece is lost to it and counted
 * (rpc_missed); the call goes on. */
bool rpc_send(struct rpc_call *call, const ProtobufCMessage *piece);
uint64_t rpc_missed(const struct rpc_call *call);
/* Ends a stream well. */
void rpc_end(struct rpc_call *call);

/* Has `cancel` called once if the call ends by itself: the client cancels it or is gone, its deadline passes,
 * the server closes.  In it the call may still be named but not answered; after it the call is no more. */
void rpc_on_cancel(
        struct rpc_call *call, void (*cancel)(void *context, struct rpc_call *call), void *context);

/* Who calls: by ipc as the kernel told when the connection was made (SO_PEERCRED; uid -1: it did not), by tcp
 * the name of its key ("" by ipc). */
struct rpc_who {
	int64_t uid;
	uint32_t pid;
	char key[RPC_NAME_MAX];
};
struct rpc_who rpc_caller(const struct rpc_call *call);
/* The name of the socket's file by which the call came; of tcp ADDRESS:PORT. */
const char *rpc_socket_name(const struct rpc_call *call);

/* Milliseconds until its deadline; UINT32_MAX: it has none. */
uint32_t rpc_left_ms(const struct rpc_call *call);

/* ---- client ---- */

struct rpc_client;

struct rpc_error {
	enum rpc_status status;
	char message[RPC_MESSAGE_BYTES];
	ProtobufCMessage *body; /* details, of the method's output type, or NULL; rpc_error_free */
};

void rpc_error_free(struct rpc_error *error);

/* 0, or a negative errno of connecting: -ENOENT (nobody ever listened there), -ECONNREFUSED (nobody does
 * now), -EACCES. */
[[nodiscard]] int rpc_client_open(struct rpc_client **out, const char *endpoint);

/* The same by tcp://HOST:PORT, with a key of one's own to a server that has this key; waits until it is let
 * in, for `timeout_ms` at the most.  Also -ENXIO: there is no such host; -EKEYREJECTED: the server does not
 * allow the key; -EPROTO: there is no server with that key; -EUSERS: it has too many clients; -ETIMEDOUT. */
[[nodiscard]] int rpc_client_open_tcp(struct rpc_client **out, const char *endpoint, const char *server_key,
        const struct rpc_key_pair *own, uint32_t timeout_ms);
void rpc_client_close(struct rpc_client *client);

/* Calls and waits.  RPC_OK with *reply (rpc_free), or a status with *error filled in.  A signal's handler
 * does not end it. */
[[nodiscard]] enum rpc_status rpc_client_call(struct rpc_client *client,
        const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
        uint32_t deadline_ms, ProtobufCMessage **reply, struct rpc_error *error);

/* Begins a stream; one at a time.  deadline_ms 0: none. */
[[nodiscard]] enum rpc_status rpc_client_start(struct rpc_client *client,
        const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
        uint32_t deadline_ms, struct rpc_error *error);
/* RPC_MORE with *piece (rpc_free); RPC_QUIET: nothing in timeout_ms, or a signal; RPC_OK: it ended well; or a
 * status with *error: it ended badly.  UNAVAILABLE when the server has not been heard of for 5 s. */
[[nodiscard]] enum rpc_status rpc_client_next(
        struct rpc_client *client, uint32_t timeout_ms, ProtobufCMessage **piece, struct rpc_error *error);
/* Ends it from this side. */
void rpc_client_cancel(struct rpc_client *client);

void rpc_free(ProtobufCMessage *message);

/* ---- frames: pure, for the two sides, tests and fuzzing ---- */

struct rpc_request {
	uint64_t id;
	char method[RPC_METHOD_MAX];
	uint32_t deadline_ms;
	bool cancel;
	uint8_t *body; /* malloc'd; rpc_request_free */
	size_t body_len;
};

struct rpc_response {
	uint64_t id;
	enum rpc_status status;
	bool more;
	char message[RPC_MESSAGE_BYTES];
	uint8_t *body; /* malloc'd; rpc_response_free */
	size_t body_len;
};

/* 0; -EBADMSG: these bytes are none; -ENOMEM. */
[[nodiscard]] int rpc_request_decode(struct rpc_request *out, const uint8_t *bytes, size_t len);
[[nodiscard]] int rpc_response_decode(struct rpc_response *out, const uint8_t *bytes, size_t len);
void rpc_request_free(struct rpc_request *request);
void rpc_response_free(struct rpc_response *response);

/* malloc'd bytes in *out and their number in *len.  0 or -ENOMEM. */
[[nodiscard]] int rpc_request_encode(const struct rpc_request *request, uint8_t **out, size_t *len);
[[nodiscard]] int rpc_response_encode(const struct rpc_response *response, uint8_t **out, size_t *len);

/* Reads a body as a message of this type, taking memory in proportion to len at the most, however the bytes
 * are made (rpc_free); NULL: these bytes are none. */
ProtobufCMessage *rpc_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t len);
/* malloc'd bytes; NULL without memory. */
uint8_t *rpc_pack(const ProtobufCMessage *message, size_t *len);

#endif
