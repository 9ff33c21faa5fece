#include "common/wire/nd.h"

#define OPTION_UNIT  8u
#define NONCE_LEN_AT 2u

static uint32_t least_len(uint8_t type)
{
	switch (type) {
	case ICMP6_TYPE_ROUTER_ADVERT: return sizeof(struct nd_advert_hdr);
	case ICMP6_TYPE_NEIGHBOR_SOLICIT:
	case ICMP6_TYPE_NEIGHBOR_ADVERT: return sizeof(struct nd_target_hdr);
	case ICMP6_TYPE_REDIRECT: return sizeof(struct nd_redirect_hdr);
	}
	return ICMP6_HDR_LEN;
}

static void read_fixed(const uint8_t *b, const struct icmp6_view *icmp, struct nd_view *v)
{
	switch (icmp->type) {
	case ICMP6_TYPE_ROUTER_ADVERT:
		v->hop_limit = (uint8_t)(icmp->rest >> 24);
		v->flags = (uint8_t)(icmp->rest >> 16);
		v->lifetime_s = (uint16_t)icmp->rest;
		v->reachable_ms = wire_load_u32(b + offsetof(struct nd_advert_hdr, reachable_ms));
		v->retransmit_ms = wire_load_u32(b + offsetof(struct nd_advert_hdr, retransmit_ms));
		return;
	case ICMP6_TYPE_REDIRECT:
		v->destination = wire_load_ip6(b + offsetof(struct nd_redirect_hdr, destination));
		v->target = wire_load_ip6(b + offsetof(struct nd_redirect_hdr, target));
		return;
	case ICMP6_TYPE_NEIGHBOR_ADVERT:
		v->flags = (uint8_t)(icmp->rest >> 24);
		v->target = wire_load_ip6(b + offsetof(struct nd_target_hdr, target));
		return;
	case ICMP6_TYPE_NEIGHBOR_SOLICIT:
		v->target = wire_load_ip6(b + offsetof(struct nd_target_hdr, target));
		return;
	}
}

/* RFC 4861 7.1.1. */
static enum nd_flaw check_solicit(const struct nd_view *v, const struct icmp6_origin *o)
{
	if (ip6_is_multicast(&v->target))
		return ND_TARGET;
	if (ip6_is_unspecified(&o->src) && !ip6_is_solicited_node(&o->dst))
		return ND_DESTINATION;
	return ND_OK;
}

/* RFC 4861 7.1.2. */
static enum nd_flaw check_advert(const struct nd_view *v, const struct icmp6_origin *o)
{
	if (ip6_is_multicast(&v->target))
		return ND_TARGET;
	if (ip6_is_multicast(&o->dst) && v->flags & ND_NA_SOLICITED)
		return ND_DESTINATION;
	return ND_OK;
}

/* RFC 4861 8.1; that it comes from the first hop is the caller's to know. */
static enum nd_flaw check_redirect(const struct nd_view *v, const struct icmp6_origin *o)
{
	if (!ip6_is_link_local(&o->src))
		return ND_SOURCE;
	if (ip6_is_multicast(&v->destination))
		return ND_DESTINATION;
	if (!ip6_is_link_local(&v->target) && !ip6_addr_equal(&v->target, &v->destination))
		return ND_TARGET;
	return ND_OK;
}

static enum nd_flaw check_addresses(const struct nd_view *v, const struct icmp6_origin *o)
{
	switch (v->type) {
	case ICMP6_TYPE_ROUTER_ADVERT: return ip6_is_link_local(&o->src) ? ND_OK : ND_SOURCE;
	case ICMP6_TYPE_NEIGHBOR_SOLICIT: return check_solicit(v, o);
	case ICMP6_TYPE_NEIGHBOR_ADVERT: return check_advert(v, o);
	case ICMP6_TYPE_REDIRECT: return check_redirect(v, o);
	}
	return ND_OK;
}

