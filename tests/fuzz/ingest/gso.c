/* Any bytes as a frame, whole or its first chunk: what is cut gives packets that are not too long, and as
 * many as were said. */
#include "services/ingest/nic/gso.h"

#include "common/wire/ipv6.h"
#include "tests/fuzz/fuzz.h"

static void cut(const struct gso *g, uint32_t mtu)
{
	static uint8_t packet[GSO_HEADER_MAX + UINT16_MAX];
	uint32_t left = gso_packets(g, 0);

	assert(g->payload && g->each && g->header_len <= GSO_HEADER_MAX);
	for (uint32_t at = 0, n; at < g->payload; at += n, left--) {
		struct pkt pkt = {0};

		n = gso_write(g, at, packet, &pkt);
		assert(n && n <= g->payload - at && pkt.len == g->header_len + n);
		assert(pkt.len - g->l3 <= mtu);
	}
	assert(!left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t mtu, more, payload;
	struct gso g;

	if (size < 6)
		return 0;
	mtu = wire_load_u16(data);
	more = wire_load_u16(data + 2);
	payload = wire_load_u16(data + 4);
	size -= 6;
	if (gso_read(&g, data + 6, (uint32_t)size, (uint32_t)size + more, mtu, payload))
		cut(&g, payload ? mtu : MIN(mtu, IPV6_MTU_MIN));
	return 0;
}
