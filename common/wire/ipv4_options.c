#include "common/wire/ipv4_options.h"

/* One option of the private copy: its offset in it, and its length. */
struct option {
	uint8_t at;
	uint8_t len;
};

static always_inline enum ipv4_options_flaw flaw_at(
        struct ipv4_options_view *v, uint32_t at, enum ipv4_options_flaw flaw)
{
	v->bad_offset = (uint8_t)(IPV4_HDR_LEN + at);
	return flaw;
}

static enum ipv4_options_flaw check_source_route(struct ipv4_options_view *v, struct option o)
{
	uint8_t pointer;

	if (o.len < 3)
		return flaw_at(v, o.at + 1, IPV4_OPTIONS_LENGTH);
	pointer = v->bytes[o.at + 2];
	if (pointer < 4)
		return flaw_at(v, o.at + 2, IPV4_OPTIONS_POINTER);
	if (v->source_route)
		return flaw_at(v, o.at, IPV4_OPTIONS_TWICE);
	v->source_route = IPV4_HDR_LEN + o.at;
	v->strict = v->bytes[o.at] == IPV4_OPTION_STRICT_ROUTE;
	/* Linux looks whether the next address lies whole in the option only when it is used
	 * (ip_options_rcv_srr). */
	if (pointer + 3 <= o.len)
		v->source_route_next = (uint8_t)(v->source_route + pointer - 1);
	v->source_route_broken = pointer <= o.len && pointer + 3 > o.len;
	return IPV4_OPTIONS_OK;
}

static enum ipv4_options_flaw check_record_route(struct ipv4_options_view *v, struct option o)
{
	uint8_t pointer;

	if (v->record_route)
		return flaw_at(v, o.at, IPV4_OPTIONS_TWICE);
	if (o.len < 3)
		return flaw_at(v, o.at + 1, IPV4_OPTIONS_LENGTH);
	pointer = v->bytes[o.at + 2];
	if (pointer < 4 || (pointer <= o.len && pointer + 3 > o.len))
		return flaw_at(v, o.at + 2, IPV4_OPTIONS_POINTER);
	v->record_route = IPV4_HDR_LEN + o.at;
	if (pointer <= o.len)
		v->record_slot = (uint8_t)(v->record_route + pointer - 1);
	return IPV4_OPTIONS_OK;
}

/* The option has room; where does what it asks for go? */
static enum ipv4_options_flaw check_timestamp_slot(
        struct ipv4_options_view *v, struct option o, uint8_t pointer)
{
	uint8_t slot = (uint8_t)(IPV4_HDR_LEN + o.at + pointer - 1);

	if (pointer + 3 > o.len)
		return flaw_at(v, o.at + 2, IPV4_OPTIONS_POINTER);
	switch (v->timestamp_kind) {
	case IPV4_TIMESTAMP_ONLY: v->timestamp_slot = slot; return IPV4_OPTIONS_OK;
	case IPV4_TIMESTAMP_AND_ADDR:
	case IPV4_TIMESTAMP_PRESPECIFIED:
		if (pointer + 7 > o.len)
			return flaw_at(v, o.at + 2, IPV4_OPTIONS_POINTER);
		v->timestamp_addr_slot = slot;
		v->timestamp_slot = slot + 4;
		return IPV4_OPTIONS_OK;
	}
	return IPV4_OPTIONS_OK; /* a kind that nobody knows asks for nothing, as in Linux */
}

static enum ipv4_options_flaw check_timestamp(struct ipv4_options_view *v, struct option o)
{
	enum ipv4_options_flaw flaw = IPV4_OPTIONS_OK;
	uint8_t pointer;

	if (v->timestamp)
		return flaw_at(v, o.at, IPV4_OPTIONS_TWICE);
	if (o.len < 4)
		return flaw_at(v, o.at + 1, IPV4_OPTIONS_LENGTH);
	pointer = v->bytes[o.at + 2];
	if (pointer < 5)
		return flaw_at(v, o.at + 2, IPV4_OPTIONS_POINTER);
	v->timestamp_kind = v->bytes[o.at + 3] & 0x0f;
	v->timestamp_full = pointer > o.len;
	if (!v->timestamp_full)
		flaw = check_timestamp_slot(v, o, pointer);
	else if (v->timestamp_kind != IPV4_TIMESTAMP_PRESPECIFIED && v->bytes[o.at + 3] >> 4 == 15)
		flaw = flaw_at(v, o.at + 3, IPV4_OPTIONS_OVERFLOW);
	v->timestamp = IPV4_HDR_LEN + o.at;
	return flaw;
}

static enum ipv4_options_flaw check_router_alert(struct ipv4_options_view *v, struct option o)
{
	if (o.len < 4)
		return flaw_at(v, o.at + 1, IPV4_OPTIONS_LENGTH);
	/* Other values are reserved, and ignored (RFC 2113 2.1). */
	if (v->bytes[o.at + 2] == 0 && v->bytes[o.at + 3] == 0)
		v->router_alert = IPV4_HDR_LEN + o.at;
	return IPV4_OPTIONS_OK;
}

static enum ipv4_options_flaw check_option(struct ipv4_options_view *v, struct option o)
{
	switch (v->bytes[o.at]) {
	case IPV4_OPTION_STRICT_ROUTE:
	case IPV4_OPTION_LOOSE_ROUTE: return check_source_route(v, o);
	case IPV4_OPTION_RECORD_ROUTE: return check_record_route(v, o);
	case IPV4_OPTION_TIMESTAMP: return check_timestamp(v, o);
	case IPV4_OPTION_ROUTER_ALERT: return check_router_alert(v, o);
	case IPV4_OPTION_CIPSO:
		if (v->cipso)
			return flaw_at(v, o.at, IPV4_OPTIONS_TWICE);
		v->cipso = IPV4_HDR_LEN + o.at;
		return IPV4_OPTIONS_OK;
	}
	/* What is not known is passed over (RFC 1122 3.2.1.8), the security options among it. */
	return IPV4_OPTIONS_OK;
}

enum ipv4_options_flaw ipv4_options_check(
        const void *bytes, uint32_t header_len, struct ipv4_options_view *view)
{
	uint32_t at = 0;

	assert(header_len >= IPV4_HDR_LEN && header_len <= IPV4_HDR_LEN_MAX);
	*view = (struct ipv4_options_view){.len = (uint8_t)(header_len - IPV4_HDR_LEN)};
	memcpy(view->bytes, (const uint8_t *)bytes + IPV4_HDR_LEN, view->len);
	while (at < view->len && view->bytes[at] != IPV4_OPTION_END) {
		enum ipv4_options_flaw flaw;
		uint32_t left = view->len - at;

		if (view->bytes[at] == IPV4_OPTION_NOP) {
			at++;
			continue;
		}
		if (left < 2 || view->bytes[at + 1] < 2 || view->bytes[at + 1] > left)
			return flaw_at(view, at, IPV4_OPTIONS_LENGTH);
		flaw = check_option(view, (struct option){(uint8_t)at, view->bytes[at + 1]});
		if (flaw)
			return flaw;
		at += view->bytes[at + 1];
	}
	return IPV4_OPTIONS_OK;
}
