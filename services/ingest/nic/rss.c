#include "services/ingest/nic/rss.h"

#include "common/wire/dissect.h"

const uint8_t rss_symmetric_key[RSS_KEY_BYTES] = {0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
        0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d,
        0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a};

/* What bit i of a word, counted from its first, adds to the hash: 16 bits of the key from there on. */
#define R(i) (uint16_t)(0x6d5au << ((i) % 16) | 0x6d5au >> ((16 - (i)) % 16))

/* All sums of the parts of eight bits, the last of which is the lowest of the index. */
#define S1(x, i) (x), (uint16_t)((x) ^ R(i))
#define S2(x, i) S1(x, i), S1((uint16_t)((x) ^ R((i)-1)), i)
#define S3(x, i) S2(x, i), S2((uint16_t)((x) ^ R((i)-2)), i)
#define S4(x, i) S3(x, i), S3((uint16_t)((x) ^ R((i)-3)), i)
#define S5(x, i) S4(x, i), S4((uint16_t)((x) ^ R((i)-4)), i)
#define S6(x, i) S5(x, i), S5((uint16_t)((x) ^ R((i)-5)), i)
#define S7(x, i) S6(x, i), S6((uint16_t)((x) ^ R((i)-6)), i)
#define S8(x, i) S7(x, i), S7((uint16_t)((x) ^ R((i)-7)), i)

static const uint16_t of_first_byte[256] = {S8(0, 7)};
static const uint16_t of_second_byte[256] = {S8(0, 15)};

uint32_t rss_toeplitz(const uint8_t key[RSS_KEY_BYTES], const void *bytes, uint32_t len)
{
	const uint8_t *b = bytes;
	uint32_t hash = 0,
	         window = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];

	assert(len + 4 <= RSS_KEY_BYTES);
	for (uint32_t i = 0; i < len * 8; i++) {
		if (b[i / 8] >> (7 - i % 8) & 1)
			hash ^= window;
		window = window << 1 | (key[i / 8 + 4] >> (7 - i % 8) & 1u);
	}
	return hash;
}

static always_inline uint32_t symmetric(uint16_t words)
{
	uint32_t half = of_first_byte[words & 0xff] ^ of_second_byte[words >> 8];

	return half << 16 | half;
}

uint32_t rss_symmetric(uint16_t words)
{
	return symmetric(words);
}

static always_inline uint16_t fold(uint64_t x)
{
	x ^= x >> 32;
	return (uint16_t)(x ^ x >> 16);
}

/* Any frame. */
static uint32_t hash_dissected(const uint8_t *frame, uint32_t len)
{
	struct dissect d;
	uint64_t sum = 0;
	uint32_t addr_bytes;

	dissect_frame(frame, len, &d);
	if (d.l3 != DISSECT_IPV4 && d.l3 != DISSECT_IPV6)
		return 0;
	addr_bytes = d.l3 == DISSECT_IPV4 ? 4 : 16;
	for (uint32_t i = 0; i < addr_bytes; i += 4)
		sum ^= wire_load_raw32(frame + d.src_offset + i) ^ wire_load_raw32(frame + d.dst_offset + i);
	if (d.flags & DISSECT_PORTS && d.fragment == DISSECT_WHOLE)
		sum ^= (uint64_t)__builtin_bswap16(d.src_port) ^ __builtin_bswap16(d.dst_port);
	return symmetric(fold(sum));
}

#define RAW16(x) __builtin_bswap16(x)

/* Whole, untagged TCP and UDP without options: nearly all frames. */
static always_inline bool plain_ipv4(const uint8_t *ip, uint32_t room)
{
	uint32_t total;

	if (room < 40 || ip[0] != 0x45 || wire_load_raw16(ip + 6) & RAW16(0x3fff))
		return false;
	total = wire_load_u16(ip + 2);
	return total <= room &&
	       ((ip[9] == IP_PROTO_TCP && total >= 40) || (ip[9] == IP_PROTO_UDP && total >= 28));
}

static always_inline bool plain_ipv6(const uint8_t *ip, uint32_t room)
{
	uint32_t payload;

	if (room < 60 || ip[0] >> 4 != 6)
		return false;
	payload = wire_load_u16(ip + 4);
	return payload + 40 <= room &&
	       ((ip[6] == IP_PROTO_TCP && payload >= 20) || (ip[6] == IP_PROTO_UDP && payload >= 8));
}

uint32_t rss_frame(const void *frame, uint32_t len)
{
	const uint8_t *b = frame, *ip = b + ETHER_HDR_LEN;
	uint16_t type;

	if (unlikely(len < ETHER_HDR_LEN))
		return 0;
	type = wire_load_raw16(b + 12);
	if (type == RAW16(ETHER_TYPE_IPV4) && plain_ipv4(ip, len - ETHER_HDR_LEN))
		return symmetric(fold(load_u64(ip + 12) ^ load_u32(ip + 20)));
	if (type == RAW16(ETHER_TYPE_IPV6) && plain_ipv6(ip, len - ETHER_HDR_LEN))
		return symmetric(fold(load_u64(ip + 8) ^ load_u64(ip + 16) ^ load_u64(ip + 24) ^
		                      load_u64(ip + 32) ^ load_u32(ip + 40)));
	return hash_dissected(b, len);
}

void rss_table(uint8_t lane[RSS_TABLE], uint32_t lanes)
{
	for (uint32_t i = 0; i < RSS_TABLE; i++)
		lane[i] = (uint8_t)(i % lanes);
}
