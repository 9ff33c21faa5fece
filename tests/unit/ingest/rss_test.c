#include "services/ingest/nic/rss.h"

#include "common/wire/dissect.h"
#include "tests/unit/ingest/lab.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

/* Microsoft, "Verifying the RSS Hash Calculation". */
static const uint8_t microsoft_key[RSS_KEY_BYTES] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41,
        0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
        0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static const struct vector {
	const char *dst;
	const char *src;
	uint16_t dst_port;
	uint16_t src_port;
	uint32_t of_addresses;
	uint32_t of_ports;
} vectors[] = {
        {"161.142.100.80", "66.9.149.187", 1766, 2794, 0x323e8fc2, 0x51ccc178},
        {"65.69.140.83", "199.92.111.2", 4739, 14230, 0xd718262a, 0xc626b0ea},
        {"12.22.207.184", "24.19.198.95", 38024, 12898, 0xd2d0a5de, 0x5c2b394a},
        {"209.142.163.6", "38.27.205.30", 2217, 48228, 0x82989176, 0xafc7327f},
        {"202.188.127.2", "153.39.163.191", 1303, 44251, 0x5d1809c5, 0x10e828a2},
        {"3ffe:2501:200:3::1", "3ffe:2501:200:1fff::7", 1766, 2794, 0x2cc18cd5, 0x40207d3d},
        {"ff02::1", "3ffe:501:8::260:97ff:fe40:efab", 4739, 14230, 0x0f0c461c, 0xdde51bbf},
        {"fe80::200:f8ff:fe21:67cf", "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 38024, 44251, 0x4b61e985,
                0x02d1feef},
};

Test(rss, gives_the_published_hashes_with_the_published_key)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		int family = strchr(v->dst, ':') ? AF_INET6 : AF_INET;
		uint32_t n = family == AF_INET ? 4 : 16;
		uint8_t in[36];

		cr_assert_eq(inet_pton(family, v->src, in), 1);
		cr_assert_eq(inet_pton(family, v->dst, in + n), 1);
		wire_store_u16(in + 2 * n, v->src_port);
		wire_store_u16(in + 2 * n + 2, v->dst_port);
		cr_assert_eq(rss_toeplitz(microsoft_key, in, 2 * n), v->of_addresses);
		cr_assert_eq(rss_toeplitz(microsoft_key, in, 2 * n + 4), v->of_ports);
	}
}

Test(rss, short_way_is_toeplitz_with_the_symmetric_key)
{
	for (uint32_t words = 0; words <= UINT16_MAX; words++) {
		uint16_t x = (uint16_t)words;

		cr_assert_eq(rss_symmetric(x), rss_toeplitz(rss_symmetric_key, &x, 2));
	}
	for (uint64_t random = 1, round = 0; round < 1000; round++) {
		uint16_t in[18], sum = 0;

		for (uint32_t i = 0; i < ARRAY_LEN(in); i++)
			sum ^= in[i] = (uint16_t)(random_next(&random) >> 13);
		cr_assert_eq(rss_symmetric(sum), rss_toeplitz(rss_symmetric_key, in, sizeof in));
	}
}

/* What the hash is to be, from the dissected frame and the definition. */
static uint32_t oracle(const uint8_t *frame, uint32_t len)
{
	struct dissect d;
	uint8_t in[36];
	uint32_t n;

	dissect_frame(frame, len, &d);
	if (d.l3 != DISSECT_IPV4 && d.l3 != DISSECT_IPV6)
		return 0;
	n = d.l3 == DISSECT_IPV4 ? 4 : 16;
	memcpy(in, frame + d.src_offset, n);
	memcpy(in + n, frame + d.dst_offset, n);
	n *= 2;
	if (d.flags & DISSECT_PORTS && d.fragment == DISSECT_WHOLE) {
		wire_store_u16(in + n, d.src_port);
		wire_store_u16(in + n + 2, d.dst_port);
		n += 4;
	}
	return rss_toeplitz(rss_symmetric_key, in, n);
}

