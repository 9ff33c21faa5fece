#include "services/ingest/grants.h"

#include "common/pkt/burst.h"
#include "services/ingest/ingest.h"

#include <pthread.h>
#include <unistd.h>

struct box {
	struct grant word; /* what 0: none was said */
	int fd[GRANT_FDS_MAX];
	uint32_t n_fds; /* not taken */
};

static struct box boxes[EPOCH_PHYS_MAX][LANES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t count;

static void close_all(const int *fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		close(fd[i]);
}

static void close_box(struct box *b)
{
	close_all(b->fd, b->n_fds);
	b->n_fds = 0;
}

/* A word about the link of what is open. */
static void hear_link(struct box *b, const struct grant *g)
{
	if (b->word.what != GRANT_OPEN || b->word.incarnation != g->incarnation)
		return;
	b->word.link = g->link;
	b->word.mac = g->mac;
	b->word.mtu = g->mtu;
	memcpy(b->word.reason, g->reason, sizeof b->word.reason);
}

/* Whether the descriptors were kept. */
static bool hear(struct box *b, const struct grant *g, const int *fd, uint32_t n)
{
	if (g->what == GRANT_LINK) {
		hear_link(b, g);
		return false;
	}
	/* What was open cannot open again under the same number: it is the same descriptors, said twice; by
	 * another opener it may be that the link has changed meanwhile. */
	if (g->incarnation < b->word.incarnation ||
	        (g->incarnation == b->word.incarnation && g->what <= b->word.what)) {
		hear_link(b, g);
		return false;
	}
	close_box(b);
	b->word = *g;
	memcpy(b->fd, fd, n * sizeof *fd);
	b->n_fds = n;
	return true;
}

int ingest_grant(const void *message, size_t bytes, const int *fd, uint32_t n, const char **wrong)
{
	const struct grant *g = message;
	bool kept;

	*wrong = grant_check(message, bytes, n);
	if (!*wrong && g->queue >= LANES_MAX)
		*wrong = "it has more queues than there can be lanes";
	if (*wrong) {
		close_all(fd, n);
		return -EPROTO;
	}
	pthread_mutex_lock(&lock);
	kept = hear(&boxes[g->phys][g->queue], g, fd, n);
	__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	if (!kept)
		close_all(fd, n);
	return 0;
}

uint32_t grants_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

bool grants_last(uint32_t phys, uint32_t queue, struct grant *word)
{
	pthread_mutex_lock(&lock);
	*word = boxes[phys][queue].word;
	pthread_mutex_unlock(&lock);
	return word->what != 0;
}

uint32_t grants_take(uint32_t phys, uint32_t queue, uint64_t incarnation, int fd[GRANT_FDS_MAX])
{
	struct box *b = &boxes[phys][queue];
	uint32_t n = 0;

	pthread_mutex_lock(&lock);
	if (b->word.what == GRANT_OPEN && b->word.incarnation == incarnation) {
		n = b->n_fds;
		memcpy(fd, b->fd, n * sizeof *fd);
		b->n_fds = 0;
	}
	pthread_mutex_unlock(&lock);
	return n;
}

void grants_forget(void)
{
	pthread_mutex_lock(&lock);
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++)
		for (uint32_t q = 0; q < LANES_MAX; q++) {
			close_box(&boxes[p][q]);
			boxes[p][q].word = (struct grant){0};
		}
	__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
}
