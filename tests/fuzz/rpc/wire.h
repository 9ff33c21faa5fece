/* wire: ZeroMQ as a server sees it, played on one thread by whoever holds the other end.
 *
 *     wire_put(socket, parts, n);             a message that the server finds at this socket of its own
 *     wire_event(socket, number, value);      what its monitor tells
 *     wire_sent = ...;                        called for each message that the server sends by a ROUTER
 *     wire_release();                         what was sent is on its way: its bytes are given back
 *
 * Has the names of libzmq's functions, so that common/rpc runs on it as it is.  A socket is what zmq_socket
 * gave.  Of a ROUTER's clients wire_takes tells what becomes of what is sent to them.
 */
#ifndef SLUICE_TESTS_FUZZ_RPC_WIRE_H
#define SLUICE_TESTS_FUZZ_RPC_WIRE_H

#include "common/base/base.h"

struct wire_part {
	const uint8_t *bytes;
	size_t len;
	const char *address, *user; /* the connection's "Peer-Address" and "User-Id", which stay; or NULL */
};

/* 0, or EAGAIN or EHOSTUNREACH, of the client with this routing id. */
extern int (*wire_takes)(const uint8_t *id, size_t len);
extern void (*wire_sent)(const uint8_t *id, size_t id_len, const uint8_t *bytes, size_t len);

void wire_put(void *socket, const struct wire_part *parts, uint32_t n);
void wire_event(void *socket, uint16_t number, int32_t value);
void wire_release(void);
/* Sockets that are open. */
uint32_t wire_open(void);

#endif
