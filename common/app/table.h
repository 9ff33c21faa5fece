/* table: the sockets of applications, in REGION_SOCKETS.
 *
 *     entry = app_socket_begin(table, i); entry->... = ...; app_socket_end(table, i);     the broker
 *     for (; seen != app_table_changes(table); seen++)                                    a worker of session
 *             app_socket_read(table, app_table_changed(table, seen), &copy);
 *
 * The broker alone writes; session and control read, at any time, without waiting.  Change number n (from 0)
 * concerned socket app_table_changed(table, n); who is more than APP_LOG changes behind looks at every one up
 * to `used`.  The table outlives its writer: a new broker finds in it what the last one had granted.
 */
#ifndef SLUICE_COMMON_APP_TABLE_H
#define SLUICE_COMMON_APP_TABLE_H

#include "common/app/app.h"
#include "common/epoch/epoch.h"

#define APP_SOCKETS_MAX 16384u
#define APP_LOG         4096u

struct app_socket {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t client;                   /* number + 1 of the application; 0: there is no such socket */
	uint64_t incarnation;              /* of the application */
	_Alignas(CACHE_LINE) struct epoch_socket conf;
};

static_assert(sizeof(struct app_socket) == 2 * CACHE_LINE, "shared layout");

/* An application; for the broker's successor and for who shows them. */
struct app_client {
	uint64_t incarnation; /* 0: none */
	uint32_t uid;
	int32_t pid;
	uint32_t rx_slots, tx_slots;
	uint32_t sockets;
	uint32_t reserved;
	struct app_answer answer; /* the last */
	uint64_t reserved2;
};

static_assert(sizeof(struct app_client) == CACHE_LINE, "shared layout");

struct app_table {
	_Alignas(CACHE_LINE) uint64_t incarnations; /* given so far */
	uint32_t changes;
	uint32_t used; /* sockets with a higher number have never been */
	_Alignas(CACHE_LINE) uint32_t log[APP_LOG];
	struct app_client client[APP_CLIENTS_MAX];
	struct app_socket socket[APP_SOCKETS_MAX];
};

/* Opens an entry for writing and ends that; between the two a reader sees neither.  A begin that was never
 * ended (its writer died) is begun again by the next. */
struct app_socket *app_socket_begin(struct app_table *table, uint32_t i);
void app_socket_end(struct app_table *table, uint32_t i);

/* A whole copy of an entry; false: it is being written, or its writer died over it. */
[[nodiscard]] bool app_socket_read(const struct app_table *table, uint32_t i, struct app_socket *copy);

static inline uint32_t app_table_changes(const struct app_table *table)
{
	return __atomic_load_n(&table->changes, __ATOMIC_ACQUIRE); /* with app_socket_end's release */
}

static inline uint32_t app_table_changed(const struct app_table *table, uint32_t change)
{
	return __atomic_load_n(&table->log[change % APP_LOG], __ATOMIC_RELAXED) % APP_SOCKETS_MAX;
}

static inline uint32_t app_table_used(const struct app_table *table)
{
	return MIN(__atomic_load_n(&table->used, __ATOMIC_RELAXED), APP_SOCKETS_MAX);
}

#endif
