/* signals: a command that goes on until a person ends it. */
#ifndef SLUICE_SERVICES_CLI_SIGNALS_H
#define SLUICE_SERVICES_CLI_SIGNALS_H

#include "common/base/base.h"

/* From now on SIGINT, SIGTERM and SIGHUP are noted and nothing else, and a pipe whose reader has gone is an
 * error of writing. */
void signals_catch(void);
bool signals_came(void);

/* Waits so long, or until a signal comes.  false: one has. */
bool signals_wait(uint32_t ms);

#endif
