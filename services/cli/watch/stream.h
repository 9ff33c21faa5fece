/* stream: a method that answers in pieces, until it ends, a person ends it, or enough has come. */
#ifndef SLUICE_SERVICES_CLI_WATCH_STREAM_H
#define SLUICE_SERVICES_CLI_WATCH_STREAM_H

#include "services/cli/remote.h"

#define STREAM_ENOUGH (-1)

struct stream {
	enum rpc_role role;
	const ProtobufCServiceDescriptor *service;
	const char *method;
	const ProtobufCMessage *request;
	/* Takes a piece.  0: go on; STREAM_ENOUGH; or an exit code with its sentence told. */
	int (*piece)(void *context, const ProtobufCMessage *piece);
	void *context;
};

/* 0, also where it was interrupted; or an exit code with its sentence told.  Catches signals. */
[[nodiscard]] int stream_run(const struct stream *stream, struct remote *r);

#endif
