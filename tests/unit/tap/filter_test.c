#include <criterion/criterion.h>
#include <dirent.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/tap/filter.h"

/* libpcap's own machine is the oracle. */

static uint64_t seed = 0x5eed;

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random_next(&seed) >> 32) % n;
}

static void as_theirs(const struct tap_insn *insn, uint32_t n, struct bpf_insn *theirs)
{
	for (uint32_t k = 0; k < n; k++)
		theirs[k] = (struct bpf_insn){insn[k].code, insn[k].jt, insn[k].jf, insn[k].k};
}

static uint32_t oracle(
        const struct tap_insn *insn, uint32_t n, const uint8_t *packet, uint32_t len, uint32_t have)
{
	struct bpf_insn theirs[TAP_INSNS_MAX];

	as_theirs(insn, n, theirs);
	return bpf_filter(theirs, packet, len, have);
}

static const uint16_t codes[] = {0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1,
        0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74,
        0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16,
        0x07, 0x87};

#define PREAMBLE 16u

/* A program that is likely valid: scratch memory is set first, which the oracle leaves as it finds it. */
static uint32_t random_program(struct tap_insn *insn)
{
	uint32_t n = PREAMBLE + 2 + below(60);

	for (uint32_t k = 0; k < PREAMBLE; k++)
		insn[k] = (struct tap_insn){0x02, 0, 0, k};
	for (uint32_t k = PREAMBLE; k < n; k++) {
		uint16_t code = codes[below(ARRAY_LEN(codes))];
		uint32_t left = n - 1 - k, op = code & 7;

		insn[k] = (struct tap_insn){code, (uint8_t)below(MIN(left, 8u) + (left == 0)),
		        (uint8_t)below(MIN(left, 8u) + (left == 0)), below(80)};
		if (op == 2 || op == 3 || code == 0x60 || code == 0x61)
			insn[k].k %= 16;
		else if (code == 0x05)
			insn[k].k = below(MIN(left, 8u) + (left == 0));
		else if (code == 0x64 || code == 0x74)
			insn[k].k %= 32;
		else if (below(20) == 0)
			insn[k].k = (uint32_t)random_next(&seed);
		if ((op == 6 || op == 5) && below(3))
			insn[k].code = 0x28; /* not too many ends */
	}
	insn[n - 1] = (struct tap_insn){below(2) ? 0x16 : 0x06, 0, 0, below(3) ? 65535 : 0};
	return n;
}

Test(filter, does_as_the_oracle_with_random_programs)
{
	struct tap_insn insn[TAP_INSNS_MAX];
	uint32_t ran = 0, wanted = 0;

	for (uint32_t round = 0; round < 200000; round++) {
		uint8_t packet[96];
		uint32_t n = random_program(insn), have = below(sizeof packet + 1), len = have + below(50),
		         got;

		if (!tap_program_check(insn, n))
			continue;
		for (uint32_t k = 0; k < have; k++)
			packet[k] = (uint8_t)below(256);
		got = tap_program_run(insn, packet, len, have);
		cr_assert_eq(got, oracle(insn, n, packet, len, have), "round %u", round);
		ran++;
		wanted += got != 0;
	}
	cr_assert_gt(ran, 100000);
	cr_assert_gt(wanted, 10000);
}

Test(filter, lets_pass_nothing_that_the_oracle_refuses)
{
	struct tap_insn insn[TAP_INSNS_MAX];
	struct bpf_insn theirs[TAP_INSNS_MAX];
	uint32_t refused = 0;

	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t n = random_program(insn), broken = below(n);

		switch (below(4)) {
		case 0: insn[broken].code = (uint16_t)below(0x200); break;
		case 1: insn[broken].k = (uint32_t)random_next(&seed); break;
		case 2: insn[broken].jt = (uint8_t)below(256); break;
		default: insn[broken].jf = (uint8_t)below(256); break;
		}
		as_theirs(insn, n, theirs);
		if (tap_program_check(insn, n)) {
			cr_assert(bpf_validate(theirs, (int)n), "round %u", round);
			cr_assert_eq(insn[n - 1].code & 7, 6);
		} else {
			refused++;
		}
	}
	cr_assert_gt(refused, 10000);
}

