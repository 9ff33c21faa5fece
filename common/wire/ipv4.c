#include "common/wire/ipv4.h"

uint32_t ipv4_write(void *at, const struct ipv4_fields *fields)
{
	*(struct ipv4_hdr *)at = (struct ipv4_hdr){
	        .version_ihl = 0x45,
	        .tos = fields->tos,
	        .total_len = be16_from_host(IPV4_HDR_LEN + fields->payload_len),
	        .id = be16_from_host(fields->id),
	        .fragment = be16_from_host(fields->fragment),
	        .ttl = fields->ttl,
	        .proto = fields->proto,
	        .src = fields->src,
	        .dst = fields->dst,
	};
	ipv4_checksum_set(at, IPV4_HDR_LEN);
	return IPV4_HDR_LEN;
}

void ipv4_checksum_set(void *at, uint32_t header_len)
{
	struct ipv4_hdr *h = at;

	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(CSUM_ZERO, at, header_len));
}
