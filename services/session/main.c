/* The process of the session stage: see common/host.  What comes behind the handles that all stages get are
 * the broker's words about applications. */
#include "common/host/host.h"
#include "services/session/session.h"

#include <stdio.h>

static bool take_word(void *context, struct handle *h)
{
	int fd[HANDLE_FDS_MAX];
	uint32_t n = h->n_fds;

	(void)context;
	if (strcmp(h->name, "app") != 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		fd[i] = handle_take(h, i);
	if (!session_word(h->body, h->bytes, fd, n))
		return true;
	fprintf(stderr, "sluice-session: a word about an application is not taken: it makes no sense\n");
	return false;
}

int main(void)
{
	return host_main(&(struct host){
	        .ops = &session_stage, .stage = STAGE_SESSION, .calls = CAGE_SESSION, .handle = take_word});
}
