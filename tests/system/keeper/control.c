/* A control process for tests of the keeper: publishes the configuration once, and again and again writes
 * what it sees into RUN/seen (one JSON object, put in place as a whole). */
#include "common/account/account.h"
#include "common/board/board.h"
#include "common/host/host.h"
#include "common/publish/publish.h"

#include <stdio.h>
#include <unistd.h>

static void print_role(FILE *to, const struct board_role *r, enum role role)
{
	struct board_role copy;

	board_role_read(r, &copy);
	fprintf(to,
	        "%s\"%s\":{\"state\":\"%s\",\"pid\":%d,\"attendant\":%d,\"starts\":%llu,\"faults\":%llu,"
	        "\"stalls\":%llu,\"signal\":%d,\"blackout_us\":%lld}",
	        role ? "," : "", board_role_name(role), board_role_state_name(copy.state), copy.pid,
	        copy.attendant, (unsigned long long)copy.starts, (unsigned long long)copy.faults,
	        (unsigned long long)copy.stalls, copy.last_signal,
	        copy.died_at ? ((long long)copy.ready_at - (long long)copy.died_at) / 1000 : 0);
}

static uint64_t looks;

static void print(FILE *to, const struct appliance *a)
{
	static struct account account;
	const struct board *board = a->map[REGION_BOARD];

	account_read(&account, a);
	fprintf(to, "{\"keeper\":%d,\"keeper_starts\":%llu,\"epoch\":%u,\"roles\":{", board->keeper,
	        (unsigned long long)board->keeper_starts, appliance_control(a)->epoch);
	for (enum role r = 0; r < ROLE_COUNT; r++)
		print_role(to, &board->role[r], r);
	fprintf(to, "},\"stages\":[");
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		fprintf(to,
		        "%s{\"in\":%llu,\"out\":%llu,\"dropped\":%llu,\"crashed\":%llu,\"crashes\":%llu,"
		        "\"balance\":%lld}",
		        s ? "," : "", (unsigned long long)account.stage[s].in,
		        (unsigned long long)account.stage[s].out,
		        (unsigned long long)account.stage[s].dropped,
		        (unsigned long long)account.stage[s].by_reason[DROP_STAGE_CRASHED],
		        (unsigned long long)account.stage[s].crashes, (long long)account.stage[s].balance);
	fprintf(to, "],\"received\":%llu,\"sent\":%llu,\"balance\":%lld,\"rings_off\":%u,\"looks\":%llu}\n",
	        (unsigned long long)account.appliance.received, (unsigned long long)account.appliance.sent,
	        (long long)account.appliance.balance, account.rings_off, (unsigned long long)++looks);
}

static void write_seen(const struct host_taken *t)
{
	char path[BLUEPRINT_PATH + 16], temporary[BLUEPRINT_PATH + 16];
	FILE *to;

	snprintf(path, sizeof path, "%s/seen", t->run_dir);
	snprintf(temporary, sizeof temporary, "%s/seen.new", t->run_dir);
	to = fopen(temporary, "w");
	if (!to)
		return;
	print(to, &t->appliance);
	if (!fclose(to))
		(void)rename(temporary, path);
}

/* Ingest takes nothing in while RUN/hold is there. */
static void hold(const struct host_taken *t)
{
	char path[BLUEPRINT_PATH + 16];

	snprintf(path, sizeof path, "%s/hold", t->run_dir);
	__atomic_store_n(&appliance_control(&t->appliance)->hold, access(path, F_OK) == 0, __ATOMIC_RELAXED);
}

static int publish(struct host_taken *t)
{
	struct config_errors errors = {0};
	struct publisher publisher;
	struct config *config;
	int err = config_load(t->config, &config, &errors);

	if (err)
		return err;
	publisher_init(&publisher, &t->appliance);
	return publish_config(&publisher, config);
}

int main(void)
{
	static struct host_taken taken;
	struct handle h;
	int err = host_take_up(HANDLE_STAGE_FD, APPLIANCE_CONTROL, -1, &taken);

	if (!err && !appliance_control(&taken.appliance)->epoch)
		err = publish(&taken);
	if (!err)
		err = handle_send(HANDLE_STAGE_FD, "ready", NULL, 0, NULL, 0);
	while (!err) {
		int got = handle_receive(HANDLE_STAGE_FD, &h, 20);

		hold(&taken);
		write_seen(&taken);
		if (got < 0)
			err = got;
		if (got > 0 && !strcmp(h.name, "stop"))
			return 0;
	}
	fprintf(stderr, "test control: %s\n", strerror(-err));
	return 1;
}
