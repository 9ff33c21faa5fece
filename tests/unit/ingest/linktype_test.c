#include "services/ingest/nic/linktype.h"

#include "services/ingest/nic/capture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct mac_addr port = {{0x02, 0xaa, 0, 0, 0, 0x0f}};

#define IPV4(dst0, dst1, dst2, dst3)                                                                         \
	0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, dst0, dst1, dst2, dst3
#define IPV6(first, last)                                                                                    \
	0x60, 0, 0, 0, 0, 0, 59, 64, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, first, 2, 0, 0,   \
	        0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, last
#define OURS   0x02, 0xaa, 0, 0, 0, 0x0f
#define SOURCE 0x02, 0x53, 0x4c, 0, 0, 1

static const struct conversion {
	uint32_t link;
	uint32_t skip; /* what of `in` is gone */
	uint32_t len;
	uint8_t in[64];
	uint8_t head[14];
	uint8_t unused[2];
} conversions[] = {
        {101, 0, 20, {IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {101, 0, 20, {IPV4(255, 255, 255, 255)}, {255, 255, 255, 255, 255, 255, SOURCE, 0x08, 0x00}},
        {12, 0, 20, {IPV4(239, 0x81, 2, 3)}, {1, 0, 0x5e, 1, 2, 3, SOURCE, 0x08, 0x00}},
        {14, 0, 40, {IPV6(0xff, 4)}, {0x33, 0x33, 1, 2, 3, 4, SOURCE, 0x86, 0xdd}},
        {101, 0, 40, {IPV6(0x20, 4)}, {OURS, SOURCE, 0x86, 0xdd}},
        {101, 0, 1, {0x10}, {OURS, SOURCE, 0x88, 0xb5}},
        {101, 0, 0, {0}, {OURS, SOURCE, 0x88, 0xb5}},
        {101, 0, 19, {IPV4(239, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {228, 0, 20, {IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {229, 0, 40, {IPV6(0x20, 4)}, {OURS, SOURCE, 0x86, 0xdd}},
        {0, 4, 24, {2, 0, 0, 0, IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {108, 4, 24, {0, 0, 0, 2, IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {0, 4, 44, {0, 0, 0, 30, IPV6(0x20, 4)}, {OURS, SOURCE, 0x86, 0xdd}},
        {0, 4, 44, {24, 0, 0, 0, IPV6(0x20, 4)}, {OURS, SOURCE, 0x86, 0xdd}},
        {0, 4, 6, {77, 0, 0, 0, 1, 2}, {OURS, SOURCE, 0x88, 0xb5}},
        {0, 3, 3, {2, 0, 0}, {OURS, SOURCE, 0x88, 0xb5}},
        {9, 4, 24, {0xff, 3, 0, 0x21, IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {50, 2, 42, {0, 0x57, IPV6(0x20, 4)}, {OURS, SOURCE, 0x86, 0xdd}},
        {9, 4, 6, {0xff, 3, 0xc0, 0x21, 1, 2}, {OURS, SOURCE, 0x88, 0xb5}},
        {9, 1, 1, {0}, {OURS, SOURCE, 0x88, 0xb5}},
        {104, 4, 24, {0x0f, 0, 0x08, 0, IPV4(10, 0, 0, 2)}, {OURS, SOURCE, 0x08, 0x00}},
        {104, 3, 3, {0x0f, 0, 0x08}, {OURS, SOURCE, 0x88, 0xb5}},
        {113, 16, 36, {0, 0, 0, 1, 0, 6, 2, 4, 6, 8, 10, 12, 0, 0, 0x08, 0, IPV4(10, 0, 0, 2)},
                {OURS, 2, 4, 6, 8, 10, 12, 0x08, 0x00}},
        {113, 16, 18, {0, 0, 0, 1, 0, 0, 2, 4, 6, 8, 10, 12, 0, 0, 0, 4, 0xaa, 0xbb}, {OURS, SOURCE, 0, 2}},
        {113, 16, 18, {0, 0, 0, 1, 0, 0, 2, 4, 6, 8, 10, 12, 0, 0, 0, 9, 0xaa, 0xbb},
                {OURS, SOURCE, 0x88, 0xb5}},
        {113, 15, 15, {0}, {OURS, SOURCE, 0x88, 0xb5}},
        {276, 20, 40, {0x08, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 4, 6, 8, 10, 12, 0, 0, IPV4(10, 0, 0, 2)},
                {OURS, 2, 4, 6, 8, 10, 12, 0x08, 0x00}},
        {276, 10, 10, {0x08, 0}, {OURS, SOURCE, 0x88, 0xb5}},
};

Test(linktype, puts_an_ethernet_header_before_anything)
{
	for (size_t i = 0; i < ARRAY_LEN(conversions); i++) {
		const struct conversion *c = &conversions[i];
		uint32_t len = c->len - c->skip + 14;
		uint8_t *in = malloc(c->len + !c->len), *out = malloc(len);

		cr_assert(linktype_known((uint16_t)c->link));
		memcpy(in, c->in, c->len);
		cr_assert_eq(linktype_len((uint16_t)c->link, in, c->len), len, "conversion %zu", i);
		linktype_copy((uint16_t)c->link, in, c->len, &port, out);
		cr_assert_eq(memcmp(out, c->head, 14), 0, "conversion %zu", i);
		cr_assert_eq(memcmp(out + 14, in + c->skip, c->len - c->skip), 0);
		free(in);
		free(out);
	}
}

Test(linktype, leaves_ethernet_alone)
{
	uint8_t out[5];

	cr_assert_eq(linktype_len(1, (const uint8_t *)"frame", 5), 5);
	linktype_copy(1, (const uint8_t *)"frame", 5, &port, out);
	cr_assert_eq(memcmp(out, "frame", 5), 0);
}

Test(linktype, does_not_know_all)
{
	cr_assert_not(linktype_known(105));
	cr_assert_not(linktype_known(UINT16_MAX));
}

Test(linktype, stays_within_any_short_frame)
{
	uint64_t random = 9;

	for (uint32_t link = 0; link < 300; link++)
		for (uint32_t len = 0; linktype_known((uint16_t)link) && len < 64; len++) {
			uint8_t *in = malloc(len + !len), *out;
			uint32_t n;

			for (uint32_t i = 0; i < len; i++)
				in[i] = (uint8_t)(random_next(&random) >> 11);
			n = linktype_len((uint16_t)link, in, len);
			cr_assert_leq(n, len + 14);
			out = malloc(n + !n);
			linktype_copy((uint16_t)link, in, len, &port, out);
			free(in);
			free(out);
		}
}
