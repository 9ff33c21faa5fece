#include "tests/system/drivers/pump.h"

#include "services/keeper/opener/adopt.h"
#include "services/keeper/opener/open.h"

#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct pump {
	struct pump_memory m;
	struct journal journal;
	struct ledger ledger;
	struct trace_log trace;
	struct spare spare;
	struct burst burst;
	struct nic nic[2];
};

static struct opened opened[2];
static volatile sig_atomic_t stopping;

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

/* The child. */

static void attach(struct pump *p)
{
	static const struct nic_ops *const drivers[] = {
	        [EPOCH_DRIVER_AF_XDP] = &nic_xdp, [EPOCH_DRIVER_AF_PACKET] = &nic_packet};
	struct journal_open_word open;
	char error[NIC_ERROR_BYTES];

	journal_attach(
	        &p->journal, &p->m.shared->journal, p->m.undo, PUMP_UNDO, p->m.state, p->m.state_bytes);
	ledger_attach(&p->ledger, p->m.ledger, &p->journal, PUMP_BUFFERS);
	if (journal_interrupted(&p->journal, &open))
		journal_undo(&p->journal);
	for (uint32_t i = 0; i < 2; i++) {
		struct nic *nic = &p->nic[i];

		*nic = (struct nic){
		        .ops = drivers[opened[i].grant[0].driver],
		        .port = {(uint16_t)i},
		        .pool = &p->m.pool,
		        .journal = &p->journal,
		        .state = p->m.state->nic[i],
		        .grant = opened[i].grant[0],
		        .fd = {opened[i].queue[0], opened[i].urgent[0]},
		        .ledger = &p->ledger,
		};
		if (nic->ops->open(nic, NULL, error)) {
			fprintf(stderr, "pump: %s\n", error);
			_exit(1);
		}
		nic->ops->apply(nic);
	}
}

static void begin(struct pump *p, uint32_t n)
{
	struct burst *b = &p->burst;

	burst_reset(b, INPUT_PORT, n);
	b->lanes = 1;
	b->pool = &p->m.pool;
	b->journal = &p->journal;
	b->trace = &p->trace;
	b->stats = &p->m.state->stats;
	b->spare = &p->spare;
	journal_open(&p->journal, 0, 0, (uint16_t)n);
	journal_touch(&p->journal, &p->m.state->counts);
	journal_touch(&p->journal, &p->m.state->height);
}

static void end(struct pump *p)
{
	journal_commit(&p->journal);
	ledger_apply(&p->ledger);
	p->nic[0].ops->apply(&p->nic[0]);
	p->nic[1].ops->apply(&p->nic[1]);
}

static struct pkt_index pop(struct pump *p)
{
	return (struct pkt_index){p->m.state->stack[--p->m.state->height]};
}

static void push(struct pump *p, struct pkt_index index)
{
	uint32_t *slot = &p->m.state->stack[p->m.state->height++];

	*(uint32_t *)journal_touch(&p->journal, slot) = index.v;
}

static void load(struct pump *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		p->burst.index[i] = pop(p);
		p->burst.frame[i] = pool_buffer(&p->m.pool, p->burst.index[i]) + PKT_FRAME_OFF;
		p->burst.pkt[i] = (struct pkt){.data_off = PKT_FRAME_OFF, .out = PORT_NONE};
	}
}

static void forward(struct pump *p, uint32_t side, uint32_t n)
{
	struct pump_counts *c = &p->m.state->counts;
	struct pkt_ref packet[PUMP_BURST];
	struct burst *b = &p->burst;
	uint32_t good = 0;

	begin(p, n);
	load(p, n);
	p->nic[side].ops->rx(&p->nic[side], 0, b, 0, n);
	for (uint32_t i = 0; i < n; i++)
		if (b->pkt[i].len)
			packet[good++] = burst_ref(b, i);
		else
			burst_drop(b, i, DROP_RX_LENGTH);
	p->nic[!side].ops->tx(&p->nic[!side], 0, b, packet, good);
	for (uint32_t i = 0; i < n; i++) {
		c->dropped += b->verdict[i].kind == VERDICT_DROP;
		c->sent[!side] += b->verdict[i].kind != VERDICT_DROP;
		if (b->verdict[i].kind != VERDICT_DRIVER)
			push(p, b->index[i]);
	}
	c->received[side] += n;
	end(p);
}

static void feed(struct pump *p, struct nic *nic)
{
	uint32_t n = nic->ops->wants ? MIN(nic->ops->wants(nic), PUMP_BURST) : 0;
	struct pkt_index index[PUMP_BURST];

	n = MIN(n, p->m.state->height);
	if (!n)
		return;
	begin(p, 0);
	for (uint32_t i = 0; i < n; i++)
		index[i] = pop(p);
	nic->ops->fill(nic, index, n);
	end(p);
}

static void collect(struct pump *p, struct nic *nic)
{
	struct pkt_index index[PUMP_BURST];
	uint32_t n;

	if (!nic->ops->done)
		return;
	begin(p, 0);
	n = nic->ops->done(nic, index, PUMP_BURST);
	for (uint32_t i = 0; i < n; i++)
		push(p, index[i]);
	end(p);
}

