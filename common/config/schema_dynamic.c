#include "common/config/sections.h"

#include <linux/rtnetlink.h>

static bool parse_table(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	uint64_t table;

	(void)key;
	if (strcmp(text, "main") == 0 || strcmp(text, "default") == 0) {
		*(uint32_t *)to = text[0] == 'm' ? RT_TABLE_MAIN : RT_TABLE_DEFAULT;
		return true;
	}
	if (strcmp(text, "local") == 0 || strcmp(text, "255") == 0) {
		l->hint = "What leads to the kernel itself does not lead to Sluice: give addresses to ports.";
		return false;
	}
	if (!value_u64(text, &table) || table == 0 || table > UINT32_MAX)
		return false;
	*(uint32_t *)to = (uint32_t)table;
	return true;
}

const struct value_type type_table = {
        "a table of routes (main, default, or its number from 1 on)", parse_table, NULL};

#define NETLINK(field) .at = offsetof(struct config_netlink, field)

static const struct schema_key netlink_keys[] = {
        {"tables", &type_list, NETLINK(tables.number), .count_at = offsetof(struct config_netlink, tables.n),
                .size = sizeof(uint32_t), .max = CONFIG_TABLES_MAX, .element = &type_table,
                .doc = "Which tables of the kernel. Of routes of one prefix and metric that of the table "
                       "that stands first is used. Default: [main]."},
};

static const struct schema_section section_netlink = {
        "netlink", netlink_keys, ARRAY_LEN(netlink_keys), sizeof(struct config_netlink)};

#define FPM(field) .at = offsetof(struct config_fpm, field)

static const struct schema_key fpm_keys[] = {
        {"tables", &type_list, FPM(tables.number), .count_at = offsetof(struct config_fpm, tables.n),
                .size = sizeof(uint32_t), .max = CONFIG_TABLES_MAX, .element = &type_table,
                .doc = "Which tables of zebra's, as netlink's. Default: [main]."},
        {"listen", &type_endpoint, FPM(listen), .by_default = "127.0.0.1:2620",
                .doc = "Address and TCP port that zebra connects to."},
        {"from", &type_list, FPM(from), .count_at = offsetof(struct config_fpm, n_from),
                .size = sizeof(struct config_prefix), .max = 16, .element = &type_prefix,
                .doc = "Prefixes of who may connect, and so make routes. Default: this machine alone."},
        {"grace", &type_duration, FPM(grace_ms), .min = 100, .max = 3600000, .by_default = "60s",
                .doc = "How long routes stay after zebra was lost, or is there again, without being told "
                       "anew."},
        {"interfaces", &type_bool, FPM(interfaces), .by_default = "true",
                .doc = "Whether zebra's interfaces are this machine's: it runs in the network namespace "
                       "that Sluice runs in."},
};

static const struct schema_section section_fpm = {
        "fpm", fpm_keys, ARRAY_LEN(fpm_keys), sizeof(struct config_fpm)};

#define DYNAMIC(field) .at = offsetof(struct config_dynamic_routes, field)

static const struct schema_key dynamic_keys[] = {
        {"limit", &type_number, DYNAMIC(limit), .size = 4, .min = 1, .max = FIB_ROUTES_MAX / 2,
                .by_default = "150000", .doc = "Routes at most, over all sources."},
        {"netlink", &type_section, DYNAMIC(netlink), .section = &section_netlink,
                .doc = "Follows tables of the machine's kernel, without what the kernel makes by itself."},
        {"fpm", &type_section, DYNAMIC(fpm), .section = &section_fpm,
                .doc = "Takes routes from FRR's zebra (module dplane_fpm_nl)."},
};

const struct schema_section section_dynamic_routes = {
        "dynamic routes", dynamic_keys, ARRAY_LEN(dynamic_keys), sizeof(struct config_dynamic_routes)};
