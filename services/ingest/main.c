/* The process of the ingest stage: see common/host. */
#include "common/host/host.h"
#include "services/ingest/ingest.h"

int main(void)
{
	return host_main(&(struct host){.ops = &ingest_stage, .stage = STAGE_INGEST, .calls = CAGE_INGEST});
}
