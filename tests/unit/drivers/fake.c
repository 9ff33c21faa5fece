#include "tests/unit/drivers/fake.h"

#include "common/wire/ipv4.h"

#include <sys/mman.h>
#include <unistd.h>

uint32_t fake_segment(uint8_t *frame, uint32_t number, uint32_t n)
{
	uint32_t l4_len = TCP_HDR_LEN + n * FAKE_PAYLOAD;
	struct be32 address = be32_from_host(0xc0000201);
	struct ipv4_hdr ip = {
	        .version_ihl = 0x45,
	        .total_len = be16_from_host((uint16_t)(IPV4_HDR_LEN + l4_len)),
	        .ttl = 64,
	        .proto = IP_PROTO_TCP,
	        .src = address,
	        .dst = address,
	};
	struct tcp_hdr tcp = {
	        .seq = be32_from_host(number * FAKE_PAYLOAD),
	        .data_offset = TCP_HDR_LEN / 4 << 4,
	        .flags = TCP_ACK,
	        .checksum = csum_fold(csum_pseudo_ipv4(address, address, IP_PROTO_TCP, l4_len)),
	};

	ip.checksum = csum_finish(csum_bytes(CSUM_ZERO, &ip, sizeof ip));
	for (uint32_t k = 0; k < n; k++)
		memset(frame + FAKE_FRAME + k * FAKE_PAYLOAD - FAKE_PAYLOAD, (uint8_t)(number + k),
		        FAKE_PAYLOAD);
	wire_store_u16(frame + ETHER_HDR_LEN - 2, ETHER_TYPE_IPV4);
	memcpy(frame + ETHER_HDR_LEN, &ip, sizeof ip);
	memcpy(frame + ETHER_HDR_LEN + sizeof ip, &tcp, sizeof tcp);
	return ETHER_HDR_LEN + IPV4_HDR_LEN + l4_len;
}

void fake_free(struct fake *f)
{
	munmap(f->map, f->bytes);
	close(f->fd);
}
