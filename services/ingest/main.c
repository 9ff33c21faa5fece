/* The process of the ingest stage: see common/host.  What comes behind the handles that all stages get are
 * the opener's words about live ports. */
#include "common/host/host.h"
#include "services/ingest/ingest.h"

#include <stdio.h>

static bool take_grant(void *context, struct handle *h)
{
	int fd[HANDLE_FDS_MAX];
	const char *wrong;

	(void)context;
	if (strcmp(h->name, "grant") != 0)
		return false;
	for (uint32_t i = 0; i < h->n_fds; i++)
		fd[i] = handle_take(h, i);
	if (!ingest_grant(h->body, h->bytes, fd, h->n_fds, &wrong))
		return true;
	fprintf(stderr, "sluice-ingest: a grant is not taken: %s\n", wrong);
	return false;
}

int main(void)
{
	return host_main(&(struct host){
	        .ops = &ingest_stage, .stage = STAGE_INGEST, .calls = CAGE_INGEST, .handle = take_grant});
}
