/* Configuration after configuration over one connection, as fast as control takes them.
 *
 *     system_config_applier ENDPOINT      a line of standard input each: the file to apply
 *
 * For each it writes a line: "applied MICROSECONDS", from the offer until all stages had taken it up, or what
 * was wrong. */
#include "common/rpc/rpc.h"
#include "proto/control.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 60000u
#define TEXT_BYTES  65536u

static void apply(struct rpc_client *client, char *path)
{
	static uint8_t text[TEXT_BYTES];
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	struct rpc_error error = {0};
	FILE *file = fopen(path, "re");
	ProtobufCMessage *reply;

	if (!file) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	request.name = path;
	request.text.data = text;
	request.text.len = fread(text, 1, sizeof text, file);
	fclose(file);
	if (rpc_client_call(client, &sluice__admin__descriptor, "Apply", &request.base, DEADLINE_MS, &reply,
	            &error)) {
		printf("%s\n", error.message);
		return;
	}
	printf("applied %" PRIu64 "\n", ((const Sluice__ApplyReply *)reply)->took_ns / 1000);
	rpc_free(reply);
}

int main(int argc, char **argv)
{
	struct rpc_client *client;
	char path[4096];
	int err;

	if (argc != 2)
		return 2;
	err = rpc_client_open(&client, argv[1]);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	while (fgets(path, sizeof path, stdin)) {
		path[strcspn(path, "\n")] = 0;
		apply(client, path);
		(void)fflush(stdout);
	}
	rpc_client_close(client);
	return 0;
}
