#include "common/wire/nd.h"

static uint32_t lladdr_write(uint8_t *at, uint8_t type, const struct mac_addr *mac)
{
	if (!mac)
		return 0;
	*(struct nd_lladdr_hdr *)at = (struct nd_lladdr_hdr){.type = type, .len = 1, .mac = *mac};
	return sizeof(struct nd_lladdr_hdr);
}

static uint32_t target_write(uint8_t *at, uint8_t type, uint32_t rest, const struct ip6_addr *target)
{
	icmp6_write(at, type, 0, rest);
	((struct nd_target_hdr *)at)->target = *target;
	return sizeof(struct nd_target_hdr);
}

uint32_t nd_solicit_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct ip6_addr *target, const struct mac_addr *source_lladdr, const uint8_t nonce[6])
{
	uint8_t *b = at;
	uint32_t len = target_write(b, ICMP6_TYPE_NEIGHBOR_SOLICIT, 0, target);

	len += lladdr_write(b + len, ND_OPTION_SOURCE_LLADDR, source_lladdr);
	if (nonce) {
		b[len] = ND_OPTION_NONCE;
		b[len + 1] = 1;
		memcpy(b + len + 2, nonce, 6);
		len += 8;
	}
	icmp6_checksum_set(at, len, src, dst);
	return len;
}

uint32_t nd_advert_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct ip6_addr *target, const struct mac_addr *target_lladdr, uint8_t flags)
{
	uint8_t *b = at;
	uint32_t len = target_write(b, ICMP6_TYPE_NEIGHBOR_ADVERT, (uint32_t)flags << 24, target);

	len += lladdr_write(b + len, ND_OPTION_TARGET_LLADDR, target_lladdr);
	icmp6_checksum_set(at, len, src, dst);
	return len;
}

uint32_t nd_router_solicit_write(void *at, const struct ip6_addr *src, const struct ip6_addr *dst,
        const struct mac_addr *source_lladdr)
{
	uint8_t *b = at;
	uint32_t len = icmp6_write(b, ICMP6_TYPE_ROUTER_SOLICIT, 0, 0);

	len += lladdr_write(b + len, ND_OPTION_SOURCE_LLADDR, source_lladdr);
	icmp6_checksum_set(at, len, src, dst);
	return len;
}
