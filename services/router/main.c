/* The process of the router stage: see common/host. */
#include "common/host/host.h"
#include "services/router/router.h"

int main(void)
{
	return host_main(&(struct host){.ops = &router_stage, .stage = STAGE_ROUTER, .calls = CAGE_STAGE});
}
