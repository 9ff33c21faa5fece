/* apply: another configuration, in force everywhere at once. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

static void help(void)
{
	printf("usage: sluice apply FILE [--check] [--json] [--run-dir DIR]\n\n"
	       "Puts a configuration in force while packets flow: each packet sees the old one or the new "
	       "one.\n"
	       "A file with errors changes nothing, and every error is told with its place.  A running "
	       "process\n"
	       "that does not take the new one up within 2 s brings the old one back.\n\n"
	       "  --check   only whether this appliance could take it, as it runs now\n\n"
	       "  sluice apply /etc/sluice.yaml\n\n"
	       "Exit status: 0 it is in force, 1 it is not (errors in the file, or what is said), 2 wrong "
	       "use, 3\n"
	       "files, or nobody answers.\n");
}

/* The file's bytes, malloc'd. */
static uint8_t *read_file(const char *path, size_t *len)
{
	uint8_t *bytes = NULL;
	FILE *f = fopen(path, "re");
	size_t room = 0, got;

	*len = 0;
	if (!f)
		return NULL;
	do {
		uint8_t *more = *len == room ? realloc(bytes, room += 65536) : bytes;

		if (!more)
			break;
		bytes = more;
		got = fread(bytes + *len, 1, room - *len, f);
		*len += got;
	} while (got && *len < RPC_ADMIN_MAX);
	if (ferror(f)) {
		free(bytes);
		bytes = NULL;
	}
	fclose(f);
	return bytes;
}

static int apply(struct remote *r, Sluice__ApplyRequest *request)
{
	ProtobufCMessage *reply;
	int code = remote_open(r, RPC_ADMIN);

	if (!code)
		code = remote_call(
		        r, &sluice__admin__descriptor, "Apply", &request->base, REMOTE_DEADLINE_MS, &reply);
	rpc_client_close(r->client);
	if (code)
		return code;
	if (r->json) {
		json_message(stdout, reply);
		fputc('\n', stdout);
	} else if (request->check) {
		printf("%s: this appliance could take it\n", r->args[0]);
	} else {
		const Sluice__ApplyReply *a = (const void *)reply;
		char text[32];

		printf("epoch %u is in force, taken up everywhere in %s\n", a->epoch,
		        remote_time(text, a->took_ns));
	}
	rpc_free(reply);
	return CLI_FINE;
}

int cli_apply(int argc, char **argv)
{
	static const char *const own[] = {"check", NULL};
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	struct remote r;
	char *whole;
	int code = remote_options(&r, argc, argv, own);

	if (code)
		return code;
	if (r.help) {
		help();
		return CLI_FINE;
	}
	if (r.n_args != 1)
		return cli_usage("apply", "one configuration file is needed");
	request.text.data = read_file(r.args[0], &request.text.len);
	if (!request.text.data)
		return remote_say(&r, RPC_UNAVAILABLE, "%s cannot be read: %s", r.args[0], strerror(errno));
	whole = realpath(r.args[0], NULL);
	request.name = whole ? whole : (char *)r.args[0];
	request.check = remote_flag(&r, 0);
	code = apply(&r, &request);
	free(whole);
	free(request.text.data);
	return code;
}
