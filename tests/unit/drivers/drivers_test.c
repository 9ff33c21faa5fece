/* The drivers of live ports beside fake kernels: frames with numbers come in, go out by the same port in the
 * same burst, and the process dies at any point: before the commit, before apply, between any two stores of
 * apply. Whatever happens, the kernel sends each number once and in order. */
#include "tests/unit/drivers/fake.h"
#include "tests/unit/fixture/fixture.h"

#include <criterion/criterion.h>

#define ROUNDS 20000u
#define OURS   256u /* buffers that take part */

struct twin {
	struct fixture f;
	struct fake kernel;
	const struct nic_ops *ops;
	struct nic nic;
	struct ledger ledger;
	struct ledger_state *ledger_state;
	uint64_t random;
	bool ours[OURS];  /* free, by the last commit */
	uint32_t arrived; /* frames that the kernel has taken in */
	uint32_t taken;   /* by us, committed */
	uint32_t sent;    /* by the kernel */
	uint32_t deaths;
};

static struct twin twin;

static uint32_t chance(struct twin *t, uint32_t n)
{
	return (uint32_t)(random_next(&t->random) >> 32) % n;
}

/* What the kernel does meanwhile. */
static void kernel_runs(struct twin *t)
{
	uint32_t number;

	for (uint32_t i = chance(t, 12); i; i--)
		t->arrived += t->kernel.receive(&t->kernel, t->arrived + 1);
	for (uint32_t i = chance(t, 12); i && t->kernel.send(&t->kernel, &number); i--)
		cr_assert_eq(number, ++t->sent, "%u was sent where %u was due", number, t->sent);
}

static void start(struct twin *t)
{
	char error[NIC_ERROR_BYTES];

	ledger_attach(&t->ledger, t->ledger_state, &t->f.journal, FIXTURE_BUFFERS);
	t->nic = (struct nic){
	        .ops = t->ops,
	        .port = {3},
	        .pool = &t->f.pool,
	        .journal = &t->f.journal,
	        .state = t->f.state,
	        .grant = t->kernel.grant,
	        .fd = {t->kernel.fd},
	        .ledger = &t->ledger,
	};
	cr_assert_eq(t->ops->open(&t->nic, NULL, error), 0, "%s", error);
	if (chance(t, 2))
		kernel_runs(t);
	t->ops->apply(&t->nic);
}

static void set_up(struct twin *t, const struct nic_ops *ops)
{
	memset(t, 0, sizeof *t);
	t->ops = ops;
	t->random = 0x5eed;
	fixture_init(&t->f, NIC_STATE_BYTES + ledger_bytes(FIXTURE_BUFFERS));
	t->ledger_state = (void *)((uint8_t *)t->f.state + NIC_STATE_BYTES);
	memset(t->ours, true, sizeof t->ours);
}

static void begin(struct twin *t)
{
	memcpy(t->f.state, t->f.journal.epoch ? t->f.state : t->kernel.state, NIC_STATE_BYTES);
	start(t);
}

static void tear_down(struct twin *t)
{
	t->ops->close(&t->nic);
	fake_free(&t->kernel);
	fixture_free(&t->f);
}

/* Dies now; `committed`: behind the commit. */
static void die(struct twin *t, bool committed)
{
	t->deaths++;
	t->ops->close(&t->nic);
	if (committed)
		journal_attach(&t->f.journal, t->f.shared, t->f.memory, FIXTURE_UNDO, t->f.state,
		        t->f.journal.state_bytes);
	else
		fixture_cut(&t->f);
	start(t);
}

/* Ends a burst in one of the ways in which one can end; whether it has happened. */
static bool finish(struct twin *t)
{
	switch (chance(t, 8)) {
	case 0: die(t, false); return false;
	case 1: journal_commit(&t->f.journal); break;
	case 2:
		journal_commit(&t->f.journal);
		ledger_apply(&t->ledger);
		t->kernel.cut_apply(&t->kernel, &t->nic, &t->random);
		break;
	default:
		journal_commit(&t->f.journal);
		ledger_apply(&t->ledger);
		t->ops->apply(&t->nic);
		return true;
	}
	die(t, true);
	return true;
}

static uint32_t pick(const bool *mine, struct pkt_index *index, uint32_t n)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < OURS && k < n; i++)
		if (mine[i])
			index[k++] = (struct pkt_index){i};
	return k;
}

static void give(struct twin *t)
{
	uint32_t n = t->ops->wants ? MIN(t->ops->wants(&t->nic), chance(t, 20)) : 0;
	struct pkt_index index[32];

	fixture_begin(&t->f, INPUT_TIMER, 0);
	n = pick(t->ours, index, n);
	if (n)
		t->ops->fill(&t->nic, index, n);
	if (finish(t))
		for (uint32_t i = 0; i < n; i++)
			t->ours[index[i].v] = false;
}

static void collect(struct twin *t)
{
	struct pkt_index index[32];
	uint32_t n;

	if (!t->ops->done)
		return;
	fixture_begin(&t->f, INPUT_TIMER, 0);
	n = t->ops->done(&t->nic, index, chance(t, 20));
	if (!finish(t))
		return;
	for (uint32_t i = 0; i < n; i++) {
		cr_assert(!t->ours[index[i].v], "a buffer came back twice");
		t->ours[index[i].v] = true;
	}
}

