/* account: whether every packet, and every buffer, is accounted for. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <inttypes.h>
#include <stdio.h>

enum { BUFFERS };

static void print_terms(const Sluice__Terms *t)
{
	printf("  %s%-9s%s %11" PRIu64 " %11" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %7" PRIu64
	       " %s%8" PRId64 "%s\n",
	        remote_paint("\033[1m"), t->name, remote_paint("\033[0m"), t->in, t->out,
	        t->generated + t->cloned + t->split, t->delivered + t->merged, t->dropped, t->held,
	        remote_paint(t->balance ? "\033[31m" : "\033[32m"), t->balance, remote_paint("\033[0m"));
}

static void print_drops(const Sluice__AccountReply *a)
{
	bool any = false;

	for (size_t s = 0; s < a->n_stages; s++) {
		for (size_t i = 0; i < a->stages[s]->n_reasons; i++) {
			const Sluice__Reason *r = a->stages[s]->reasons[i];

			if (!any)
				printf("\n%sDropped%s\n", remote_paint("\033[1m"), remote_paint("\033[0m"));
			any = true;
			printf("  %11" PRIu64 "  %-8s %s%-24s%s %s\n", r->packets, a->stages[s]->name,
			        remote_paint("\033[33m"), r->label, remote_paint("\033[0m"), r->text);
		}
	}
	if (!any)
		printf("\nNothing was dropped.\n");
}

static void print_account(const Sluice__AccountReply *a)
{
	printf("%sPackets%s            in         out      born     ended   dropped    held  balance\n",
	        remote_paint("\033[1m"), remote_paint("\033[0m"));
	for (size_t s = 0; s < a->n_stages; s++)
		print_terms(a->stages[s]);
	if (a->appliance)
		print_terms(a->appliance);
	print_drops(a);
	printf("\n%sPorts%s              received        sent\n", remote_paint("\033[1m"),
	        remote_paint("\033[0m"));
	for (size_t p = 0; p < a->n_ports; p++)
		printf("  %-15s %11" PRIu64 " %11" PRIu64 "\n", a->ports[p]->name, a->ports[p]->received,
		        a->ports[p]->sent);
}

static void print_buffers(const Sluice__BuffersReply *b)
{
	printf("\n%sBuffers%s  %u free, %u spare, %u in rings", remote_paint("\033[1m"),
	        remote_paint("\033[0m"), b->free, b->spare, b->ring);
	for (size_t i = 0; i < b->n_held; i++)
		if (b->held[i]->buffers)
			printf(", %u held by %s", b->held[i]->buffers, b->held[i]->name);
	printf("; %u lost, %u in two places, of %u\n", b->lost, b->twice, b->total);
	if (b->lost)
		printf("  lost is buffer %u, for one\n", b->first_lost);
	if (b->twice)
		printf("  in two places is buffer %u, for one\n", b->first_twice);
}

static bool good(const Sluice__AccountReply *a, const Sluice__BuffersReply *b)
{
	return a->balanced && a->consistent && (!b || (b->consistent && !b->lost && !b->twice));
}

/* One sentence at the end. */
static void print_verdict(const Sluice__AccountReply *a, const Sluice__BuffersReply *b)
{
	if (good(a, b))
		printf("%sEvery packet is accounted for.%s\n", remote_paint("\033[32m"),
		        remote_paint("\033[0m"));
	else if (a->consistent && (!b || b->consistent))
		printf("%sTHE ACCOUNT DOES NOT BALANCE.%s\n", remote_paint("\033[31m"),
		        remote_paint("\033[0m"));
	else
		printf("The appliance was too busy for a look at one instant: try again.\n");
}

/* One object: the account's fields, and the buffers beside them. */
static void print_json(const Sluice__AccountReply *a, const Sluice__BuffersReply *b)
{
	fputc('{', stdout);
	json_fields(stdout, &a->base);
	if (b) {
		Sluice__BuffersReply alone = *b;

		alone.account = NULL;
		fputs(",\"buffers\":", stdout);
		json_message(stdout, &alone.base);
	}
	fputs("}\n", stdout);
}

static int show(const struct cli_call *call, const ProtobufCMessage *reply)
{
	const Sluice__BuffersReply *b = cli_flag(call, BUFFERS) ? (const void *)reply : NULL;
	const Sluice__AccountReply *a = b ? b->account : (const void *)reply;

	if (!a)
		return cli_fail(call, RPC_INTERNAL, "control gave no account");
	if (call->json) {
		print_json(a, b);
	} else {
		print_account(a);
		if (b)
			print_buffers(b);
		print_verdict(a, b);
	}
	return good(a, b) ? CLI_FINE : CLI_NO;
}

static int run(const struct cli_call *call)
{
	Sluice__AccountRequest account = SLUICE__ACCOUNT_REQUEST__INIT;
	Sluice__BuffersRequest buffers = SLUICE__BUFFERS_REQUEST__INIT;
	struct remote r = {.call = call};
	ProtobufCMessage *reply;
	int code;

	if (cli_flag(call, BUFFERS))
		code = remote_ask(
		        &r, RPC_ADMIN, &sluice__admin__descriptor, "Buffers", &buffers.base, &reply);
	else
		code = remote_ask(
		        &r, RPC_READER, &sluice__read__descriptor, "Account", &account.base, &reply);
	if (code)
		return code;
	code = show(call, reply);
	rpc_free(reply);
	return code;
}

const struct cli_command command_account = {
        .name = "account",
        .what = "what became of every packet, and whether it balances",
        .about = "What became of the packets, by stage and over the whole appliance, exact at any moment: in "
                 "+ born = out + ended + dropped + held.",
        .options = {[BUFFERS] = {.name = "buffers",
                            .meaning = "and where each buffer of the pool is; ingest is held for some "
                                       "milliseconds, so that they are at rest (for administrators)"}},
        .examples = {{"sluice account", "the account"},
                {"sluice account --json | jq .appliance.balance", "packets that nobody can account for"}},
        .exits = {"all balances", "it does not"},
        .json = "{\"balanced\", \"appliance\", \"stages\": [...] with each term, \"buffers\" with --buffers, "
                "...}",
        .asks = true,
        .shows = true,
        .run = run,
};
