/* An application that writes anything into the memory that it shares with session, while datagrams for it and
 * for another come, and both send.
 *
 * Input: records of 8 bytes: what to do, where in the region, what to write there.
 */
#include <stdlib.h>

#include "services/session/words.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/session/guest.h"

static struct bed bed;
static struct guest hostile, sound;

int LLVMFuzzerInitialize(int *argc, char ***argv);
static void turn(void)
{
	bed_timer(&bed);
	session_stage.port_apply(bed.worker);
	session_stage.port_kick(bed.worker, 1);
}

/* Both are let in anew, so that each input begins alike. */
static void join(uint64_t incarnation)
{
	struct app_table *table = hostile.table;
	struct epoch_socket conf[] = {bed_socket(0, 700, EPOCH_APP_HOLD), bed_socket(4, 800, EPOCH_APP_HOLD)};

	guest_join(&hostile, table, 0, incarnation);
	guest_join(&sound, table, 1, incarnation);
	guest_bind(&hostile, 3, &conf[0]);
	guest_bind(&sound, 4, &conf[1]);
	while (session_stage.next_timer(bed.worker) == 0)
		turn();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	bed_init(&bed);
	bed_adopt(&bed, 1, NULL, 0);
	hostile.table = guest_table(&bed);
	return 0;
}

static void write_rubbish(const uint8_t *record)
{
	uint32_t place = load_u32(record + 1) & 0xffffff, word = load_u32(record + 4) >> 8;
	uint64_t at = place % (hostile.at.bytes / sizeof word);

	/* Near the beginning are the indices, and behind them the heads in the chunks. */
	if (record[0] & 1)
		at %= hostile.at.chunk / sizeof word;
	else if (record[0] & 2)
		at = (hostile.at.chunk + (at % hostile.at.chunks) * APP_CHUNK) / sizeof word + record[3] % 16;
	((uint32_t *)(void *)hostile.region)[at] = word >> (record[0] & 4 ? 16 : 0);
}

static void receive(uint16_t port, const char *bytes, uint32_t len)
{
	struct bed_packet p = bed_packet4(port, "");

	p.payload = bytes;
	p.len = len;
	p.pieces = 1 + len / 1700;
	bed_receive(&bed, &p);
	session_stage.port_apply(bed.worker);
}

/* Whoever behaves hears what was said to him. */
static void expect_sound(void)
{
	static uint8_t payload[65536 + APP_CHUNK];
	struct app_head head;

	receive(800, "sound", 5);
	if (!guest_take(&sound, &head, payload) || head.socket != 4 || memcmp(payload, "sound", 5) != 0)
		abort();
	if (session_stage.check(bed.worker))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t incarnation;
	static const char bytes[8000];

	join(++incarnation);
	for (; size >= 8; data += 8, size -= 8) {
		write_rubbish(data);
		if (data[0] & 8)
			receive(700, bytes, data[7] * 30);
		if (data[0] & 16)
			turn();
		if (data[0] & 32)
			guest_send(&hostile,
			        &(struct app_head){.kind = APP_DATAGRAM, .socket = data[6], .len = 8}, data);
	}
	turn();
	expect_sound();
	guest_leave(&hostile);
	guest_leave(&sound);
	return 0;
}