static uint32_t number_of(const struct burst *b, uint32_t i)
{
	cr_assert_eq(b->pkt[i].len, FAKE_FRAME);
	cr_assert_eq(b->frame[i], pool_buffer(b->pool, b->index[i]) + b->pkt[i].data_off);
	if (b->pkt[i].csum == PKT_CSUM_PARTIAL) { /* one of a large segment's */
		uint32_t number = wire_load_u32(b->frame[i] + b->pkt[i].csum_start + 4) / FAKE_PAYLOAD;

		for (uint32_t k = FAKE_FRAME - FAKE_PAYLOAD; k < FAKE_FRAME; k++)
			cr_assert_eq(b->frame[i][k], (uint8_t)number);
		memcpy(b->frame[i], &number, sizeof number);
	}
	return load_u32(b->frame[i]);
}

static void forward(struct twin *t)
{
	uint32_t room = t->ops->pending ? FAKE_SLOTS - t->ops->pending(&t->nic) : 0, n, passed = 0;
	struct burst *b = &t->f.burst;
	struct pkt_ref packet[32];
	bool mine[OURS];

	n = t->ops->rx_ready(&t->nic, 0, t->ops->pending ? MIN(room, 20u) : 20);
	n = MIN(n, chance(t, 20));
	fixture_begin(&t->f, INPUT_PORT, 0);
	b->n = pick(t->ours, b->index, n);
	cr_assert_eq(b->n, n);
	memset(b->verdict, 0, n * sizeof b->verdict[0]);
	memcpy(mine, t->ours, sizeof mine);
	for (uint32_t i = 0; i < n; i++) {
		b->pkt[i] = (struct pkt){.data_off = PKT_FRAME_OFF};
		b->frame[i] = pool_buffer(b->pool, b->index[i]) + PKT_FRAME_OFF;
		mine[b->index[i].v] = false;
		packet[i] = burst_ref(b, i);
	}
	t->ops->rx(&t->nic, 0, b, 0, n);
	for (uint32_t i = 0; i < n; i++) {
		cr_assert_eq(number_of(b, i), t->taken + i + 1);
		packet[i] = burst_ref(b, i);
	}
	t->ops->tx(&t->nic, 0, b, packet, n);
	for (uint32_t i = 0; i < n; i++) {
		passed += b->verdict[i].kind != VERDICT_DROP;
		if (b->verdict[i].kind != VERDICT_DRIVER)
			mine[b->index[i].v] = true;
	}
	if (passed < n) { /* no room: as if it had never been */
		fixture_cut(&t->f);
		t->ops->close(&t->nic);
		start(t);
		return;
	}
	if (!finish(t))
		return;
	t->taken += n;
	memcpy(t->ours, mine, sizeof mine);
}

/* Each buffer that is not ours is in the ledger, and no other. */
static void check_ledger(const struct twin *t)
{
	for (uint32_t i = 0; i < OURS; i++)
		cr_assert_eq(t->ours[i], t->ledger_state->of[i] == LEDGER_NONE, "buffer %u", i);
	cr_assert_eq(t->ledger.odd, 0);
}

static void run(struct twin *t)
{
	begin(t);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		kernel_runs(t);
		switch (chance(t, 3)) {
		case 0: give(t); break;
		case 1: collect(t); break;
		default: forward(t);
		}
		check_ledger(t);
		cr_assert_leq(t->sent, t->taken, "sent before it was decided");
		cr_assert_leq(t->taken, t->arrived);
	}
	cr_assert_gt(t->sent, 10 * 256u, "the indices have wrapped");
	cr_assert_gt(t->deaths, 1000u);
	tear_down(t);
}

Test(drivers, xdp_sends_each_frame_once_whatever_dies)
{
	set_up(&twin, &nic_xdp);
	fake_xdp(&twin.kernel, &twin.f.pool, false);
	run(&twin);
}

Test(drivers, xdp_cuts_each_large_segment_once_whatever_dies)
{
	set_up(&twin, &nic_xdp);
	fake_xdp(&twin.kernel, &twin.f.pool, true);
	run(&twin);
}

Test(drivers, packet_v2_sends_each_frame_once_whatever_dies)
{
	set_up(&twin, &nic_packet);
	fake_packet(&twin.kernel, &twin.f.pool, false, false);
	run(&twin);
}

Test(drivers, packet_v3_sends_each_frame_once_whatever_dies)
{
	set_up(&twin, &nic_packet);
	fake_packet(&twin.kernel, &twin.f.pool, true, false);
	run(&twin);
}

Test(drivers, packet_v2_cuts_each_large_segment_once_whatever_dies)
{
	set_up(&twin, &nic_packet);
	fake_packet(&twin.kernel, &twin.f.pool, false, true);
	run(&twin);
}

Test(drivers, packet_v3_cuts_each_large_segment_once_whatever_dies)
{
	set_up(&twin, &nic_packet);
	fake_packet(&twin.kernel, &twin.f.pool, true, true);
	run(&twin);
}
