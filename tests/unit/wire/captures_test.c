#include <criterion/criterion.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wire/exercise.h"
#include "tests/unit/wire/guard.h"
#include "tests/unit/wire/pcap_read.h"

/* Real frames, many of them malformed, through every check. */

static uint32_t files;

/* What index.tsv, which other software made, says about some files. */
static struct {
	char *text;
	uint32_t compared, bad_checksums;
} index_of_captures;

static const char *captures_folder(void)
{
	static char fallback[4096];
	const char *folder = getenv("SLUICE_CAPTURES");

	if (folder)
		return folder;
	snprintf(fallback, sizeof fallback, "%s/../shared/captures", SLUICE_ROOT);
	return fallback;
}

static void index_read(void)
{
	char path[4200];
	FILE *file;

	snprintf(path, sizeof path, "%s/index.tsv", captures_folder());
	file = fopen(path, "r");
	if (!file)
		return;
	index_of_captures.text = calloc(1, 1 << 20);
	cr_assert_gt(fread(index_of_captures.text, 1, (1 << 20) - 1, file), 0);
	fclose(file);
}

/* The number after `key` in the line of a file, 0 where there is none. */
static uint64_t index_number(const char *line, const char *key)
{
	const char *end = strchrnul(line, '\n'), *at = strstr(line, key);

	return at && at < end ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* As many IPv4 headers with a wrong checksum as the index counted in this file.  It counts those of headers
 * with a wrong length too, where Linux and we find the length first or none. */
static void compare_with_index(const char *path, uint64_t bad_checksums)
{
	char name[4200];
	const char *line;

	snprintf(name, sizeof name, "\n%s\t", path + strlen(captures_folder()) + 1);
	line = index_of_captures.text ? strstr(index_of_captures.text, name) : NULL;
	if (!line || index_number(line + 1, "v4badlen=") > 0)
		return;
	cr_assert_eq(bad_checksums, index_number(line + 1, "v4badcksum="), "%s", path);
	index_of_captures.compared++;
	index_of_captures.bad_checksums += (uint32_t)bad_checksums;
}

static int exercise_file(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	static uint8_t bytes[PCAP_FRAME_MAX];
	struct pcap_file f;
	uint32_t wire_len;
	int32_t len;

	(void)status;
	(void)ftw;
	if (type != FTW_F || !pcap_open(&f, path))
		return 0;
	if (f.linktype == PCAP_ETHERNET) {
		uint64_t before = exercise_tally.ipv4_bad_checksum;

		files++;
		while ((len = pcap_next(&f, bytes, &wire_len)) >= 0)
			exercise_frame(guard_copy(bytes, (uint32_t)len), (uint32_t)len);
		compare_with_index(path, exercise_tally.ipv4_bad_checksum - before);
	}
	pcap_close(&f);
	return 0;
}

Test(captures, all_pass_through_every_check, .timeout = 250)
{
	const struct exercise_tally *t = &exercise_tally;

	index_read();
	if (nftw(captures_folder(), exercise_file, 16, FTW_PHYS) != 0 || files == 0)
		cr_skip_test("no captures: set SLUICE_CAPTURES to a folder of them");
	fprintf(stderr,
	        "%u files, %lu frames: vlan %lu llc %lu arp %lu; ipv4 %lu (options %lu, fragments %lu, bad "
	        "checksum %lu, "
	        "malformed %lu); ipv6 %lu (chain %lu, options %lu, malformed %lu); icmp %lu (quote %lu) igmp "
	        "%lu icmp6 %lu "
	        "(quote %lu) nd %lu mld %lu; udp %lu tcp %lu (options %lu) bad checksum %lu\n",
	        files, t->frames, t->vlan, t->llc, t->arp, t->ipv4, t->ipv4_options, t->ipv4_fragments,
	        t->ipv4_bad_checksum, t->ipv4_malformed, t->ipv6, t->ipv6_chain, t->ipv6_options,
	        t->ipv6_malformed, t->icmp, t->icmp_quote, t->igmp, t->icmp6, t->icmp6_quote, t->nd, t->mld,
	        t->udp, t->tcp, t->tcp_options, t->l4_bad_checksum);
	cr_assert_gt(t->frames, files);
	fprintf(stderr, "%u files compared with index.tsv, %u wrong checksums in them\n",
	        index_of_captures.compared, index_of_captures.bad_checksums);
	free(index_of_captures.text);
}
