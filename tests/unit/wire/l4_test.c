#include <criterion/criterion.h>

#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "tests/unit/wire/guard.h"

Test(udp, reads_what_it_wrote)
{
	const struct csum pseudo = csum_pseudo_ipv4(
	        (struct be32){0x010200c0}, (struct be32){0x020200c0}, IP_PROTO_UDP, 11);
	uint8_t *b = guard_zeros(11);
	struct udp_view v;

	cr_assert_eq(udp_write(b, 0x1234, 53, 3), UDP_HDR_LEN);
	cr_assert_eq(memcmp(b, "\x12\x34\0\x35\0\x0b\0\0", 8), 0);
	cr_assert_eq(udp_check(b, 11, &v), UDP_OK);
	cr_assert(v.src_port == 0x1234 && v.dst_port == 53 && v.len == 11 && !udp_has_checksum(&v));
	memcpy(b + 8, (uint8_t[]){'a', 'b', 'c'}, 3);
	udp_checksum_set(b, 11, pseudo);
	cr_assert_eq(udp_check(b, 11, &v), UDP_OK);
	cr_assert(udp_has_checksum(&v));
	cr_assert_eq(csum_verify(pseudo, b, 11, UDP_CHECKSUM_FIELD), CSUM_GOOD);
	b[9]++;
	cr_assert_eq(csum_verify(pseudo, b, 11, UDP_CHECKSUM_FIELD), CSUM_BAD);
}

Test(udp, judges_its_length)
{
	struct udp_view v;

	for (uint32_t len = 0; len < 8; len++) {
		cr_assert_eq(udp_check(guard_zeros(len), len, &v), UDP_TRUNCATED);
		cr_assert_eq(udp_check_ipv6(guard_zeros(len), len, &v), UDP_TRUNCATED);
	}
	for (uint32_t said = 0; said < 20; said++) {
		uint8_t *b = guard_zeros(12);

		b[5] = (uint8_t)said;
		b[6] = 1;
		cr_assert_eq(udp_check(b, 12, &v), said < 8 || said > 12 ? UDP_LENGTH : UDP_OK);
		cr_assert_eq(udp_check_ipv6(b, 12, &v),
		        said != 0 && (said < 8 || said > 12) ? UDP_LENGTH : UDP_OK);
		cr_assert_eq(v.len, said == 0 ? 12 : said);
	}
}

Test(udp, needs_a_checksum_over_ipv6)
{
	uint8_t *b = guard_zeros(8);
	struct udp_view v;

	udp_write(b, 1, 2, 0);
	cr_assert_eq(udp_check_ipv6(b, 8, &v), UDP_NO_CHECKSUM);
	b[5] = 0;
	cr_assert_eq(udp_check_ipv6(b, 8, &v), UDP_NO_CHECKSUM);
	b[7] = 1;
	cr_assert_eq(udp_check_ipv6(b, 8, &v), UDP_OK);
}

static const struct tcp_fields fields = {
        .seq = {0x01020304},
        .ack = {0xf1f2f3f4},
        .src_port = 0x1234,
        .dst_port = 80,
        .window = 0xabcd,
        .flags = TCP_ACK | TCP_PSH,
        .header_len = TCP_HDR_LEN,
};

Test(tcp, reads_what_it_wrote)
{
	const struct csum pseudo = csum_pseudo_ipv4((struct be32){1}, (struct be32){2}, IP_PROTO_TCP, 25);
	uint8_t *b = guard_zeros(25);
	struct tcp_view v;

	cr_assert_eq(tcp_write(b, &fields), TCP_HDR_LEN);
	cr_assert_eq(memcmp(b, "\x12\x34\0\x50\1\2\3\4\xf1\xf2\xf3\xf4\x50\x18\xab\xcd\0\0\0\0", 20), 0);
	memcpy(b + 18, (uint8_t[]){1, 2, 'h', 'e', 'l', 'l', 'o'}, 7);
	tcp_checksum_set(b, 25, pseudo);
	cr_assert_eq(tcp_check(b, 25, &v), TCP_OK);
	cr_assert(v.src_port == 0x1234 && v.dst_port == 80 && v.seq.v == 0x01020304 && v.ack.v == 0xf1f2f3f4);
	cr_assert(v.window == 0xabcd && v.flags == (TCP_ACK | TCP_PSH) && v.header_len == 20 && v.len == 25);
	cr_assert(v.urgent == 0x0102 && !tcp_has_options(&v) && tcp_seq_len(&v) == 5);
	cr_assert_eq(memcmp(&v.checksum, b + 16, 2), 0);
	cr_assert_eq(csum_verify(pseudo, b, 25, TCP_CHECKSUM_FIELD), CSUM_GOOD);
}

Test(tcp, judges_its_data_offset)
{
	struct tcp_view v;

	for (uint32_t len = 0; len < 20; len++)
		cr_assert_eq(tcp_check(guard_zeros(len), len, &v), TCP_TRUNCATED);
	for (uint32_t words = 0; words < 16; words++) {
		uint8_t *b = guard_zeros(32);

		b[12] = (uint8_t)(words << 4 | 0x0f);
		cr_assert_eq(tcp_check(b, 32, &v), words < 5 || words > 8 ? TCP_DATA_OFFSET : TCP_OK);
		cr_assert_eq(v.header_len, words * 4);
	}
}

