/* cut_kernel [PACKETS [BURST]]: the real ingest beside a kernel's rings, between the small stages, cut at
 * every write, in apply too: what the kernel sees of its rings, and which buffers the ledger says it has. */
#include "tests/crash/dummy_rig.h"
#include "tests/crash/kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* No packet came to its end twice or was run twice; the account says what left. */
static const char *judge(struct cut *cut)
{
	static struct account account;
	const struct worker *session = cut->worker[plan_worker_id(&cut->appliance.plan, STAGE_SESSION, 0)],
	                    *ingest = cut->worker[0];
	const struct dummy_log *log = dummy_log(session->env.state);
	uint8_t times[4096] = {0};
	bool again = false;
	uint64_t sent = kernel_sent(times, &again);

	account_read(&account, &cut->appliance);
	for (uint64_t i = 0; i < log->n; i++)
		if (log->number[i] < dummy_packets)
			times[log->number[i]]++;
	for (uint32_t i = 0; i < dummy_packets; i++)
		if (times[i] > (i % 23 == 6 ? 2 : 1))
			return "a packet came to its end twice";
	if (again || log->again)
		return "a packet that a dead stage had in hand was run again";
	if (account.appliance.received != dummy_packets)
		return "packets were taken twice from the port, or never";
	if (account.appliance.sent != sent || account.appliance.delivered != log->packets)
		return "what was sent and delivered is not what left";
	return kernel_judge(ingest->stage, cut->appliance.plan.params.buffers);
}

static void epoch(struct appliance *a)
{
	struct epoch_header *h = a->map[REGION_EPOCH1];

	dummy_epoch(a);
	((struct epoch_port *)(h + 1))->driver = EPOCH_DRIVER_AF_XDP;
	((struct epoch_port *)(h + 1))->flags = EPOCH_PORT_UP;
}

static void explore(uint32_t burst, bool late)
{
	const struct stage_ops *const stages[STAGE_COUNT] = {
	        &kernel_ingest, &dummy_filter, &dummy_router, &dummy_session};
	struct stage_params params = {.lanes = 1, .stride = 576, .ring_slots = 64, .buffers = 256};
	static struct cut cut;

	cut = (struct cut){.burst_max = burst, .judge = judge, .unwatched = true};
	cut_create(&cut, &params, stages, 4096, 4096);
	kernel_init(&cut.appliance.pool);
	epoch(&cut.appliance);
	cut_start(&cut);
	kernel_late = late;
	cut_explore(&cut, 100 * NANOS_PER_MS, 1, 1, UINT64_MAX);
	printf("%" PRIu64 " steps cut at each of %" PRIu64 " writes, recovery cut %" PRIu64 " times%s\n",
	        cut.steps, cut.cuts, cut.recovery_cuts, late ? "; the opener speaks late" : "");
}

int main(int argc, char **argv)
{
	dummy_packets = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40;
	explore(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 5, argc > 3);
	return 0;
}
