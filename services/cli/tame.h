/* tame: what an appliance says may hold anything, and a terminal is not to be steered by it.
 *
 * remote.c and watch/stream.c tame every answer before a command sees it, unless it is to be JSON, which
 * escapes.
 */
#ifndef SLUICE_SERVICES_CLI_TAME_H
#define SLUICE_SERVICES_CLI_TAME_H

#include "common/rpc/rpc.h"

/* Control characters, and what is no UTF-8, become '?' in every text of the message and of those within it.
 */
void tame_message(ProtobufCMessage *message);

/* The same of a text of several lines. */
void tame_lines(char *text);

/* The same of a failure. */
void tame_error(struct rpc_error *error);

#endif
