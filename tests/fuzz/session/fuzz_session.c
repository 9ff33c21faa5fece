/* IP packets of any bytes to a session with sockets, in one buffer and in several; timers in between; now and
 * then a death in place of a commit.
 *
 * Input: records of 4 bytes (what to do; transport offset; buffers; length) and as many bytes of packet.
 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct epoch_socket s[] = {bed_socket(0, 0x0707, EPOCH_APP_ECHO),
	        bed_socket(4, 0x0909, EPOCH_APP_SINK), bed_socket(6, 0x0808, EPOCH_APP_HOLD),
	        bed_socket(4, 0x0707, EPOCH_APP_SINK)};

	(void)argc, (void)argv;
	s[3].port = BED_ETH1;
	bed_init(&bed);
	bed_adopt(&bed, 1, s, ARRAY_LEN(s));
	return 0;
}

static void add(uint8_t what, uint8_t l4, uint32_t pieces, const uint8_t *bytes, uint32_t len)
{
	static const uint8_t protos[] = {
	        IP_PROTO_UDP, IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_ICMP, IP_PROTO_ICMP6};
	uint32_t each = len / pieces + 1, i = 0;

	for (uint32_t k = 0; k < pieces; k++) {
		uint32_t n = MIN(each, len);
		struct pkt *p;

		i = fixture_add(&bed.f, bytes, n, (struct port_id){what & 1});
		p = &bed.f.burst.pkt[i];
		bed.f.burst.more[i] = k + 1 < pieces;
		p->ethertype = what & 2 ? 0x86dd : 0x800;
		p->l4_proto = protos[(what >> 2) % ARRAY_LEN(protos)];
		p->l4_off = (uint16_t)MIN((uint32_t)l4, n);
		p->type = what & 0x80 ? PKT_BROADCAST : PKT_HOST;
		p->csum = what & 0x40 ? PKT_CSUM_VALID : PKT_CSUM_NONE;
		bytes += n;
		len -= n;
	}
}

static void finish(bool die)
{
	for (uint32_t i = 0; i < bed.f.burst.n_out; i++)
		if (!pkt_check(&bed.f.pool, &bed.f.burst.out[i].pkt))
			abort();
	if (die) {
		fixture_cut(&bed.f);
		bed_restart(&bed);
	} else {
		fixture_end(&bed.f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool die = size && data[0] & 0x20;

	fixture_begin(&bed.f, INPUT_RX, 1);
	while (size >= 4 && bed.f.burst.n < 48) {
		uint32_t len = MIN((uint32_t)data[3], (uint32_t)size - 4);

		add(data[0], data[1], 1 + data[2] % 4, data + 4, len);
		data += 4 + len;
		size -= 4 + len;
	}
	bed_run(&bed);
	finish(die);
	while (session_stage.next_timer(bed.worker) == 0) {
		fixture_begin(&bed.f, INPUT_TIMER, 2);
		session_stage.timer(bed.worker, &bed.epoch, 2, &bed.f.burst);
		finish(false);
	}
	return 0;
}