bool nd_option_next(
        const void *bytes, const struct nd_view *view, uint32_t *at, struct nd_option_view *option)
{
	const uint8_t *b = bytes;

	if (*at == 0)
		*at = view->options_offset;
	if (*at > view->len || view->len - *at < OPTION_UNIT)
		return false;
	option->offset = *at;
	option->type = wire_load_u8(b + *at);
	option->len = wire_load_u8(b + *at + 1) * OPTION_UNIT;
	if (option->len == 0 || option->len > view->len - *at)
		return false;
	*at += option->len;
	return true;
}

static bool read_lladdr(const uint8_t *b, const struct nd_option_view *o, bool *has, struct mac_addr *mac)
{
	if (o->len != sizeof(struct nd_lladdr_hdr))
		return false;
	if (!*has)
		*mac = wire_load_mac(b + o->offset + offsetof(struct nd_lladdr_hdr, mac));
	*has = true;
	return true;
}

static enum nd_flaw read_option(const uint8_t *b, const struct nd_option_view *o, struct nd_view *v)
{
	switch (o->type) {
	case ND_OPTION_SOURCE_LLADDR:
		return read_lladdr(b, o, &v->has_source_lladdr, &v->source_lladdr) ? ND_OK : ND_LLADDR;
	case ND_OPTION_TARGET_LLADDR:
		return read_lladdr(b, o, &v->has_target_lladdr, &v->target_lladdr) ? ND_OK : ND_LLADDR;
	case ND_OPTION_MTU:
		if (v->mtu == 0)
			v->mtu = wire_load_u32(b + o->offset + 4);
		return ND_OK;
	case ND_OPTION_NONCE:
		if (v->nonce_offset == 0) {
			v->nonce_offset = (uint16_t)(o->offset + NONCE_LEN_AT);
			v->nonce_len = (uint16_t)(o->len - NONCE_LEN_AT);
		}
		return ND_OK;
	case ND_OPTION_REDIRECTED:
		if (v->redirected_offset == 0) {
			v->redirected_offset = (uint16_t)(o->offset + OPTION_UNIT);
			v->redirected_len = (uint16_t)(o->len - OPTION_UNIT);
		}
		return ND_OK;
	}
	return ND_OK;
}

static enum nd_flaw check_options(const uint8_t *b, struct nd_view *v)
{
	struct nd_option_view option;
	uint32_t at = 0, end = v->options_offset;

	while (nd_option_next(b, v, &at, &option)) {
		enum nd_flaw flaw = read_option(b, &option, v);

		if (flaw)
			return flaw;
		end = at;
	}
	return end == v->len ? ND_OK : ND_OPTION_LENGTH;
}

enum nd_flaw nd_check(const void *bytes, const struct icmp6_view *icmp, const struct icmp6_origin *origin,
        struct nd_view *view)
{
	enum nd_flaw flaw;

	assert(nd_is_message(icmp->type));
	*view = (struct nd_view){
	        .len = icmp->len, .type = icmp->type, .options_offset = (uint16_t)least_len(icmp->type)};
	if (origin->hop_limit != ND_HOP_LIMIT)
		return ND_HOP_LIMIT_LOW;
	if (icmp->code != 0)
		return ND_CODE;
	if (icmp->len < view->options_offset || icmp->len > UINT16_MAX)
		return ND_TRUNCATED;
	read_fixed(bytes, icmp, view);
	flaw = check_addresses(view, origin);
	if (flaw == ND_OK)
		flaw = check_options(bytes, view);
	if (flaw == ND_OK && view->has_source_lladdr && ip6_is_unspecified(&origin->src))
		flaw = ND_LLADDR_UNWANTED;
	return flaw;
}

bool nd_prefix_read(const void *bytes, const struct nd_option_view *option, struct nd_prefix *prefix)
{
	const struct nd_prefix_hdr *h = (const void *)((const uint8_t *)bytes + option->offset);

	if (option->type != ND_OPTION_PREFIX || option->len != sizeof *h)
		return false;
	prefix->prefix = wire_load_ip6(&h->prefix);
	prefix->valid_s = wire_load_u32(&h->valid_s);
	prefix->preferred_s = wire_load_u32(&h->preferred_s);
	prefix->prefix_len = wire_load_u8(&h->prefix_len);
	prefix->flags = wire_load_u8(&h->flags);
	return prefix->prefix_len <= 128;
}
