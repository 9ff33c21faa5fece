#include "common/wire/mld.h"

/* RFC 3810 5.1.3: 16 bits, floating from 32768 on. */
static uint32_t response_ms(uint16_t code)
{
	return code < 32768 ? code : ((code & 0x0fffu) | 0x1000u) << ((code >> 12 & 7) + 3);
}

/* RFC 3810 5.1.9. */
static uint32_t interval_s(uint8_t code)
{
	return code < 128 ? code : ((code & 0x0fu) | 0x10u) << ((code >> 4 & 7) + 3);
}

static enum mld_flaw check_query(const uint8_t *b, const struct icmp6_view *icmp, struct mld_view *v)
{
	uint16_t delay = (uint16_t)(icmp->rest >> 16);

	if (!ip6_is_unspecified(&v->group) && !ip6_is_multicast(&v->group))
		return MLD_GROUP;
	if (v->len == MLD_LEN) {
		v->version = 1;
		v->max_resp_ms = delay;
		return MLD_OK;
	}
	if (v->len < MLD_V2_QUERY_LEN)
		return MLD_TRUNCATED;
	uint32_t w = wire_load_u32(b + MLD_LEN);

	v->version = 2;
	v->max_resp_ms = response_ms(delay);
	v->suppress = w >> 24 & 8;
	v->robustness = w >> 24 & 7;
	v->query_interval_s = interval_s((uint8_t)(w >> 16));
	v->sources = (uint16_t)w;
	return v->sources * 16u > v->len - MLD_V2_QUERY_LEN ? MLD_SOURCES : MLD_OK;
}

bool mld_record_next(const void *bytes, const struct mld_view *view, uint32_t *at, struct mld_record *record)
{
	const uint8_t *b = bytes;
	uint32_t len;

	if (*at == 0)
		*at = ICMP6_HDR_LEN;
	if (*at > view->len || view->len - *at < MLD_V2_RECORD_LEN)
		return false;
	uint32_t first = wire_load_u32(b + *at);

	record->type = (uint8_t)(first >> 24);
	record->sources = (uint16_t)first;
	record->group = wire_load_ip6(b + *at + 4);
	record->sources_offset = *at + MLD_V2_RECORD_LEN;
	len = MLD_V2_RECORD_LEN + record->sources * 16u + (first >> 16 & 0xff) * 4;
	if (len > view->len - *at)
		return false;
	*at += len;
	return true;
}

static enum mld_flaw check_v2_report(const uint8_t *b, const struct icmp6_view *icmp, struct mld_view *v)
{
	struct mld_record record;
	uint32_t at = 0;

	v->version = 2;
	v->records = (uint16_t)icmp->rest;
	for (uint32_t i = 0; i < v->records; i++) {
		if (!mld_record_next(b, v, &at, &record))
			return MLD_SOURCES;
	}
	return MLD_OK;
}

static enum mld_flaw check_origin(const struct icmp6_view *icmp, const struct icmp6_origin *o)
{
	bool query = icmp->type == ICMP6_TYPE_MLD_QUERY;

	if (o->hop_limit != 1)
		return MLD_HOP_LIMIT;
	if (!ip6_is_link_local(&o->src) && (query || !ip6_is_unspecified(&o->src)))
		return MLD_SOURCE;
	return o->alert_mld ? MLD_OK : MLD_NO_ALERT;
}

enum mld_flaw mld_check(const void *bytes, const struct icmp6_view *icmp, const struct icmp6_origin *origin,
        struct mld_view *view)
{
	const uint8_t *b = bytes;
	enum mld_flaw flaw = check_origin(icmp, origin);

	assert(mld_is_message(icmp->type));
	*view = (struct mld_view){.len = icmp->len, .type = icmp->type, .version = 1};
	if (flaw)
		return flaw;
	if (icmp->type == ICMP6_TYPE_MLDV2_REPORT)
		return check_v2_report(b, icmp, view);
	if (icmp->len < MLD_LEN)
		return MLD_TRUNCATED;
	view->group = wire_load_ip6(b + offsetof(struct mld_v1_hdr, group));
	if (icmp->type == ICMP6_TYPE_MLD_QUERY)
		return check_query(b, icmp, view);
	return ip6_is_multicast(&view->group) ? MLD_OK : MLD_GROUP;
}

uint32_t mld_write(void *at, uint8_t type, const struct ip6_addr *group, const struct ip6_addr *src,
        const struct ip6_addr *dst)
{
	icmp6_write(at, type, 0, 0);
	((struct mld_v1_hdr *)at)->group = *group;
	icmp6_checksum_set(at, MLD_LEN, src, dst);
	return MLD_LEN;
}

uint32_t mld_report_write(void *at, const struct ip6_addr *groups, const uint8_t *types, uint16_t count,
        const struct ip6_addr *src)
{
	struct mld_record_hdr *record = (void *)((uint8_t *)at + ICMP6_HDR_LEN);
	uint32_t len = ICMP6_HDR_LEN + count * MLD_V2_RECORD_LEN;

	icmp6_write(at, ICMP6_TYPE_MLDV2_REPORT, 0, count);
	for (uint32_t i = 0; i < count; i++)
		record[i] = (struct mld_record_hdr){.type = types[i], .group = groups[i]};
	icmp6_checksum_set(at, len, src, &IP6_MLDV2_ROUTERS);
	return len;
}

uint32_t mld_hop_by_hop_write(void *at)
{
	static const uint8_t header[MLD_HOP_BY_HOP_LEN] = {IP_PROTO_ICMP6, 0, IPV6_OPTION_ROUTER_ALERT, 2, 0,
	        IPV6_ROUTER_ALERT_MLD, IPV6_OPTION_PADN, 0};

	memcpy(at, header, sizeof header);
	return sizeof header;
}
