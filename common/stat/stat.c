#include "common/stat/stat.h"

static const char *const groups[] = {
#define X(name, group, linux_name) group,
        STATS(X)
#undef X
};

static const char *const names[] = {
#define X(name, group, linux_name) linux_name,
        STATS(X)
#undef X
};

const char *stat_group(enum stat_id stat)
{
	return (unsigned)stat < STAT_COUNT ? groups[stat] : "Unknown";
}

const char *stat_name(enum stat_id stat)
{
	return (unsigned)stat < STAT_COUNT ? names[stat] : "Unknown";
}
