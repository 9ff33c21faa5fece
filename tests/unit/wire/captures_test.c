#include <criterion/criterion.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wire/exercise.h"
#include "tests/unit/wire/guard.h"
#include "tests/unit/wire/pcap_read.h"

/* Real frames, many of them malformed, through every check. */

static uint32_t files;

static const char *captures_folder(void)
{
	static char fallback[4096];
	const char *folder = getenv("SLUICE_CAPTURES");

	if (folder)
		return folder;
	snprintf(fallback, sizeof fallback, "%s/../shared/captures", SLUICE_ROOT);
	return fallback;
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
		files++;
		while ((len = pcap_next(&f, bytes, &wire_len)) >= 0)
			exercise_frame(guard_copy(bytes, (uint32_t)len), (uint32_t)len);
	}
	pcap_close(&f);
	return 0;
}

Test(captures, all_pass_through_every_check, .timeout = 250)
{
	const struct exercise_tally *t = &exercise_tally;

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
}