Test(tcp, counts_syn_and_fin_in_the_sequence_space)
{
	struct tcp_view v = {.len = 30, .header_len = 20, .flags = TCP_SYN | TCP_FIN};

	cr_assert_eq(tcp_seq_len(&v), 12);
	v.flags = TCP_SYN;
	cr_assert_eq(tcp_seq_len(&v), 11);
	v.flags = TCP_ACK | TCP_RST | TCP_PSH;
	cr_assert_eq(tcp_seq_len(&v), 10);
}

Test(tcp, compares_sequence_numbers_over_the_wrap)
{
	const struct tcp_seq a = {0xfffffff0}, b = tcp_seq_add(a, 0x20);

	cr_assert_eq(b.v, 0x10);
	cr_assert(tcp_seq_before(a, b) && !tcp_seq_before(b, a) && !tcp_seq_before(a, a));
	cr_assert(tcp_seq_diff(b, a) == 32 && tcp_seq_diff(a, b) == -32);
}

/* --- Options: padded with zeros to a word, ending at the guard. --- */

static enum tcp_options_flaw options(const char *bytes, uint32_t len, struct tcp_options_view *o)
{
	uint32_t header_len = 20 + ALIGN_UP(len, 4u);
	uint8_t *b = guard_zeros(header_len);

	memcpy(b + 20, bytes, len);
	return tcp_options_check(b, header_len, o);
}

#define OPTIONS(text, o) options(text, sizeof(text) - 1, o)

Test(tcp_options, finds_those_of_a_syn)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7", &o), TCP_OPTIONS_OK);
	cr_assert(o.mss == 1460 && o.mss_offset == 20 && o.sack_permitted && o.has_timestamps &&
	          o.ts_value == 1);
	cr_assert(o.has_wscale && o.wscale == 7 && o.ts_echo == 0 && o.sack_count == 0 && !o.has_signature);
}

Test(tcp_options, finds_aligned_timestamps)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\1\1\x08\x0a\1\2\3\4\5\6\7\x08", &o), TCP_OPTIONS_OK);
	cr_assert(o.has_timestamps && o.ts_value == 0x01020304 && o.ts_echo == 0x05060708 && o.mss == 0);
	/* The same length, and something else. */
	cr_assert_eq(OPTIONS("\1\1\5\x0a\1\2\3\4\5\6\7\x08", &o), TCP_OPTIONS_OK);
	cr_assert(!o.has_timestamps && o.sack_count == 1 && o.sack[0].left.v == 0x01020304);
}

Test(tcp_options, finds_sack_blocks)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\1\1\5\x22"
	                     "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0\x08",
	                     &o),
	        TCP_OPTIONS_OK);
	cr_assert_eq(o.sack_count, 4);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert(o.sack[i].left.v == 2 * i + 1 && o.sack[i].right.v == 2 * i + 2);
}

Test(tcp_options, ignores_known_ones_of_wrong_lengths)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\2\3\5\3\4\7\1\4\3\0\5\2\5\4\0\0\x08\4\0\0", &o), TCP_OPTIONS_OK);
	cr_assert(o.mss_offset == 0 && !o.has_wscale && !o.sack_permitted && o.sack_count == 0 &&
	          !o.has_timestamps);
}

Test(tcp_options, passes_over_unknown_ones_and_stops_at_the_end)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\x22\6abcd\2\4\5\xb4\0\3", &o), TCP_OPTIONS_OK);
	cr_assert(o.mss == 1460 && o.mss_offset == 26);
	cr_assert_eq(OPTIONS("\x13\4ab\x1d\4cd", &o), TCP_OPTIONS_OK);
	cr_assert(o.has_signature);
	cr_assert_eq(OPTIONS("", &o), TCP_OPTIONS_OK);
}

Test(tcp_options, refuses_lengths_that_do_not_hold)
{
	struct tcp_options_view o;

	cr_assert_eq(OPTIONS("\2\4\5\xb4\1\1\1\3", &o), TCP_OPTIONS_LENGTH);
	cr_assert_eq(o.mss, 1460);
	cr_assert_eq(OPTIONS("\3\0\1\1", &o), TCP_OPTIONS_LENGTH);
	cr_assert_eq(OPTIONS("\3\1\1\1", &o), TCP_OPTIONS_LENGTH);
	cr_assert_eq(OPTIONS("\1\3\4\1", &o), TCP_OPTIONS_LENGTH);
	cr_assert_eq(OPTIONS("\1\3\3\1", &o), TCP_OPTIONS_OK);
}

/* RFC 9293 3.10.7.1. */
Test(tcp_reset, takes_the_numbers_that_the_sender_expects)
{
	struct tcp_view in = {.seq = {100},
	                        .ack = {7000},
	                        .len = 30,
	                        .header_len = 20,
	                        .src_port = 5,
	                        .dst_port = 6},
	                out;
	uint8_t *b = guard_zeros(20);

	in.flags = TCP_ACK;
	cr_assert_eq(tcp_reset_write(b, &in), 20);
	cr_assert_eq(tcp_check(b, 20, &out), TCP_OK);
	cr_assert(out.flags == TCP_RST && out.seq.v == 7000 && out.ack.v == 0);
	cr_assert(out.src_port == 6 && out.dst_port == 5 && out.window == 0);
	in.flags = TCP_SYN;
	cr_assert_eq(tcp_reset_write(b, &in), 20);
	cr_assert_eq(tcp_check(b, 20, &out), TCP_OK);
	cr_assert(out.flags == (TCP_RST | TCP_ACK) && out.seq.v == 0 && out.ack.v == 111);
	in.flags = TCP_RST | TCP_ACK;
	cr_assert_eq(tcp_reset_write(b, &in), 0);
}
