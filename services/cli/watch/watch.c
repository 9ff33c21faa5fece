#include "services/cli/watch/watch.h"

#include "services/cli/json.h"
#include "services/cli/watch/stream.h"
#include "services/cli/watch/summary.h"

#include <inttypes.h>
#include <stdio.h>

static bool enough(const struct watch *w)
{
	return w->most && w->captured == w->most;
}

static int take_piece(void *context, const ProtobufCMessage *message)
{
	const Sluice__CapturePiece *piece = (const void *)message;
	struct watch *w = context;
	int code = 0;

	if (piece->n_ports && w->ports)
		code = w->ports(w->context, piece->ports, piece->n_ports);
	for (size_t i = 0; !code && i < piece->n_packets && !enough(w); i++) {
		code = w->packet(w->context, piece->packets[i]);
		w->captured += !code;
	}
	w->missed = piece->missed;
	if (!code)
		code = w->flush(w->context);
	return code || !enough(w) ? code : STREAM_ENOUGH;
}

static int run(
        struct watch *w, const struct cli_call *call, const char *method, const ProtobufCMessage *request)
{
	struct remote r = {.call = call};

	return stream_run(
	        &(struct stream){RPC_ADMIN, &sluice__taps__descriptor, method, request, take_piece, w}, &r);
}

static int run_crash(struct watch *w, const struct cli_call *call)
{
	Sluice__CrashPacketsRequest request = SLUICE__CRASH_PACKETS_REQUEST__INIT;

	request.number = w->crash;
	return run(w, call, "Crash", &request.base);
}

int watch_run(struct watch *w, const struct cli_call *call)
{
	Sluice__CaptureRequest request = SLUICE__CAPTURE_REQUEST__INIT;

	if (w->crash)
		return run_crash(w, call);
	request.points = (char **)(uintptr_t)w->points;
	request.n_points = w->n_points;
	request.port = (char *)(uintptr_t)w->port;
	request.reason = (char *)(uintptr_t)w->reason;
	request.snap_bytes = w->snap_bytes;
	request.program = (ProtobufCBinaryData){
	        w->n_insns * sizeof w->program[0], (uint8_t *)(uintptr_t)w->program};
	return run(w, call, "Capture", &request.base);
}

int watch_flush(void *context)
{
	(void)context;
	return fflush(stdout) ? STREAM_ENOUGH : 0;
}

void watch_tell(const struct watch *w)
{
	if (ferror(stdout))
		return;
	fprintf(stderr, "%" PRIu64 " packet%s captured, %" PRIu64 " missed\n", w->captured,
	        w->captured == 1 ? "" : "s", w->missed);
}

int watch_json(void *context, const Sluice__CapturedPacket *p)
{
	char text[SUMMARY_BYTES];

	(void)context;
	printf("{\"time_ns\":%" PRIu64 ",\"point\":", p->time_ns);
	json_text(stdout, p->point);
	fputs(",\"stage\":", stdout);
	json_text(stdout, p->stage);
	printf(",\"lane\":%u,\"port\":", p->lane);
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
