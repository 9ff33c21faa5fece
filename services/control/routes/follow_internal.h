/* follow_internal: what the parts of follow share: sockets and dumps (follow.c), what is told
 * (follow_read.c). */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_FOLLOW_INTERNAL_H
#define SLUICE_SERVICES_CONTROL_ROUTES_FOLLOW_INTERNAL_H

#include "services/control/routes/follow.h"

struct follow {
	uv_loop_t *loop;
	struct rib *rib;
	void (*changed)(void *context);
	void *context;
	int fd[FOLLOW_SOCKETS];
	uv_poll_t poll[FOLLOW_SOCKETS];
	uv_timer_t again;
	uint32_t open_handles;
	uint32_t table[CONFIG_TABLES_MAX], n_tables;
	bool links;
	uint32_t step; /* of the dump under way */
	uint32_t seq;
	bool spoilt; /* the dump under way is not of one moment */
	bool hidden; /* of some name the kernel has another route, which comes in force without a word */
	struct follow_state state;
	_Alignas(8) uint8_t buffer[64u << 10];
};

/* follow_read.c: a message of a dump, and one that was announced; of the second: whether all has to be dumped
 * again. */
void follow_dumped(struct follow *f, const struct rtnl_message *m);
bool follow_announced(struct follow *f, const struct rtnl_message *m);

#endif
