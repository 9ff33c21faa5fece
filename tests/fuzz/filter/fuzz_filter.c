/* Frames of any bytes through the filter in both directions, with rules.
 *
 * Input: records of 4 bytes (low bit of the first: direction of the burst, taken from the first record; port;
 * egress port; length) and as many bytes of frame.
 */
#include <stdlib.h>

#include "common/wire/ether.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/filter/bed.h"

static struct bed bed;
static const struct classify_rule rules[] = {
        {.verdict = CLASSIFY_CONTINUE, .set_mark = {1, 1}},
        {.verdict = CLASSIFY_DROP, .fields = CLASSIFY_F_L4_DPORT, .l4_dport = {1, 100}},
        {.verdict = CLASSIFY_DROP,
                .fields = CLASSIFY_F_FAMILY | CLASSIFY_F_PROTO,
                .family = CLASSIFY_IPV6,
                .proto = 58},
        {.verdict = CLASSIFY_CONTINUE, .fields = CLASSIFY_F_TCP_FLAGS, .tcp_flags = 2, .tcp_flags_mask = 2},
        {.verdict = CLASSIFY_PASS, .fields = CLASSIFY_F_VLAN, .vlan = 5},
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct bed_rules both = {rules, ARRAY_LEN(rules), CLASSIFY_PASS};

	(void)argc, (void)argv;
	bed_init(&bed);
	bed_epoch(&bed, 1, both, both);
	return 0;
}

static void judge(uint32_t i, bool tx)
{
	const struct pkt *p = &bed.f.burst.pkt[i];
	struct verdict v = bed.f.burst.verdict[i];

	if (!pkt_check(&bed.f.pool, p) || (v.kind != VERDICT_PASS && v.kind != VERDICT_DROP))
		abort();
	if (v.kind != VERDICT_PASS)
		return;
	if (tx ? p->out.v >= EPOCH_PHYS_MAX : p->l3_off < ETHER_HDR_LEN || p->type == PKT_OTHERHOST)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool tx = size && data[0] & 1;

	fixture_begin(&bed.f, tx ? INPUT_TX : INPUT_RX, 1);
	while (size >= 4 && bed.f.burst.n < 64) {
		uint32_t len = MIN((uint32_t)data[3], (uint32_t)size - 4);
		uint32_t i = fixture_add(&bed.f, data + 4, len, (struct port_id){data[1] & 63});

		bed.f.burst.pkt[i].out.v = data[2] & 63;
		data += 4 + len;
		size -= 4 + len;
	}
	bed_run(&bed);
	for (uint32_t i = 0; i < bed.f.burst.n; i++)
		judge(i, tx);
	fixture_end(&bed.f);
	return 0;
}
