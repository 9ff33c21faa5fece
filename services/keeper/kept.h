/* kept: descriptors that a duty has given its attendant and the keeper to hold, by key. */
#ifndef SLUICE_SERVICES_KEEPER_KEPT_H
#define SLUICE_SERVICES_KEEPER_KEPT_H

#include "common/handle/handle.h"

#define KEPT_MAX  1024u
#define KEPT_BODY (HANDLE_BODY_MAX - 8u)

/* One thing; as it travels in a message "keep" (and "kept" on its way back). */
struct kept_entry {
	uint64_t key;
	uint32_t bytes, n_fds;
	int fd[HANDLE_FDS_MAX];
	uint8_t *body;
};

struct kept {
	struct kept_entry *list;
	uint32_t n, room;
};

/* Puts it in place of what has that key, or forgets that (n_fds 0).  The descriptors become the table's,
 * after a failure too.  0, -ENOSPC, -ENOMEM. */
[[nodiscard]] int kept_put(
        struct kept *k, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds);

/* The same for a message that came: takes its descriptors. */
[[nodiscard]] int kept_receive(struct kept *k, struct handle *h);

/* Sends one, or all, as messages of that name. */
[[nodiscard]] int kept_send(const struct kept_entry *e, int sock, const char *name);
[[nodiscard]] int kept_send_all(const struct kept *k, int sock, const char *name);

void kept_clear(struct kept *k);

#endif
