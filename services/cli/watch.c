#include "services/cli/watch.h"

#include "services/cli/json.h"
#include "services/cli/summary.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define QUIET_MS 500u

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void catch_signals(void)
{
	static const int end[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_LEN(end); i++)
		(void)sigaction(end[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader that has seen enough */
}

static int take_piece(struct watch *w, const Sluice__CapturePiece *piece)
{
	int code = 0;

	if (piece->n_ports && w->ports)
		code = w->ports(w->context, piece->ports, piece->n_ports);
	for (size_t i = 0; !code && i < piece->n_packets && !(w->most && w->captured == w->most); i++) {
		code = w->packet(w->context, piece->packets[i]);
		w->captured += !code;
	}
	w->missed = piece->missed;
	return code ? code : w->flush(w->context);
}

static int start(struct watch *w, struct remote *r)
{
	Sluice__CaptureRequest request = SLUICE__CAPTURE_REQUEST__INIT;
	struct rpc_error error;
	int code;

	request.points = (char **)(uintptr_t)w->points;
	request.n_points = w->n_points;
	request.port = (char *)(uintptr_t)w->port;
	request.reason = (char *)(uintptr_t)w->reason;
	request.snap_bytes = w->snap_bytes;
	request.program = (ProtobufCBinaryData){
	        w->n_insns * sizeof w->program[0], (uint8_t *)(uintptr_t)w->program};
	if (rpc_client_start(r->client, &sluice__taps__descriptor, "Capture", &request.base, 0, &error) ==
	        RPC_OK)
		return 0;
	code = cli_tell(r->call, &error);
	rpc_error_free(&error);
	return code;
}

static int follow(struct watch *w, struct remote *r)
{
	while (!interrupted && !(w->most && w->captured == w->most)) {
		ProtobufCMessage *piece;
		struct rpc_error error;
		enum rpc_status status = rpc_client_next(r->client, QUIET_MS, &piece, &error);
		int code = 0;

		if (status == RPC_QUIET)
			continue;
		if (status == RPC_OK)
			return 0;
		if (status == RPC_MORE) {
			code = take_piece(w, (const Sluice__CapturePiece *)piece);
			rpc_free(piece);
		} else {
			code = cli_tell(r->call, &error);
			rpc_error_free(&error);
		}
		if (code)
			return code;
	}
	rpc_client_cancel(r->client);
	return 0;
}

int watch_run(struct watch *w, const struct cli_call *call)
{
	struct remote r = {.call = call};
	int code = remote_open(&r, RPC_ADMIN);

	catch_signals();
	if (!code)
		code = start(w, &r);
	if (!code)
		code = follow(w, &r);
	rpc_client_close(r.client);
	r.client = NULL;
	return code;
}

void watch_tell(const struct watch *w)
{
	fprintf(stderr, "%" PRIu64 " packets captured, %" PRIu64 " missed\n", w->captured, w->missed);
}

int watch_json(void *context, const Sluice__CapturedPacket *p)
{
	char text[SUMMARY_BYTES];

	(void)context;
	printf("{\"time_ns\":%" PRIu64 ",\"point\":\"%s\",\"stage\":\"%s\",\"lane\":%u,\"port\":", p->time_ns,
	        p->point, p->stage, p->lane);
	json_text(stdout, p->port);
	fputs(",\"out\":", stdout);
	json_text(stdout, p->out);
	fputs(",\"reason\":", stdout);
	json_text(stdout, p->reason);
	fputs(",\"text\":", stdout);
	json_text(stdout, p->text);
	printf(",\"made\":%s,\"len\":%u,\"packet\":", p->made ? "true" : "false", p->len);
	json_text(stdout, summary_frame(p->bytes.data, (uint32_t)p->bytes.len, p->len, text));
	puts("}");
	return 0;
}
