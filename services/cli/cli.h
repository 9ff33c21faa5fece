/* cli: the command `sluice`: a noun, then what to do with it.
 *
 * Exit codes: 0 done; 1 what was asked for does not hold (an account that does not balance, a bad
 * configuration); 2 wrong use; 3 the system refused (no memory, no file). */
#ifndef SLUICE_SERVICES_CLI_CLI_H
#define SLUICE_SERVICES_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

enum { CLI_FINE = 0, CLI_NO = 1, CLI_USAGE = 2, CLI_SYSTEM = 3 };

/* The commands: argv[0] is the command's own name.  Each returns an exit code. */
int cli_replay(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_health(int argc, char **argv);
int cli_account(int argc, char **argv);
int cli_port(int argc, char **argv);
int cli_vlan(int argc, char **argv);
int cli_address(int argc, char **argv);
int cli_route(int argc, char **argv);
int cli_neighbor(int argc, char **argv);
int cli_rule(int argc, char **argv);
int cli_socket(int argc, char **argv);
int cli_counter(int argc, char **argv);
int cli_capture(int argc, char **argv);
int cli_drop(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_apply(int argc, char **argv);
int cli_up(int argc, char **argv);
int cli_udp_echo(int argc, char **argv);

/* A whole decimal number from min to max.  false, with a sentence on stderr that names `what`. */
bool cli_number(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *out);

/* A time as in 90, 90s, 5m or 1h, from a second to a day, as seconds.  false, with a sentence as above. */
bool cli_seconds(const char *text, const char *what, uint32_t *out);

/* Wrong use: a sentence on stderr and where to find help.  Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
