/* Ingest for tests of the keeper: its ports are files, so that it keeps its rights. */
#include "common/host/host.h"
#include "services/ingest/ingest.h"

int main(void)
{
	return host_main(&(struct host){
	        .ops = &ingest_stage, .stage = STAGE_INGEST, .calls = CAGE_INGEST, .uncaged = true});
}
