#include "common/wire/igmp.h"

#define V1_MAX_RESP_MS 10000u

/* A byte that is a number below 128 and a small floating point from there on (RFC 3376 4.1.1). */
static uint32_t code_value(uint8_t code)
{
	return code < 128 ? code : ((code & 0x0fu) | 0x10u) << ((code >> 4 & 7) + 3);
}

static enum igmp_flaw check_query(const uint8_t *b, uint8_t max_resp, struct igmp_view *v)
{
	if (v->group.raw != 0 && !ipv4_is_multicast(v->group))
		return IGMP_GROUP;
	if (v->len == IGMP_HDR_LEN) {
		v->version = max_resp == 0 ? 1 : 2;
		v->max_resp_ms = max_resp == 0 ? V1_MAX_RESP_MS : max_resp * 100u;
		return IGMP_OK;
	}
	if (v->len < IGMP_V3_QUERY_LEN)
		return IGMP_QUERY_LEN;
	uint8_t flags = wire_load_u8(b + 8);

	v->version = 3;
	v->max_resp_ms = code_value(max_resp) * 100;
	v->suppress = flags & 8;
	v->robustness = flags & 7;
	v->query_interval_s = code_value(wire_load_u8(b + 9));
	v->sources = wire_load_u16(b + 10);
	return v->sources * 4u > v->len - IGMP_V3_QUERY_LEN ? IGMP_SOURCES : IGMP_OK;
}

bool igmp_record_next(
        const void *bytes, const struct igmp_view *view, uint32_t *at, struct igmp_record *record)
{
	const uint8_t *b = bytes;
	uint32_t len;

	if (*at == 0)
		*at = IGMP_HDR_LEN;
	if (*at > view->len || view->len - *at < IGMP_V3_RECORD_LEN)
		return false;
	uint32_t first = wire_load_u32(b + *at);

	record->type = (uint8_t)(first >> 24);
	record->sources = (uint16_t)first;
	record->group = wire_load_be32(b + *at + 4);
	record->sources_offset = *at + IGMP_V3_RECORD_LEN;
	len = IGMP_V3_RECORD_LEN + record->sources * 4u + (first >> 16 & 0xff) * 4;
	if (len > view->len - *at)
		return false;
	*at += len;
	return true;
}

static enum igmp_flaw check_v3_report(const uint8_t *b, struct igmp_view *v)
{
	struct igmp_record record;
	uint32_t at = 0;

	v->version = 3;
	v->records = (uint16_t)be32_to_host(v->group);
	v->group = (struct be32){0};
	for (uint32_t i = 0; i < v->records; i++) {
		if (!igmp_record_next(b, v, &at, &record))
			return IGMP_SOURCES;
	}
	return IGMP_OK;
}

enum igmp_flaw igmp_check(const void *bytes, uint32_t len, struct igmp_view *view)
{
	const uint8_t *b = bytes;

	if (len < IGMP_HDR_LEN)
		return IGMP_TRUNCATED;
	uint64_t w = wire_load_raw64(b);

	*view = (struct igmp_view){.len = len, .type = (uint8_t)w, .group = {(uint32_t)(w >> 32)}};
	if (!csum_is_good(csum_bytes((struct csum){w}, b + IGMP_HDR_LEN, len - IGMP_HDR_LEN)))
		return IGMP_CHECKSUM;
	switch (view->type) {
	case IGMP_TYPE_QUERY: return check_query(b, (uint8_t)(w >> 8), view);
	case IGMP_TYPE_V3_REPORT: return check_v3_report(b, view);
	case IGMP_TYPE_V1_REPORT:
	case IGMP_TYPE_V2_REPORT:
	case IGMP_TYPE_V2_LEAVE:
		view->version = view->type == IGMP_TYPE_V1_REPORT ? 1 : 2;
		return ipv4_is_multicast(view->group) ? IGMP_OK : IGMP_GROUP;
	}
	return IGMP_TYPE;
}

static void checksum_set(void *at, uint32_t len)
{
	((struct igmp_hdr *)at)->checksum = csum_finish(csum_bytes(CSUM_ZERO, at, len));
}

uint32_t igmp_write(void *at, uint8_t type, struct be32 group)
{
	*(struct igmp_hdr *)at = (struct igmp_hdr){.type = type, .group = group};
	checksum_set(at, IGMP_HDR_LEN);
	return IGMP_HDR_LEN;
}

uint32_t igmp_report_write(void *at, const struct be32 *groups, const uint8_t *types, uint16_t count)
{
	struct igmp_record_hdr *record = (void *)((uint8_t *)at + IGMP_HDR_LEN);
	uint32_t len = IGMP_HDR_LEN + count * IGMP_V3_RECORD_LEN;

	*(struct igmp_hdr *)at = (struct igmp_hdr){
	        .type = IGMP_TYPE_V3_REPORT, .group = be32_from_host(count)};
	for (uint32_t i = 0; i < count; i++)
		record[i] = (struct igmp_record_hdr){.type = types[i], .group = groups[i]};
	checksum_set(at, len);
	return len;
}
