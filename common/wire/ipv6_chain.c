#include "common/wire/ipv6_ext.h"
#include "common/wire/icmp6.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

#define EXT_HDR_MIN 8u

static always_inline enum ipv6_chain_flaw with_problem(
        struct ipv6_chain *chain, enum ipv6_chain_flaw flaw, uint8_t code, uint32_t pointer)
{
	chain->problem = (struct ipv6_problem){.wanted = true, .code = code, .pointer = pointer};
	return flaw;
}

/* A first fragment that lacks part of the chain earns its sender an error of its own (RFC 7112 5). */
static enum ipv6_chain_flaw truncated(struct ipv6_chain *chain)
{
	if (ipv6_chain_has_fragment(chain) && ipv6_chain_more_fragments(chain))
		return with_problem(chain, IPV6_CHAIN_TRUNCATED, IPV6_PROBLEM_FIRST_FRAGMENT, 0);
	return IPV6_CHAIN_TRUNCATED;
}

static always_inline uint32_t ext_len(uint8_t type, uint8_t field)
{
	if (type == IP_PROTO_FRAGMENT)
		return IPV6_FRAGMENT_HDR_LEN;
	if (type == IP_PROTO_AH)
		return (field + 2u) * 4;
	return (field + 1u) * 8;
}

/* Put what the header `h` of `type` says beyond its length into the chain. */
static void note_ext(struct ipv6_chain *c, const uint8_t *h, uint8_t type)
{
	switch (type) {
	case IP_PROTO_HOP_BY_HOP: c->hop_by_hop = c->count; return;
	case IP_PROTO_FRAGMENT:
		c->fragment = c->count;
		c->fragment_field = wire_load_u16(h + IPV6_FRAGMENT_FIELD);
		c->fragment_id = wire_load_u32(h + 4);
		return;
	case IP_PROTO_ROUTING:
		if (c->routing < IPV6_EXT_MAX && c->segments_left)
			return;
		c->routing = c->count;
		c->routing_type = wire_load_u8(h + IPV6_ROUTING_TYPE_FIELD);
		c->segments_left = wire_load_u8(h + 3);
		return;
	}
}

/* Step over the header at upper_offset. */
static enum ipv6_chain_flaw pass_ext(const uint8_t *b, uint32_t len, struct ipv6_chain *c)
{
	uint32_t at = c->upper_offset;
	uint8_t type = c->upper;

	if (type == IP_PROTO_HOP_BY_HOP && c->count > 0)
		return with_problem(c, IPV6_CHAIN_HOP_BY_HOP, IPV6_PROBLEM_NEXT_HEADER, c->upper_named_at);
	if (c->count == IPV6_EXT_MAX)
		return IPV6_CHAIN_TOO_MANY;
	if (len < at + EXT_HDR_MIN)
		return truncated(c);
	uint8_t next = wire_load_u8(b + at);
	uint32_t this_len = ext_len(type, wire_load_u8(b + at + 1));

	if (len < at + this_len)
		return truncated(c);
	if (at + this_len > IPV6_HDR_LEN + IPV6_EXT_BYTES_MAX)
		return IPV6_CHAIN_TOO_LONG;
	note_ext(c, b + at, type);
	c->ext[c->count++] = (struct ipv6_ext){(uint16_t)at, c->upper_named_at, (uint16_t)this_len, type};
	c->upper = next;
	c->upper_named_at = (uint16_t)at;
	c->upper_offset = (uint16_t)(at + this_len);
	return IPV6_CHAIN_OK;
}

static always_inline bool ends_here(const struct ipv6_chain *c)
{
	if (!ipv6_is_extension(c->upper))
		return true;
	return ipv6_chain_has_fragment(c) &&
	       (ipv6_chain_fragment_offset(c) != 0 || c->upper == IP_PROTO_FRAGMENT);
}

enum ipv6_chain_flaw ipv6_chain_check(
        const void *bytes, uint32_t len, const struct ipv6_view *view, struct ipv6_chain *chain)
{
	*chain = (struct ipv6_chain){
	        .upper = view->next_header,
	        .upper_offset = IPV6_HDR_LEN,
	        .upper_named_at = IPV6_NEXT_HEADER_FIELD,
	        .hop_by_hop = IPV6_EXT_MAX,
	        .fragment = IPV6_EXT_MAX,
	        .routing = IPV6_EXT_MAX,
	};
	while (!ends_here(chain)) {
		enum ipv6_chain_flaw flaw = pass_ext(bytes, len, chain);

		if (flaw)
			return flaw;
	}
	return IPV6_CHAIN_OK;
}

static_assert(UDP_HDR_LEN == ICMP6_HDR_LEN, "upper_header_min takes them together");

/* The least that a first fragment must hold of its upper layer (Linux ipv6frag_thdr_truncated). */
static uint32_t upper_header_min(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP: return TCP_HDR_LEN;
	case IP_PROTO_UDP:
	case IP_PROTO_ICMP6: return UDP_HDR_LEN;
	}
	return 1;
}

bool ipv6_fragment_is_sound(const struct ipv6_chain *chain, uint32_t total_len, struct ipv6_problem *problem)
{
	assert(ipv6_chain_has_fragment(chain));
	const struct ipv6_ext *ext = &chain->ext[chain->fragment];
	uint32_t offset = ipv6_chain_fragment_offset(chain);
	uint32_t payload = total_len - ext->offset - IPV6_FRAGMENT_HDR_LEN;
	/* What the whole packet's payload length would be: the headers before the fragment's stay (RFC
	 * 8200 4.5). */
	uint32_t end = ext->offset - IPV6_HDR_LEN + offset + payload;

	*problem = (struct ipv6_problem){.wanted = true, .code = IPV6_PROBLEM_FIELD};
	if (end > IPV6_PAYLOAD_MAX) {
		problem->pointer = ext->offset + IPV6_FRAGMENT_FIELD;
		return false;
	}
	if (ipv6_chain_more_fragments(chain) && payload % 8 != 0) {
		problem->pointer = IPV6_PAYLOAD_LEN_FIELD;
		return false;
	}
	if (offset == 0 && total_len < chain->upper_offset + upper_header_min(chain->upper)) {
		problem->code = IPV6_PROBLEM_FIRST_FRAGMENT;
		return false;
	}
	problem->wanted = false;
	return true;
}

bool ipv6_routing_is_skippable(const struct ipv6_chain *chain, struct ipv6_problem *problem)
{
	*problem = (struct ipv6_problem){};
	if (chain->routing >= IPV6_EXT_MAX || chain->segments_left == 0)
		return true;
	*problem = (struct ipv6_problem){
	        .wanted = true,
	        .code = IPV6_PROBLEM_FIELD,
	        .pointer = chain->ext[chain->routing].offset + IPV6_ROUTING_TYPE_FIELD,
	};
	return false;
}
