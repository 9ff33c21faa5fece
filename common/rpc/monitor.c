/* monitor: connections as they come and go, and which of them were ended on this side.
 *
 * libzmq reads no message beyond ZMQ_MAXMSGSIZE: it ends the connection, and tells that in the same words as
 * that a client has left.  So the socket of each connection is kept once more, as its twin: when a connection
 * has ended, the twin is at the end of its stream where it was the client that ended it.
 *
 * By the time a socket's number is told it may be the number of another.  But libzmq tells of an end before
 * it closes: as long as none was told after the twin was made, it was made of the right one. */
#include "common/rpc/rpc.h"

#include "common/rpc/internal.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

int rpc_monitor_open(struct rpc_listener *l)
{
	const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
	                   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
	char watch[32];

	snprintf(watch, sizeof watch, "inproc://watch-%u", (unsigned)(l - l->server->listener));
	l->monitor.socket = zmq_socket(l->server->zmq, ZMQ_PAIR);
	if (!l->monitor.socket || zmq_socket_monitor(l->calls.socket, watch, events) ||
	        zmq_connect(l->monitor.socket, watch))
		return -errno;
	return 0;
}

static void close_twin(struct rpc_connection *c)
{
	if (c->twin >= 0)
		close(c->twin);
}

void rpc_monitor_end(struct rpc_listener *l)
{
	if (l->calls.socket)
		zmq_socket_monitor(l->calls.socket, NULL, 0);
	for (uint32_t i = 0; i < l->n_connections; i++)
		close_twin(&l->connection[i]);
	l->n_connections = 0;
}

/* Heartbeats end it where the client's machine is gone. */
static bool has_vanished(int twin)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	return getsockopt(twin, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_last_data_recv >= VANISHED_MS / 2;
}

static bool ended_here(int twin)
{
	uint8_t byte;
	ssize_t n = recv(twin, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && errno == EAGAIN && !has_vanished(twin));
}

/* Of those beyond what there may be none is let in. */
static void take_arrival(struct rpc_listener *l, int fd)
{
	l->clients++;
	if (l->n_connections == RPC_CLIENTS_MAX)
		return;
	l->connection[l->n_connections++] = (struct rpc_connection){.fd = fd, .twin = -1};
	l->news = true;
}

static void take_end(struct rpc_listener *l, int fd)
{
	uint32_t i = 0;

	l->clients -= l->clients > 0;
	while (i < l->n_connections && l->connection[i].fd != fd)
		i++;
	if (i == l->n_connections)
		return;
	if (l->connection[i].sure && !l->failed && ended_here(l->connection[i].twin))
		l->server->counts.oversized++;
	close_twin(&l->connection[i]);
	l->connection[i] = l->connection[--l->n_connections];
}

/* A failed handshake is told just before the end of its connection. */
static void take_event(struct rpc_listener *l, uint16_t event, int fd)
{
	switch (event) {
	case ZMQ_EVENT_ACCEPTED: take_arrival(l, fd); break;
	case ZMQ_EVENT_DISCONNECTED: take_end(l, fd); break;
	default: l->server->counts.handshakes += l->tcp; /* by ipc who looks whether somebody listens */
	}
	l->failed = event != ZMQ_EVENT_ACCEPTED && event != ZMQ_EVENT_DISCONNECTED;
}

/* Two frames each: number and value; the endpoint. */
static void take_events(struct rpc_listener *l)
{
	uint8_t event[6];
	uint16_t number;
	int32_t value;

	while (zmq_recv(l->monitor.socket, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
		(void)!zmq_recv(l->monitor.socket, NULL, 0, ZMQ_DONTWAIT);
		memcpy(&number, event, sizeof number);
		memcpy(&value, event + sizeof number, sizeof value);
		take_event(l, number, value);
	}
}

static void make_twins(struct rpc_listener *l)
{
	for (uint32_t i = 0; i < l->n_connections; i++)
		if (l->connection[i].twin < 0)
			l->connection[i].twin = fcntl(l->connection[i].fd, F_DUPFD_CLOEXEC, 0);
}

static void trust_twins(struct rpc_listener *l)
{
	for (uint32_t i = 0; i < l->n_connections; i++)
		l->connection[i].sure = l->connection[i].twin >= 0;
}

void rpc_monitor_look(struct rpc_listener *l)
{
	take_events(l);
	while (l->news) {
		l->news = false;
		make_twins(l);
		take_events(l);
		trust_twins(l);
	}
}
