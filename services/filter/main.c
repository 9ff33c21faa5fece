/* The process of the filter stage: see common/host. */
#include "common/host/host.h"
#include "services/filter/filter.h"

int main(void)
{
	return host_main(&(struct host){.ops = &filter_stage, .stage = STAGE_FILTER, .calls = CAGE_STAGE});
}
