/* account: the account as a message, with room for all of its parts. */
#ifndef SLUICE_SERVICES_CONTROL_SHOW_ACCOUNT_H
#define SLUICE_SERVICES_CONTROL_SHOW_ACCOUNT_H

#include "services/control/internal.h"

struct account_message {
	Sluice__AccountReply reply;
	Sluice__Terms terms[STAGE_COUNT + 1], *stage_list[STAGE_COUNT];
	Sluice__Reason reason[STAGE_COUNT + 1][DROP_REASON_COUNT];
	Sluice__Reason *reason_list[STAGE_COUNT + 1][DROP_REASON_COUNT];
	Sluice__PortTerms port[EPOCH_PHYS_MAX], *port_list[EPOCH_PHYS_MAX];
};

/* Strings are those of the epoch and of tables: the message lives no longer than the handler. */
void account_fill(
        struct account_message *m, const struct control *c, const struct account *account, bool consistent);

#endif