static uint32_t put_ipv4(uint8_t *ip, uint64_t *random, uint32_t room)
{
	static const uint8_t protos[] = {6, 17, 1, 132, 47};
	uint64_t r = random_next(random);

	for (uint32_t i = 0; i < room; i++)
		ip[i] = (uint8_t)(random_next(random) >> 20);
	ip[0] = (uint8_t)(r % 8 ? 0x45 : 0x40 | (r >> 8) % 16);
	wire_store_u16(ip + 2, (uint16_t)((r >> 12) % 4 ? room : (r >> 16) % (room + 8)));
	wire_store_u16(ip + 6, (uint16_t)((r >> 28) % 4 ? ((r >> 30) % 2 ? 0x4000 : 0) : (r >> 31) & 0x3fff));
	ip[9] = protos[(r >> 48) % ARRAY_LEN(protos)];
	return 0x0800;
}

static uint32_t put_ipv6(uint8_t *ip, uint64_t *random, uint32_t room)
{
	static const uint8_t protos[] = {6, 17, 58, 44, 0, 43};
	uint64_t r = random_next(random);

	for (uint32_t i = 0; i < room; i++)
		ip[i] = (uint8_t)(random_next(random) >> 20);
	ip[0] = (uint8_t)(r % 8 ? 0x60 : r >> 8);
	wire_store_u16(ip + 4, (uint16_t)((r >> 12) % 4 && room >= 40 ? room - 40 : (r >> 16) % (room + 8)));
	ip[6] = protos[(r >> 48) % ARRAY_LEN(protos)];
	return 0x86dd;
}

Test(rss, hashes_any_frame_as_the_definition_over_its_dissection)
{
	uint64_t random = 0x5eed;
	uint32_t with_hash = 0;
	uint8_t frame[256];

	for (uint32_t round = 0; round < 200000; round++) {
		uint64_t r = random_next(&random);
		uint32_t at = r % 4 ? 14 : 18, room = 1 + (uint32_t)(r >> 8) % 120, type;

		memset(frame, 0, sizeof frame);
		if (room < 40 && r >> 40 & 7)
			room += 40;
		type = r >> 32 & 1 ? put_ipv4(frame + at, &random, MAX(room, 20u))
		                   : put_ipv6(frame + at, &random, MAX(room, 40u));
		if (at == 18)
			wire_store_u16(frame + 12, 0x8100);
		wire_store_u16(frame + at - 2, (uint16_t)(r >> 36 & 15 ? type : type + 1));
		cr_assert_eq(rss_frame(frame, at + room), oracle(frame, at + room), "round %u", round);
		with_hash += rss_frame(frame, at + room) != 0;
	}
	cr_assert_gt(with_hash, 100000);
	cr_assert_eq(rss_frame(frame, 13), 0);
}

static void swap(uint8_t *a, uint8_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t x = a[i];

		a[i] = b[i];
		b[i] = x;
	}
}

Test(rss, keeps_both_directions_of_a_flow_together)
{
	uint64_t random = 77;
	uint32_t differ = 0;
	uint8_t frame[64];

	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t there;

		make_frame(frame, sizeof frame, i);
		for (uint32_t k = 26; k < 38; k++)
			frame[k] = (uint8_t)(random_next(&random) >> 9);
		there = rss_frame(frame, sizeof frame);
		differ += there % RSS_TABLE != 0;
		swap(frame + 26, frame + 30, 4);
		swap(frame + 34, frame + 36, 2);
		cr_assert_eq(rss_frame(frame, sizeof frame), there);
	}
	cr_assert_gt(differ, 950);
}

Test(rss, keeps_all_fragments_of_a_datagram_together)
{
	uint8_t frame[64];
	uint32_t first;

	make_frame(frame, sizeof frame, 3);
	wire_store_u16(frame + 20, 0x2000);
	first = rss_frame(frame, sizeof frame);
	wire_store_u16(frame + 20, 0x0005);
	memset(frame + 34, 0xee, 20);
	cr_assert_eq(rss_frame(frame, sizeof frame), first);
}

Test(rss, shares_the_table_out_evenly)
{
	uint8_t lane[RSS_TABLE];
	uint32_t count[8] = {0};

	rss_table(lane, 8);
	for (uint32_t i = 0; i < RSS_TABLE; i++)
		count[lane[i]]++;
	for (uint32_t i = 0; i < 8; i++)
		cr_assert_eq(count[i], RSS_TABLE / 8);
}
