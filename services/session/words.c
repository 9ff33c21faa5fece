#include "services/session/words.h"

#include "services/session/session.h"

#include <pthread.h>
#include <unistd.h>

struct box {
	struct app_word word; /* what 0: none was said */
	int fd[2];
	bool full; /* the descriptors have not been taken */
};

static struct box boxes[APP_CLIENTS_MAX][LANES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t count;
static bool all;

static void empty(struct box *b)
{
	if (b->full) {
		close(b->fd[0]);
		close(b->fd[1]);
	}
	b->full = false;
}

/* Whether the descriptors were kept. */
static bool hear(struct box *b, const struct app_word *word, const int *fd)
{
	/* The same again is the same descriptors, said twice. */
	if (word->incarnation < b->word.incarnation ||
	        (word->incarnation == b->word.incarnation && word->what <= b->word.what))
		return false;
	empty(b);
	b->word = *word;
	b->full = word->what == APP_WORD_OPEN;
	if (b->full)
		memcpy(b->fd, fd, sizeof b->fd);
	return b->full;
}

int session_word(const void *message, size_t bytes, const int *fd, uint32_t n)
{
	bool sound = app_word_sound(message, bytes, n), kept = false;
	struct app_word word;

	if (sound) {
		memcpy(&word, message, sizeof word);
		pthread_mutex_lock(&lock);
		if (word.what == APP_WORD_ALL)
			__atomic_store_n(&all, true, __ATOMIC_RELEASE);
		else
			kept = hear(&boxes[word.client][word.lane], &word, fd);
		__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
		pthread_mutex_unlock(&lock);
	}
	for (uint32_t i = 0; i < n && !kept; i++)
		close(fd[i]);
	return sound ? 0 : -EPROTO;
}

uint32_t words_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

bool words_all(void)
{
	return __atomic_load_n(&all, __ATOMIC_ACQUIRE);
}

bool words_last(uint32_t client, uint32_t lane, struct app_word *word)
{
	pthread_mutex_lock(&lock);
	*word = boxes[client][lane].word;
	pthread_mutex_unlock(&lock);
	return word->what != 0;
}

bool words_take(uint32_t client, uint32_t lane, uint64_t incarnation, int fd[2])
{
	struct box *b = &boxes[client][lane];
	bool taken;

	pthread_mutex_lock(&lock);
	taken = b->full && b->word.incarnation == incarnation;
	if (taken) {
		memcpy(fd, b->fd, sizeof b->fd);
		b->full = false;
	}
	pthread_mutex_unlock(&lock);
	return taken;
}

void words_forget(void)
{
	pthread_mutex_lock(&lock);
	for (uint32_t c = 0; c < APP_CLIENTS_MAX; c++)
		for (uint32_t l = 0; l < LANES_MAX; l++) {
			empty(&boxes[c][l]);
			boxes[c][l].word = (struct app_word){0};
		}
	all = false;
	__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
}
