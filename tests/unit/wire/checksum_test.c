#include <criterion/criterion.h>

#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "tests/unit/wire/guard.h"
#include "tests/unit/wire/naive.h"

static void fill(uint8_t *b, uint32_t len, uint64_t *seed)
{
	for (uint32_t i = 0; i < len; i++)
		b[i] = (uint8_t)(random_next(seed) >> 56);
}

static uint16_t fold(struct csum sum)
{
	return be16_to_host(csum_fold(sum));
}

/* RFC 1071 3: the example sums to ddf2. */
Test(checksum, gives_the_example_of_rfc1071)
{
	const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	struct csum sum = csum_bytes(CSUM_ZERO, example, sizeof example);

	cr_assert_eq(fold(sum), 0xddf2);
	cr_assert_eq(be16_to_host(csum_finish(sum)), 0x220d);
}

Test(checksum, agrees_with_the_naive_sum_at_every_length_and_alignment)
{
	uint64_t seed = 1;

	for (uint32_t len = 0; len <= 700; len++) {
		for (uint32_t shift = 0; shift < 9; shift += 4) {
			uint8_t *b = guard_zeros(len + shift);

			fill(b, len, &seed);
			cr_assert_eq(fold(csum_bytes(CSUM_ZERO, b, len)), naive_sum(b, len), "%u bytes", len);
		}
	}
}

Test(checksum, agrees_with_the_naive_sum_on_long_buffers_of_ones)
{
	uint8_t *b = guard_zeros(GUARD_MAX);

	memset(b, 0xff, GUARD_MAX);
	for (uint32_t len = GUARD_MAX - 300; len <= GUARD_MAX; len += 7)
		cr_assert_eq(fold(csum_bytes(CSUM_ZERO, b + GUARD_MAX - len, len)), naive_sum(b, len));
}

Test(checksum, agrees_with_the_naive_sum_on_random_lengths)
{
	uint64_t seed = 2;

	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t len = (uint32_t)(random_next(&seed) % 9001);
		uint8_t *b = guard_zeros(len);

		fill(b, len, &seed);
		cr_assert_eq(fold(csum_bytes(CSUM_ZERO, b, len)), naive_sum(b, len), "%u bytes", len);
	}
}

Test(checksum, of_pieces_is_that_of_the_whole)
{
	uint64_t seed = 3;
	uint8_t b[1600];

	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t len = (uint32_t)(random_next(&seed) % sizeof b), done = 0;
		struct csum sum = CSUM_ZERO;

		fill(b, len, &seed);
		while (done < len) {
			uint32_t piece = (uint32_t)(random_next(&seed) % (len - done) + 1);

			sum = csum_append(sum, done, b + done, piece);
			done += piece;
		}
		cr_assert_eq(fold(sum), naive_sum(b, len));
	}
}

Test(checksum, keeps_carries_of_full_sums)
{
	cr_assert_eq(csum_fold(csum_add_u64((struct csum){UINT64_MAX}, 1)).raw, 1);
	cr_assert_eq(fold(csum_add((struct csum){UINT64_MAX}, (struct csum){UINT64_MAX})), UINT16_MAX);
	cr_assert_eq(fold((struct csum){UINT64_MAX}), UINT16_MAX);
	cr_assert_eq(csum_fold((struct csum){UINT64_C(0xffff0000ffff0001)}).raw, 1);
}

/* The pseudo-headers as bytes, in the layout of RFC 9293 3.1 and RFC 8200 8.1. */
Test(checksum, of_pseudo_headers_is_that_of_their_bytes)
{
	uint64_t seed = 4;

	for (uint32_t round = 0; round < 2000; round++) {
		uint8_t v4[12], v6[40];
		struct be32 src, dst;
		struct ip6_addr src6, dst6;
		uint32_t len = (uint32_t)random_next(&seed) & (round % 2 ? 0xffff : 0xffffffff);

		fill(v4, sizeof v4, &seed);
		fill(v6, sizeof v6, &seed);
		v4[8] = v6[36] = v6[37] = v6[38] = 0;
		memcpy(&src, v4, 4);
		memcpy(&dst, v4 + 4, 4);
		memcpy(&src6, v6, 16);
		memcpy(&dst6, v6 + 16, 16);
		memcpy(v4 + 10, &(struct be16){be16_from_host((uint16_t)len).raw}, 2);
		memcpy(v6 + 32, &(struct be32){be32_from_host(len).raw}, 4);
		cr_assert_eq(fold(csum_pseudo_ipv4(src, dst, v4[9], len & 0xffff)), naive_sum(v4, 12));
		cr_assert_eq(fold(csum_pseudo_ipv6(&src6, &dst6, v6[39], len)), naive_sum(v6, 40));
	}
}

