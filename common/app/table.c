#include "common/app/table.h"

#define TRIES 1000

struct app_socket *app_socket_begin(struct app_table *table, uint32_t i)
{
	struct app_socket *s = &table->socket[i];

	__atomic_store_n(&s->seq, s->seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with app_socket_read's: the mark before what follows */
	return s;
}

void app_socket_end(struct app_table *table, uint32_t i)
{
	struct app_socket *s = &table->socket[i];

	__atomic_store_n(&s->seq, (s->seq | 1) + 1, __ATOMIC_RELEASE); /* with app_socket_read's first load */
	if (table->used <= i)
		__atomic_store_n(&table->used, i + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&table->log[table->changes % APP_LOG], i, __ATOMIC_RELAXED);
	__atomic_store_n(&table->changes, table->changes + 1, __ATOMIC_RELEASE);
}

/* Words, each loaded whole, so that a reader beside the writer is no data race. */
static void copy_words(void *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(uint32_t); i++)
		((uint32_t *)to)[i] = __atomic_load_n((const uint32_t *)from + i, __ATOMIC_RELAXED);
}

bool app_socket_read(const struct app_table *table, uint32_t i, struct app_socket *copy)
{
	const struct app_socket *s = &table->socket[i];

	for (uint32_t tries = 0; tries < TRIES; tries++) {
		uint32_t seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);

		copy_words(copy, s, sizeof *copy);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && seq == __atomic_load_n(&s->seq, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}
