#include "common/app/app.h"

static bool slots_fit(uint32_t n)
{
	return n >= APP_SLOTS_MIN && n <= APP_SLOTS_MAX && !(n & (n - 1));
}

static uint64_t take(uint64_t *end, uint64_t bytes)
{
	uint64_t at = *end;

	*end = ALIGN_UP(at + bytes, (uint64_t)CACHE_LINE);
	return at;
}

int app_layout(struct app_layout *at, uint32_t rx_slots, uint32_t tx_slots)
{
	uint64_t end = ALIGN_UP(sizeof(struct app_lane), (uint64_t)CACHE_LINE);

	if (!slots_fit(rx_slots) || !slots_fit(tx_slots))
		return -EINVAL;
	*at = (struct app_layout){.rx_slots = rx_slots, .tx_slots = tx_slots, .chunks = rx_slots + tx_slots};
	at->rx_prod = take(&end, ring_producer_bytes(rx_slots));
	at->fill_prod = take(&end, ring_producer_bytes(rx_slots));
	at->tx_prod = take(&end, ring_producer_bytes(tx_slots));
	at->chunk = ALIGN_UP(end, UINT64_C(4096));
	at->bytes = at->chunk + (uint64_t)at->chunks * APP_CHUNK;
	return 0;
}

bool app_word_sound(const void *message, size_t bytes, uint32_t n_fds)
{
	const struct app_word *word = message;
	struct app_layout at;

	if (bytes != sizeof *word || word->magic != APP_MAGIC)
		return false;
	if (word->what == APP_WORD_ALL)
		return n_fds == 0;
	if (word->client >= APP_CLIENTS_MAX || word->lane >= LANES_MAX || !word->incarnation)
		return false;
	if (word->what == APP_WORD_GONE)
		return n_fds == 0;
	return word->what == APP_WORD_OPEN && n_fds == 2 && !app_layout(&at, word->rx_slots, word->tx_slots);
}
