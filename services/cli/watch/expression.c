/* expression: filters as `tcpdump` takes them, compiled by libpcap, here and nowhere else: who writes one has
 * no more rights than this command. */
#include "services/cli/watch/expression.h"

#include <pcap/pcap.h>

/* libpcap's instructions are ours, under other names. */
static_assert(sizeof(struct bpf_insn) == sizeof(struct tap_insn), "copied as they are");

/* Whether it loads from offsets that stand for what Linux knows of a packet beside its bytes: its direction,
 * its interface.  libpcap makes such programs where it has no file to read. */
static bool asks_kernel(const struct bpf_program *program)
{
	for (uint32_t k = 0; k < program->bf_len; k++) {
		const struct bpf_insn *i = &program->bf_insns[k];

		if (BPF_CLASS(i->code) == BPF_LD && BPF_MODE(i->code) == BPF_ABS && i->k > TAP_SNAP_MAX)
			return true;
	}
	return false;
}

/* Behind the 80 letters of a filter that a sentence has room for. */
static const char *dots(const char *text)
{
	return strlen(text) > 80 ? "..." : "";
}

static int take(const struct cli_call *call, const struct bpf_program *program, const char *text,
        struct tap_insn *insn, uint32_t *n)
{
	if (program->bf_len > TAP_INSNS_MAX) {
		return cli_usage(call,
		        "the filter '%.80s%s' needs %u instructions, and %u are the most: take fewer "
		        "addresses, or a whole network in place of them",
		        text, dots(text), program->bf_len, TAP_INSNS_MAX);
	}
	for (uint32_t k = 0; k < program->bf_len; k++) {
		const struct bpf_insn *from = &program->bf_insns[k];

		insn[k] = (struct tap_insn){from->code, from->jt, from->jf, from->k};
	}
	*n = program->bf_len;
	if (tap_program_check(insn, *n) && !asks_kernel(program))
		return 0;
	return cli_usage(call,
	        "the filter '%.80s%s' asks for more than packets' bytes and lengths; -i and --point choose "
	        "where",
	        text, dots(text));
}

int expression_compile(
        const struct cli_call *call, const char *text, struct tap_insn insn[TAP_INSNS_MAX], uint32_t *n)
{
	pcap_t *ethernet = pcap_open_dead(DLT_EN10MB, TAP_SNAP_MAX);
	struct bpf_program program;
	int code;

	if (!ethernet)
		return cli_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
	if (pcap_compile(ethernet, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		code = cli_usage(call,
		        "the filter '%.80s%s' cannot be used: %s; `man pcap-filter` tells the language", text,
		        dots(text), pcap_geterr(ethernet));
	} else {
		code = take(call, &program, text, insn, n);
		pcap_freecode(&program);
	}
	pcap_close(ethernet);
	return code;
}