/* RFC 1624 4: the case in which equation 2 gives ffff, where 0000 is right. */
Test(checksum, gives_the_example_of_rfc1624)
{
	struct be16 check = be16_from_host(0xdd2f);

	check = csum_replace_be16(check, be16_from_host(0x5555), be16_from_host(0x3285));
	cr_assert_eq(be16_to_host(check), 0x0000);
}

/* Exactly what a new sum gives: never ffff for 0 (RFC 1624 3). */
static void assert_incremental(const uint8_t *b, uint32_t len, struct be16 check)
{
	cr_assert_eq(check.raw, csum_finish(csum_bytes(CSUM_ZERO, b, len)).raw);
}

Test(checksum, incremental_updates_agree_with_a_new_sum)
{
	uint64_t seed = 5;
	uint8_t b[64];

	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t at = (uint32_t)(random_next(&seed) % 20 * 2);
		struct ip6_addr was, now;
		struct be16 check;

		fill(b, sizeof b, &seed);
		if (round % 4 == 0)
			memset(b + at, round % 8 ? 0xff : 0, 4);
		check = csum_finish(csum_bytes(CSUM_ZERO, b, sizeof b));
		memcpy(&was, b + at, 16);
		fill(now.b, 16, &seed);
		if (round % 3 == 0)
			memset(&now, round % 6 ? 0xff : 0, sizeof now);
		memcpy(b + at, &now, 2);
		assert_incremental(b, sizeof b, csum_replace_be16(check, was.w16[0], now.w16[0]));
		memcpy(b + at, &now, 4);
		assert_incremental(b, sizeof b, csum_replace_be32(check, was.w32[0], now.w32[0]));
		memcpy(b + at, &now, 16);
		assert_incremental(b, sizeof b, csum_replace_ip6(check, &was, &now));
	}
}

Test(checksum, follows_the_ttl_down_for_every_ttl_and_checksum)
{
	for (uint32_t ttl = 1; ttl < 256; ttl++) {
		for (uint32_t rest = 0; rest < 65536; rest += 3) {
			uint8_t word[4] = {(uint8_t)ttl, 17, (uint8_t)(rest >> 8), (uint8_t)rest};
			struct be16 check = csum_finish(csum_bytes(CSUM_ZERO, word, 4));

			word[0]--;
			cr_assert_eq(csum_ttl_decrement(check).raw,
			        csum_finish(csum_bytes(CSUM_ZERO, word, 4)).raw, "ttl %u rest %u", ttl, rest);
		}
	}
}

Test(checksum, tells_good_partial_and_bad_apart)
{
	uint64_t seed = 6;
	uint8_t b[200];

	for (uint32_t round = 0; round < 5000; round++) {
		uint32_t len = (uint32_t)(random_next(&seed) % 150 + 20);
		struct csum pseudo = csum_pseudo_ipv4((struct be32){(uint32_t)random_next(&seed)},
		        (struct be32){(uint32_t)random_next(&seed)}, IP_PROTO_TCP, len);
		struct be16 partial = csum_fold(pseudo), whole;

		fill(b, len, &seed);
		memcpy(b + 16, &partial, 2);
		cr_assert_eq(csum_verify(pseudo, b, len, 16), CSUM_PARTIAL);
		whole = csum_complete(pseudo, b, len, 16);
		memcpy(b + 16, &whole, 2);
		cr_assert_eq(csum_verify(pseudo, b, len, 16), CSUM_GOOD);
		b[len / 2] ^= 0x10;
		cr_assert_eq(csum_verify(pseudo, b, len, 16), CSUM_BAD);
	}
}

Test(checksum, is_never_zero_where_zero_means_none)
{
	const uint8_t ones[2] = {0xff, 0xff};
	struct csum sum = csum_bytes(CSUM_ZERO, ones, 2);

	cr_assert_eq(csum_finish(sum).raw, 0);
	cr_assert_eq(csum_finish_nonzero(sum).raw, UINT16_MAX);
	cr_assert_eq(be16_to_host(csum_finish_nonzero(CSUM_ZERO)), UINT16_MAX);
}
