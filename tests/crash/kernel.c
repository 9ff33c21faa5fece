#include "tests/crash/kernel.h"

#include "services/ingest/grants.h"
#include "services/ingest/ingest_internal.h"
#include "tests/crash/hooks.h"

#include <fcntl.h>
#include <stdlib.h>

#define SLOTS   32u
#define BUFFERS 4096u
#define LOG     8192u
#define FRAME   64u
#define MARKS   40u
#define A_KICK  3u                                               /* frames that come in a kick */
#define OURS    __attribute__((no_sanitize("thread"), noinline)) /* the kernel's: not the code that is cut */

/* What both ends see. */
struct rings {
	uint32_t rx_prod, rx_cons, fill_prod, fill_cons, tx_prod, tx_cons, done_prod, done_cons;
	uint32_t rx[SLOTS], fill[SLOTS], tx[SLOTS], done[SLOTS];
};

/* The kernel's own. */
struct kernel {
	const struct pool *pool;
	uint64_t incarnation;
	uint64_t next; /* number of the next frame */
	bool has[BUFFERS];
	uint64_t n_sent;
	uint64_t sent[LOG];
	uint8_t handled[LOG]; /* how often the driver has taken a frame, in bursts that died too */
	bool again;
	const char *wrong;
};

static struct rings rings;
static struct kernel kernel = {.incarnation = 1};
bool kernel_late;

/* The driver. */

struct rings_state {
	uint32_t rx, fill, tx, done;
};

static int no_probe(const struct nic_settings *settings, char *error)
{
	(void)settings, (void)error;
	return 0;
}

static int open_rings(struct nic *nic, const struct nic_settings *settings, char *error)
{
	(void)nic, (void)settings, (void)error;
	return 0;
}

static void close_rings(struct nic *nic)
{
	(void)nic;
}

static uint32_t rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	const struct rings_state *s = nic->state;

	(void)now;
	return MIN(rings.rx_prod - s->rx, max);
}

static nanos_t rx_next(struct nic *nic)
{
	return rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

static void give(struct nic *nic, struct rings_state *s, struct pkt_index index)
{
	ledger_give(nic->ledger, index, nic->port, LEDGER_RX);
	rings.fill[s->fill++ % SLOTS] = index.v;
}

/* Survives whoever takes it. */
OURS static void handle(const uint8_t *frame)
{
	kernel.handled[load_u64(frame) % LOG]++;
}

static void rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct rings_state *s = journal_touch(nic->journal, nic->state);

	(void)now;
	for (uint32_t i = first; i < first + n; i++) {
		struct pkt_index index = {rings.rx[s->rx++ % SLOTS]};

		if (!ledger_take(nic->ledger, index, nic->port, LEDGER_RX))
			abort();
		give(nic, s, b->index[i]);
		b->index[i] = index;
		b->frame[i] = pool_buffer(nic->pool, index) + PKT_FRAME_OFF;
		b->pkt[i].len = FRAME;
		b->pkt[i].total_len = FRAME;
		handle(b->frame[i]);
	}
}

static uint32_t wants(struct nic *nic)
{
	const struct rings_state *s = nic->state;

	return SLOTS - (s->fill - s->rx);
}

static void fill(struct nic *nic, const struct pkt_index *index, uint32_t n)
{
	struct rings_state *s = journal_touch(nic->journal, nic->state);

	for (uint32_t i = 0; i < n; i++)
		give(nic, s, index[i]);
}

static uint32_t pending(const struct nic *nic)
{
	const struct rings_state *s = nic->state;

	return s->tx - s->done;
}

static void tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct rings_state *s = journal_touch(nic->journal, nic->state);

	(void)now, (void)b;
	for (uint32_t i = 0; i < n; i++) {
		if (pending(nic) == SLOTS) {
			ref_drop(packets[i], DROP_TX_FAILED);
			continue;
		}
		ledger_give(nic->ledger, packets[i].index, nic->port, LEDGER_TX);
		rings.tx[s->tx++ % SLOTS] = packets[i].index.v;
		*packets[i].verdict = (struct verdict){VERDICT_DRIVER, {(uint8_t)nic->port.v}, DROP_NONE};
	}
}

static uint32_t done(struct nic *nic, struct pkt_index *index, uint32_t max)
{
	struct rings_state *s = journal_touch(nic->journal, nic->state);
	uint32_t n = MIN(rings.done_prod - s->done, max);

	for (uint32_t i = 0; i < n; i++) {
		index[i].v = rings.done[s->done++ % SLOTS];
		if (!ledger_take(nic->ledger, index[i], nic->port, LEDGER_TX))
			abort();
	}
	return n;
}

static void apply(struct nic *nic)
{
	const struct rings_state *s = nic->state;

	rings.done_cons = s->done;
	rings.rx_cons = s->rx;
	rings.fill_prod = s->fill;
	rings.tx_prod = s->tx;
}

/* The kernel. */

OURS static void take(uint32_t buffer)
{
	if (buffer >= kernel.pool->count || kernel.has[buffer])
		kernel.wrong = "the kernel was given what it has";
	else
		kernel.has[buffer] = true;
}

