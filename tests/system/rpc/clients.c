/* Many clients of control in one process, or one that does not read what it asked for.
 *
 *     system_rpc_clients N METHOD ENDPOINT [SERVER-KEY PUBLIC-KEY SECRET-KEY]
 *
 * Each asks once, and stays.  A line "OK EXHAUSTED OTHER" is written whenever there is another answer: how
 * many clients got which status.  With N 0 one asks, and takes nothing.  A number in place of METHOD is the
 * bytes of a request that says nothing; who sent it does so again and again, each time as a new client, since
 * a server that is late with its look at a client does not see that it was cut off.  It ends with its
 * standard input. */
#include "common/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#define CLIENTS_MAX 4000u
#define AGAIN_MS    200

static void *zmq, *client[CLIENTS_MAX];
static bool answered[CLIENTS_MAX];
static uint32_t ok, exhausted, other;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
	exit(1);
}

static void set(void *socket, int option, int value)
{
	need(!zmq_setsockopt(socket, option, &value, sizeof value), "option");
}

static void *make(const char *method, char **where, bool slow)
{
	static uint8_t ingress[] = "\012\007ingress"; /* a CaptureRequest's only point */
	struct rpc_request request = {.id = 1, .deadline_ms = slow ? 0 : 60000};
	void *socket = zmq_socket(zmq, ZMQ_DEALER);
	uint8_t *bytes;
	size_t len;

	need(socket, "socket");
	set(socket, ZMQ_LINGER, 0);
	if (slow) {
		set(socket, ZMQ_RCVHWM, 1);
		set(socket, ZMQ_RCVBUF, 4096);
	}
	if (where[1])
		need(!zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, where[1], RPC_KEY_TEXT) &&
		                !zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, where[2], RPC_KEY_TEXT) &&
		                !zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, where[3], RPC_KEY_TEXT),
		        "key");
	need(!zmq_connect(socket, where[0]), where[0]);
	request.body_len = strtoul(method, NULL, 10);
	if (request.body_len) {
		request.body = calloc(1, request.body_len);
		need(request.body, "memory");
	} else if (strstr(method, "Capture")) {
		request.body = ingress;
		request.body_len = sizeof ingress - 1;
	}
	snprintf(request.method, sizeof request.method, "%s", method);
	need(!rpc_request_encode(&request, &bytes, &len) && zmq_send(socket, bytes, len, 0) >= 0, "send");
	free(bytes);
	return socket;
}

/* The first answer of each counts; a stream's further pieces are read and forgotten. */
static void take(uint32_t i)
{
	struct rpc_response r;
	zmq_msg_t msg;

	zmq_msg_init(&msg);
	if (zmq_msg_recv(&msg, client[i], ZMQ_DONTWAIT) >= 0 && !answered[i] &&
	        !rpc_response_decode(&r, zmq_msg_data(&msg), zmq_msg_size(&msg))) {
		answered[i] = true;
		ok += r.status == RPC_OK;
		exhausted += r.status == RPC_RESOURCE_EXHAUSTED;
		other += r.status != RPC_OK && r.status != RPC_RESOURCE_EXHAUSTED;
		rpc_response_free(&r);
		printf("%u %u %u\n", ok, exhausted, other);
	}
	zmq_msg_close(&msg);
}

static void run(uint32_t n, const char *method, char **where)
{
	zmq_pollitem_t *items = calloc(n + 1, sizeof *items);
	bool again = n && strtoul(method, NULL, 10);

	need(items, "memory");
	for (uint32_t i = 0; i < n; i++)
		items[i] = (zmq_pollitem_t){.socket = client[i], .events = ZMQ_POLLIN};
	items[n] = (zmq_pollitem_t){.fd = 0, .events = ZMQ_POLLIN};
	while (!items[n].revents) {
		if (zmq_poll(items, (int)n + 1, again ? AGAIN_MS : -1) == 0) {
			zmq_close(client[0]);
			client[0] = items[0].socket = make(method, where, false);
		}
		for (uint32_t i = 0; i < n; i++)
			if (items[i].revents & ZMQ_POLLIN)
				take(i);
	}
	free(items);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	uint32_t n;

	if (argc != 4 && argc != 7)
		return 2;
	n = MIN((uint32_t)strtoul(argv[1], NULL, 10), CLIENTS_MAX);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	zmq = zmq_ctx_new();
	need(zmq && !zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, CLIENTS_MAX + 8), "context");
	for (uint32_t i = 0; i < MAX(n, 1u); i++)
		client[i] = make(argv[2], argv + 3, !n);
	run(n, argv[2], argv + 3);
	return 0; /* the system closes what is open */
}
