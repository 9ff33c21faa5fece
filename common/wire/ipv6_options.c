#include "common/wire/ipv6_ext.h"

#define ROUTER_ALERT_LEN 2u
#define JUMBO_LEN        4u

/* The walk over one header. */
struct walk {
	const uint8_t *bytes;
	uint32_t len;
	const struct ipv6_view *view;
	struct ipv6_options_view *options;
	uint32_t padding; /* in a row */
};

/* An option: where its type stands, how long it is without type and length. */
struct option {
	uint32_t at;
	uint8_t type;
	uint8_t len;
};

static enum ipv6_options_flaw with_problem(
        struct walk *w, enum ipv6_options_flaw flaw, uint8_t code, uint32_t pointer)
{
	w->options->problem = (struct ipv6_problem){.wanted = true, .code = code, .pointer = pointer};
	return flaw;
}

static enum ipv6_options_flaw check_unknown(struct walk *w, struct option o)
{
	enum ipv6_option_action action = o.type >> 6;

	switch (action) {
	case IPV6_ACTION_SKIP: return IPV6_OPTIONS_OK;
	case IPV6_ACTION_DISCARD: return IPV6_OPTIONS_UNKNOWN;
	case IPV6_ACTION_PROBLEM:
		with_problem(w, IPV6_OPTIONS_UNKNOWN, IPV6_PROBLEM_OPTION, o.at);
		w->options->problem.even_multicast = true;
		return IPV6_OPTIONS_UNKNOWN;
	case IPV6_ACTION_PROBLEM_UNICAST:
		if (ip6_is_multicast(&w->view->dst))
			return IPV6_OPTIONS_UNKNOWN;
		return with_problem(w, IPV6_OPTIONS_UNKNOWN, IPV6_PROBLEM_OPTION, o.at);
	}
	return IPV6_OPTIONS_UNKNOWN;
}

/* RFC 2675 3, Linux ipv6_hop_jumbo. */
static enum ipv6_options_flaw check_jumbo(struct walk *w, struct option o)
{
	uint32_t jumbo;

	if (o.len != JUMBO_LEN || (o.at & 3) != 2)
		return IPV6_OPTIONS_LENGTH;
	jumbo = wire_load_u32(w->bytes + o.at + 2);
	if (jumbo <= IPV6_PAYLOAD_MAX)
		return with_problem(w, IPV6_OPTIONS_JUMBO, IPV6_PROBLEM_FIELD, o.at + 2);
	if (w->view->payload_len != 0)
		return with_problem(w, IPV6_OPTIONS_JUMBO, IPV6_PROBLEM_FIELD, o.at);
	if (jumbo > w->len - IPV6_HDR_LEN)
		return IPV6_OPTIONS_JUMBO_LENGTH;
	w->options->jumbo_len = jumbo;
	return IPV6_OPTIONS_OK;
}

static enum ipv6_options_flaw check_hop_by_hop(struct walk *w, struct option o)
{
	switch (o.type) {
	case IPV6_OPTION_ROUTER_ALERT:
		if (o.len != ROUTER_ALERT_LEN)
			return IPV6_OPTIONS_LENGTH;
		w->options->router_alert = true;
		w->options->router_alert_value = wire_load_u16(w->bytes + o.at + 2);
		return IPV6_OPTIONS_OK;
	case IPV6_OPTION_JUMBO: return check_jumbo(w, o);
	}
	return check_unknown(w, o);
}

static enum ipv6_options_flaw check_padding(struct walk *w, struct option o)
{
	w->padding += o.len + 2u;
	if (w->padding > IPV6_PADDING_MAX)
		return IPV6_OPTIONS_PADDING;
	for (uint32_t i = 0; i < o.len; i++) {
		if (wire_load_u8(w->bytes + o.at + 2 + i) != 0)
			return IPV6_OPTIONS_PADDING;
	}
	return IPV6_OPTIONS_OK;
}

static enum ipv6_options_flaw check_option(struct walk *w, struct option o, bool hop_by_hop)
{
	if (o.type == IPV6_OPTION_PADN)
		return check_padding(w, o);
	w->padding = 0;
	if (w->options->count == IPV6_OPTIONS_MAX)
		return IPV6_OPTIONS_TOO_MANY;
	w->options->count++;
	return hop_by_hop ? check_hop_by_hop(w, o) : check_unknown(w, o);
}

enum ipv6_options_flaw ipv6_options_check(const void *bytes, uint32_t len, const struct ipv6_view *view,
        const struct ipv6_ext *ext, struct ipv6_options_view *options)
{
	struct walk w = {bytes, len, view, options, 0};
	uint32_t at = ext->offset + 2u, end = (uint32_t)ext->offset + ext->len;
	enum ipv6_options_flaw flaw = IPV6_OPTIONS_OK;

	assert(end <= len);
	*options = (struct ipv6_options_view){};
	while (at < end && flaw == IPV6_OPTIONS_OK) {
		struct option o = {.at = at, .type = wire_load_u8(w.bytes + at)};

		if (o.type == IPV6_OPTION_PAD1) {
			at++;
			if (++w.padding > IPV6_PADDING_MAX)
				flaw = IPV6_OPTIONS_PADDING;
			continue;
		}
		if (end - at < 2)
			return IPV6_OPTIONS_LENGTH;
		o.len = wire_load_u8(w.bytes + at + 1);
		at += o.len + 2u;
		flaw = at > end ? IPV6_OPTIONS_LENGTH : check_option(&w, o, ext->type == IP_PROTO_HOP_BY_HOP);
	}
	return flaw;
}