OURS static void send_all(void)
{
	for (; rings.tx_cons != rings.tx_prod; rings.tx_cons++) {
		uint32_t buffer = rings.tx[rings.tx_cons % SLOTS];
		struct pkt p;
		const uint8_t *frame;

		take(buffer);
		pkt_load(kernel.pool, (struct pkt_index){buffer}, &p);
		frame = pool_buffer(kernel.pool, (struct pkt_index){buffer}) + p.data_off;
		kernel.sent[kernel.n_sent++ % LOG] = load_u64(frame);
		for (uint32_t i = MARKS; i < FRAME; i++)
			kernel.again |= frame[i] > 1;
		kernel.has[buffer] = false;
		rings.done[rings.done_prod++ % SLOTS] = buffer;
	}
}

OURS static void fill_frame(uint8_t *frame, uint64_t number)
{
	for (uint32_t i = 0; i < 8; i++)
		frame[i] = (uint8_t)(number >> 8 * i);
	for (uint32_t i = 8; i < FRAME; i++)
		frame[i] = i < MARKS ? (uint8_t)number : 0;
}

OURS static void bring_some(void)
{
	for (uint32_t k = 0; k < A_KICK && rings.fill_cons != rings.fill_prod && kernel.next < dummy_packets;
	        k++) {
		uint32_t buffer = rings.fill[rings.fill_cons++ % SLOTS];

		take(buffer);
		fill_frame(
		        pool_buffer(kernel.pool, (struct pkt_index){buffer}) + PKT_FRAME_OFF, kernel.next++);
		kernel.has[buffer] = false;
		rings.rx[rings.rx_prod++ % SLOTS] = buffer;
	}
}

/* A system call: the process dies before it or behind it. */
OURS static void kick(struct nic *nic)
{
	(void)nic;
	send_all();
	bring_some();
}

static const struct nic_ops ops = {
        .name = "kernel",
        .probe = no_probe,
        .open = open_rings,
        .close = close_rings,
        .rx_ready = rx_ready,
        .rx = rx,
        .rx_next = rx_next,
        .tx = tx,
        .wants = wants,
        .fill = fill,
        .done = done,
        .pending = pending,
        .apply = apply,
        .kick = kick,
};

const struct nic_ops *ports_driver(uint32_t driver)
{
	return driver == EPOCH_DRIVER_AF_XDP ? &ops : NULL;
}

/* The opener. */

OURS static void say(enum grant_what what)
{
	struct grant g = {
	        .magic = GRANT_MAGIC,
	        .what = (uint16_t)what,
	        .driver = EPOCH_DRIVER_AF_XDP,
	        .incarnation = kernel.incarnation,
	        .queues = 1,
	        .mode = GRANT_XDP_NATIVE,
	        .n_fds = 1,
	        .link = 1,
	};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const char *wrong;

	g.xdp.rx.slots = g.xdp.tx.slots = g.xdp.fill.slots = g.xdp.completion.slots = SLOTS;
	if (fd < 0 || ingest_grant(&g, sizeof g, &fd, 1, &wrong))
		abort();
}

static int attach(const struct stage_env *env, void **worker)
{
	grants_forget();
	if (!kernel_late)
		say(GRANT_OPEN);
	return ingest_stage.attach(env, worker);
}

/* The words come behind the start, in which what was in hand is given up. */
static nanos_t awaits(void *worker, nanos_t now)
{
	struct grant word;

	if (!grants_last(0, 0, &word))
		say(GRANT_OPEN);
	return ingest_stage.port_awaits(worker, now);
}

struct stage_ops kernel_ingest;

void kernel_init(struct pool *pool)
{
	kernel.pool = pool;
	assert(pool->count <= BUFFERS);
	hooks_watch(&rings, sizeof rings);
	kernel_ingest.attach = attach;
	kernel_ingest.port_awaits = awaits;
}

__attribute__((constructor)) static void copy_stage(void)
{
	kernel_ingest = ingest_stage;
}

uint64_t kernel_sent(uint8_t *times, bool *again)
{
	*again = kernel.again;
	for (uint64_t i = 0; i < kernel.n_sent; i++) {
		if (kernel.sent[i % LOG] >= dummy_packets)
			continue;
		times[kernel.sent[i % LOG]]++;
		*again |= kernel.handled[kernel.sent[i % LOG]] > 1;
	}
	return kernel.n_sent;
}

struct census {
	uint8_t has[BUFFERS];
};

static bool census_one(void *ctx, struct pkt_index index, enum ledger_side side)
{
	((struct census *)ctx)->has[index.v] = side == LEDGER_TX ? 2 : 1;
	return true;
}

const char *kernel_judge(const void *worker, uint32_t buffers)
{
	const struct ingest *g = worker;
	struct census c = {{0}}, seen = {{0}};

	if (kernel.wrong)
		return kernel.wrong;
	(void)!ledger_each(&g->ports.ledger, (struct port_id){0}, census_one, &c);
	for (uint32_t i = rings.rx_cons; i != rings.rx_prod; i++)
		seen.has[rings.rx[i % SLOTS]] = 1;
	for (uint32_t i = rings.fill_cons; i != rings.fill_prod; i++)
		seen.has[rings.fill[i % SLOTS]] = 1;
	for (uint32_t i = rings.done_cons; i != rings.done_prod; i++)
		seen.has[rings.done[i % SLOTS]] = 2;
	for (uint32_t i = rings.tx_cons; i != rings.tx_prod; i++)
		seen.has[rings.tx[i % SLOTS]] = 2;
	return memcmp(seen.has, c.has, buffers) ? "the ledger is not what the kernel has" : NULL;
}
