#include "common/pkt/drop.h"

#include <ctype.h>
#include <pthread.h>
#include <stddef.h>

#define LABEL_LEN 40

static const char *const names[] = {
#define X(name, text) #name,
        DROP_REASONS(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
        DROP_REASONS(X)
#undef X
};

static char labels[DROP_REASON_COUNT][LABEL_LEN];

static void make_labels(void)
{
	for (size_t r = 0; r < DROP_REASON_COUNT; r++)
		for (size_t i = 0; names[r][i] && i + 1 < LABEL_LEN; i++)
			labels[r][i] = (char)tolower((unsigned char)names[r][i]);
}

const char *drop_reason_label(enum drop_reason reason)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_labels);
	return (unsigned)reason < DROP_REASON_COUNT ? labels[reason] : "unknown";
}

const char *drop_reason_text(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}
