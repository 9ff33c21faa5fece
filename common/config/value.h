/* value: what one word of a configuration means; private to config.
 *
 * Pure functions from text to value: true where the whole text is one, else false with *to as it was.
 */
#ifndef SLUICE_COMMON_CONFIG_VALUE_H
#define SLUICE_COMMON_CONFIG_VALUE_H

#include "common/config/config.h"

/* Decimal without leading zeros, or 0x and hexadecimal digits. */
bool value_u64(const char *text, uint64_t *to);

/* A number from 0 to max, of the text's first n bytes. */
bool value_part(const char *text, size_t n, uint64_t max, uint64_t *to);

/* true, false, yes, no, on, off. */
bool value_bool(const char *text, bool *to);

/* A number with KiB, MiB, GiB (also k, M, G of 1,024) behind it, or none. */
bool value_bytes(const char *text, uint64_t *to);

/* A number with ms, s, m or h. */
bool value_duration_ms(const char *text, uint64_t *to);

/* A number of parts per million: 0.01, or 1%. */
bool value_share_ppm(const char *text, uint32_t *to);

/* N/s, optionally followed by `burst N` (N by default); or unlimited. */
bool value_rate(const char *text, struct epoch_rate *to);

bool value_mac(const char *text, struct mac_addr *to);

/* An address without a length: len is 32 or 128. */
bool value_address(const char *text, struct config_prefix *to);

/* An address with or without a length. */
bool value_prefix(const char *text, struct config_prefix *to);

/* 192.0.2.1:53 or [2001:db8::1]:53. */
bool value_endpoint(const char *text, struct config_endpoint *to);

/* V or V/M, each a number of 32 bits. */
bool value_bits32(const char *text, struct classify_bits32 *to);

/* Whether bits behind len are set. */
bool prefix_has_host_bits(const struct config_prefix *p);

/* The same without them. */
struct config_prefix prefix_network(const struct config_prefix *p);

/* The length in bits of the mapped form: 96 more for IPv4. */
static inline uint32_t prefix_bits(const struct config_prefix *p)
{
	return p->family == 4 ? p->len + 96u : p->len;
}

/* Whether the address lies in the prefix (same family). */
bool prefix_holds(const struct config_prefix *prefix, const struct config_prefix *address);

/* Text of a prefix; with_len false: of its address alone. */
struct address_text {
	char text[64];
};

struct address_text address_text(const struct config_prefix *p, bool with_len);

static inline bool address_is_multicast(const struct config_prefix *p)
{
	return p->family == 4 ? p->addr.b[12] >> 4 == 0xe : p->addr.b[0] == 0xff;
}

static inline bool address_is_link_local(const struct config_prefix *p)
{
	return p->family == 6 && p->addr.b[0] == 0xfe && (p->addr.b[1] & 0xc0) == 0x80;
}

static inline bool address_is_loopback(const struct config_prefix *p)
{
	return p->family == 4 ? p->addr.b[12] == 127
	                      : load_u64(p->addr.b) == 0 && load_u64(p->addr.b + 8) == UINT64_C(1) << 56;
}

static inline bool address_is_unspecified(const struct config_prefix *p)
{
	return p->family == 4 ? load_u32(p->addr.b + 12) == 0
	                      : load_u64(p->addr.b) == 0 && load_u64(p->addr.b + 8) == 0;
}

static inline bool mac_is_zero(const struct mac_addr *m)
{
	static const struct mac_addr zero;

	return memcmp(m, &zero, sizeof zero) == 0;
}

#endif
