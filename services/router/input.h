/* input: the doors of the router, one for each kind of burst.  Part of the router; stage.c alone calls them.
 */
#ifndef SLUICE_SERVICES_ROUTER_INPUT_H
#define SLUICE_SERVICES_ROUTER_INPUT_H

#include "services/router/router_internal.h"

/* One ARP frame; one packet of the session's, or of our own that another lane hands over. */
void input_arp(const struct router_call *c, struct pkt_ref r);
void input_tx_one(const struct router_call *c, struct pkt_ref r);

/* From the filter; from the session; from another lane.  Each packet gets its verdict. */
void input_rx(const struct router_call *c);
void input_tx(const struct router_call *c);
void input_punt(const struct router_call *c);

#endif
