/* The process of the session stage: see common/host. */
#include "common/host/host.h"
#include "services/session/session.h"

int main(void)
{
	return host_main(&(struct host){.ops = &session_stage, .stage = STAGE_SESSION, .calls = CAGE_STAGE});
}
