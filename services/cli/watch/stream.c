#include "services/cli/watch/stream.h"

#include "services/cli/signals.h"
#include "services/cli/tame.h"

#define QUIET_MS 500u

static int next(const struct stream *s, struct remote *r)
{
	ProtobufCMessage *piece;
	struct rpc_error error;
	enum rpc_status status = rpc_client_next(r->client, QUIET_MS, &piece, &error);
	int code;

	if (status == RPC_QUIET)
		return 0;
	if (status == RPC_OK)
		return STREAM_ENOUGH;
	if (status == RPC_MORE) {
		if (!r->call->json)
			tame_message(piece);
		code = s->piece(s->context, piece);
		rpc_free(piece);
	} else {
		tame_error(&error);
		code = remote_fail(r, &error);
		rpc_error_free(&error);
	}
	return code;
}

static int start(const struct stream *s, struct remote *r)
{
	struct rpc_error error;
	int code = remote_open(r, s->role);

	if (code || rpc_client_start(r->client, s->service, s->method, s->request, 0, &error) == RPC_OK)
		return code;
	tame_error(&error);
	code = remote_fail(r, &error);
	rpc_error_free(&error);
	return code;
}

int stream_run(const struct stream *s, struct remote *r)
{
	int code;

	signals_catch();
	code = start(s, r);
	while (!code && !signals_came())
		code = next(s, r);
	if (r->client)
		rpc_client_cancel(r->client);
	rpc_client_close(r->client);
	r->client = NULL;
	return code == STREAM_ENOUGH ? 0 : code;
}