Test(filter, refuses_programs_that_could_do_harm)
{
	static const struct tap_insn bad[] = {
	        {0x06 | 0x100, 0, 0, 1},            /* no such code */
	        {0x02, 0, 0, 16},                   /* st: beyond the scratch memory */
	        {0x60, 0, 0, 16},                   /* ld mem */
	        {0x34, 0, 0, 0},                    /* div by 0 */
	        {0x94, 0, 0, 0},                    /* mod by 0 */
	        {0x64, 0, 0, 32},                   /* lsh */
	        {0x74, 0, 0, 32},                   /* rsh */
	        {0x05, 0, 0, 1},                    /* ja beyond the end */
	        {0x05, 0, 0, UINT32_MAX},           /* ja back */
	        {0x15, 1, 0, 0},                    /* jeq beyond the end */
	        {0x15, 0, 255, 0}, {0x55, 0, 0, 0}, /* a comparison that there is not */
	        {0xa0, 0, 0, 0},                    /* msh without ldx */
	};
	struct tap_insn program[2] = {{0}, {0x06, 0, 0, 1}};

	for (uint32_t k = 0; k < ARRAY_LEN(bad); k++) {
		program[0] = bad[k];
		cr_assert(!tap_program_check(program, 2), "%u", k);
	}
	program[0] = (struct tap_insn){0x15, 0, 0, 0};
	cr_assert(tap_program_check(program, 2));
	cr_assert(!tap_program_check(program, 1), "no return at the end");
	cr_assert(!tap_program_check(program, 0));
	cr_assert(!tap_program_check(program, TAP_INSNS_MAX + 1));
}

/* Expressions as people write them, over real frames. */
static const char *const expressions[] = {"", "arp", "ip", "ip6", "icmp", "tcp port 80 or udp port 53",
        "vlan", "vlan and ip", "ip[6:2] & 0x1fff != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "greater 200", "less 64", "net 10.0.0.0/8", "ip6 proto 17", "ether multicast", "ether broadcast",
        "mpls", "pppoes", "portrange 1000-40000 and not host 10.1.1.1", "ip[2:2] % 7 = 3",
        "len - 14 > ip[2:2]", "ip6[40] = 58 and ether[0] & 1 = 1", "udp[8:4] ^ 0xffffffff > 5",
        "icmp6[0] == 135", "sctp", "igmp", "ip protochain 6", "ip6 protochain 17"};

struct tried {
	uint32_t files, frames, wanted;
};

static void try_file(const char *path, struct tried *t)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *file = pcap_open_offline(path, error), *dead = pcap_open_dead(DLT_EN10MB, 65535);
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	if (file && pcap_datalink(file) == DLT_EN10MB) {
		t->files++;
		while (t->frames < UINT32_MAX && pcap_next_ex(file, &header, &bytes) == 1) {
			t->frames++;
			for (uint32_t e = t->frames % 4; e < ARRAY_LEN(expressions); e += 4) {
				static struct bpf_program program[ARRAY_LEN(expressions)];
				struct tap_insn insn[TAP_INSNS_MAX];
				uint32_t got, n;

				if (!program[e].bf_len)
					cr_assert_eq(pcap_compile(dead, &program[e], expressions[e], 1,
					                     PCAP_NETMASK_UNKNOWN),
					        0, "%s", pcap_geterr(dead));
				n = program[e].bf_len;
				memcpy(insn, program[e].bf_insns, n * sizeof insn[0]);
				if (!tap_program_check(insn, n)) /* protochain jumps back */
					continue;
				got = tap_program_run(insn, bytes, header->len, header->caplen);
				cr_assert_eq(got,
				        bpf_filter(program[e].bf_insns, bytes, header->len, header->caplen),
				        "%s: %s", path, expressions[e]);
				t->wanted += got != 0;
			}
		}
	}
	if (file)
		pcap_close(file);
	pcap_close(dead);
}

Test(filter, does_as_the_oracle_with_real_frames)
{
	const char *folder = getenv("SLUICE_CAPTURES");
	struct tried t = {0};
	char path[4200];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "%s/l2l3/tcpdump", folder ? folder : SLUICE_ROOT "/../shared/captures");
	dir = opendir(path);
	if (!dir)
		cr_skip_test("no captures: set SLUICE_CAPTURES to a folder of them");
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof path, "%s/l2l3/tcpdump/%s",
		        folder ? folder : SLUICE_ROOT "/../shared/captures", entry->d_name);
		if (entry->d_name[0] != '.')
			try_file(path, &t);
	}
	closedir(dir);
	cr_assert_gt(t.files, 10);
	cr_assert_gt(t.wanted, t.frames / 2);
}
