#include "tests/crash/dummy_rig.h"

const struct stage_ops *const dummy_stages[STAGE_COUNT] = {
        &dummy_ingest, &dummy_filter, &dummy_router, &dummy_session};

/* Whether a packet was run twice by one stage. */
static bool add_log(uint8_t *times, const struct dummy_log *log)
{
	for (uint64_t i = 0; i < log->n; i++)
		if (log->number[i] < dummy_packets)
			times[log->number[i]]++;
	return log->again;
}

/* No packet came to its end twice; those that never did are in the account as dropped. */
const char *dummy_judge(struct cut *cut)
{
	static struct account account;
	uint8_t times[4096] = {0};
	uint64_t ended = 0, whole = 0;
	const struct account_terms *t = &account.appliance;

	account_read(&account, &cut->appliance);
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		if (add_log(times, dummy_log(cut->worker[id]->env.state)))
			return "a packet that a dead stage had in hand was run again";
	for (uint32_t i = 0; i < dummy_packets; i++) {
		uint32_t most = i % 23 == 6 ? 2 : 1;

		if (times[i] > most)
			return "a packet came to its end twice";
		ended += times[i];
	}
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		whole += dummy_log(cut->worker[id]->env.state)->packets;
	if (t->received != dummy_packets)
		return "packets were taken twice from the port, or never";
	/* What was made is logged under numbers of its own: all that ended, however, is sent or delivered. */
	if (whole != t->sent + t->delivered)
		return "what was sent and delivered is not what the stages saw leave";
	/* Deaths may take all of a few hundred packets with them. */
	return ended || cut->kills ? NULL : "nothing arrived";
}

void dummy_epoch(struct appliance *a)
{
	struct epoch_header *h = a->map[REGION_EPOCH1];
	struct epoch_port *p = (struct epoch_port *)(h + 1);

	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = sizeof *h + sizeof *p,
	        .number = 1,
	        .ports = {sizeof *h, 1},
	};
	*p = (struct epoch_port){.name = "dummy", .kind = EPOCH_PORT_PHYSICAL, .mtu = 1500};
	appliance_control(a)->epoch = 1;
}
