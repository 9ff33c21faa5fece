/* expression: what a person wants to see, in libpcap's filter language, as a program for the taps.
 *
 * Part of the command; the one place that knows libpcap. */
#ifndef SLUICE_SERVICES_CLI_WATCH_EXPRESSION_H
#define SLUICE_SERVICES_CLI_WATCH_EXPRESSION_H

#include "common/tap/tap.h"
#include "services/cli/cli.h"

/* Compiles an expression for Ethernet frames; "" is all of them.  0 with *n instructions, or an exit code
 * with a sentence told that has libpcap's words. */
[[nodiscard]] int expression_compile(
        const struct cli_call *call, const char *text, struct tap_insn insn[TAP_INSNS_MAX], uint32_t *n);

#endif