/* Whether there was anything to do. */
static bool step(struct pump *p)
{
	bool did = false;

	for (uint32_t side = 0; side < 2; side++) {
		struct nic *nic = &p->nic[side];
		uint32_t n;

		collect(p, nic);
		feed(p, nic);
		n = nic->ops->rx_ready(nic, 0, MIN(PUMP_BURST, p->m.state->height));
		if (n)
			forward(p, side, n);
		did |= n > 0;
	}
	p->nic[0].ops->kick(&p->nic[0]);
	p->nic[1].ops->kick(&p->nic[1]);
	return did;
}

static void rest(struct pump *p)
{
	struct pollfd poll_fd[2 * NIC_FDS_MAX];
	int fd[2 * NIC_FDS_MAX];
	uint32_t n = p->nic[0].ops->fds(&p->nic[0], fd);

	n += p->nic[1].ops->fds(&p->nic[1], fd + n);
	for (uint32_t i = 0; i < n; i++)
		poll_fd[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	(void)poll(poll_fd, n, 10);
}

static void child(struct pump *p)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	attach(p);
	while (!__atomic_load_n(&p->m.shared->stop, __ATOMIC_RELAXED))
		if (!step(p))
			rest(p);
	_exit(0);
}

/* The parent. */

static uint64_t passed(const struct pump_memory *m)
{
	const struct pump_counts *c = &m->state->counts;

	return __atomic_load_n(&c->received[0], __ATOMIC_RELAXED) +
	       __atomic_load_n(&c->received[1], __ATOMIC_RELAXED);
}

static void open_side(uint32_t side, char *text, const struct pump_memory *m)
{
	struct open_wish w = {.queues = 1,
	        .rx_ring = 1024,
	        .tx_ring = 1024,
	        .mtu = 1500,
	        .control_dscp = 48,
	        .pool = &m->pool};
	const char *name = strtok(text, ":"), *driver = strtok(NULL, ":"), *mode = strtok(NULL, ":");
	char error[OPEN_ERROR_BYTES];

	if (!name || !driver || !mode) {
		fprintf(stderr, "usage: drivers_pump INTERFACE:xdp|packet:MODE twice [KILLS]\n");
		exit(2);
	}
	snprintf(w.interface, sizeof w.interface, "%s", name);
	w.ifindex = if_nametoindex(name);
	w.veth = true;
	w.driver = strcmp(driver, "xdp") ? EPOCH_DRIVER_AF_PACKET : EPOCH_DRIVER_AF_XDP;
	w.mode = !strcmp(mode, "native")    ? MODE_NATIVE
	         : !strcmp(mode, "generic") ? MODE_GENERIC
	         : !strcmp(mode, "v3")      ? MODE_V3
	                                    : MODE_AUTO;
	if (open_port(&opened[side], &w, error)) {
		fprintf(stderr, "pump: %s\n", error);
		exit(1);
	}
	opened[side].grant[0].mtu = (uint16_t)w.mtu;
	adopt_no_gro(name);
	fprintf(stderr, "pump: %s is %s%s%s\n", name, open_mode_name(opened[side].mode),
	        opened[side].why_not[0] ? ": " : "", opened[side].why_not);
}

static pid_t start(struct pump *p)
{
	pid_t pid = fork();

	if (!pid)
		child(p);
	return pid;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* Kills the child whenever so many frames have passed, and starts it again; says when that is done. */
static uint32_t run(struct pump *p, uint32_t kills)
{
	uint64_t random = 1, next = 100;
	uint32_t done = 0;
	pid_t pid = start(p);

	while (!stopping) {
		if (done < kills && passed(&p->m) >= next) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			done++;
			next = passed(&p->m) + random_next(&random) % 200;
			pid = start(p);
			if (done == kills)
				say("killed");
		} else if (done == kills) {
			(void)poll(NULL, 0, 10);
		}
	}
	__atomic_store_n(&p->m.shared->stop, 1, __ATOMIC_RELAXED);
	waitpid(pid, NULL, 0);
	return done;
}

int main(int argc, char **argv)
{
	static struct pump pump;
	struct pump_counts c;
	uint32_t kills;

	if (argc < 3)
		return 2;
	pump_memory_make(&pump.m);
	open_side(0, argv[1], &pump.m);
	open_side(1, argv[2], &pump.m);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	say("ready");
	kills = run(&pump, argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0);
	journal_attach(&pump.journal, &pump.m.shared->journal, pump.m.undo, PUMP_UNDO, pump.m.state,
	        pump.m.state_bytes);
	ledger_attach(&pump.ledger, pump.m.ledger, &pump.journal, PUMP_BUFFERS);
	c = pump.m.state->counts;
	printf("{\"received\": [%lu, %lu], \"sent\": [%lu, %lu], \"dropped\": %lu, \"kills\": %u, \"odd\": "
	       "%u}\n",
	        c.received[0], c.received[1], c.sent[0], c.sent[1], c.dropped, kills, pump.ledger.odd);
	return pump_memory_whole(&pump.m, &pump.ledger) &&
	                       c.received[0] + c.received[1] == c.sent[0] + c.sent[1] + c.dropped
	               ? 0
	               : 1;
}
