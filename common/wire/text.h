/* text: addresses as people write them.
 *
 * Part of the library `wire` (see wire.h).  Used by control for the configuration, by the command, by traces;
 * never by packet code.  Writers put a NUL-terminated text into the caller's buffer of the size named beside
 * them and give it back. Parsers take `len` bytes, all of which must be the address (no spaces, no sign,
 * decimals without leading zeros): 0, or -EINVAL with
 * `*error_at` the offset of the first byte that can not be right (`len` where more was expected); *error_at
 * may be NULL. The result is written only on success.
 */
#ifndef SLUICE_COMMON_WIRE_TEXT_H
#define SLUICE_COMMON_WIRE_TEXT_H

#include "common/wire/addr.h"

#define TEXT_MAC_SIZE         18u
#define TEXT_IPV4_SIZE        16u
#define TEXT_IPV4_PREFIX_SIZE 19u
#define TEXT_IP6_SIZE         46u
#define TEXT_IP6_PREFIX_SIZE  50u

/* An address with the length of a prefix.  Bits beyond the length may be set: an interface's address is
 * written so. */
struct ipv4_prefix {
	struct be32 addr;
	uint8_t len; /* 0 to 32 */
};

struct ip6_prefix {
	struct ip6_addr addr;
	uint8_t len; /* 0 to 128 */
};

/* Are bits beyond the length set (which a route must not have)? */
bool ipv4_prefix_has_host_bits(const struct ipv4_prefix *p);
bool ip6_prefix_has_host_bits(const struct ip6_prefix *p);

/* 02:00:5e:10:00:01, in lower case. */
char *text_mac(char out[TEXT_MAC_SIZE], const struct mac_addr *mac);
/* 192.0.2.1 */
char *text_ipv4(char out[TEXT_IPV4_SIZE], struct be32 addr);
char *text_ipv4_prefix(char out[TEXT_IPV4_PREFIX_SIZE], const struct ipv4_prefix *prefix);
/* As RFC 5952 recommends: lower case, no leading zeros, the first longest run of at least two zero groups as
 * ::, an IPv4-mapped address with its last part in dots. */
char *text_ip6(char out[TEXT_IP6_SIZE], const struct ip6_addr *addr);
char *text_ip6_prefix(char out[TEXT_IP6_PREFIX_SIZE], const struct ip6_prefix *prefix);

/* Six pairs of hexadecimal digits with colons (or, all of them, hyphens) between. */
int text_parse_mac(const char *s, size_t len, struct mac_addr *out, size_t *error_at);
/* Four decimal numbers with dots between. */
int text_parse_ipv4(const char *s, size_t len, struct be32 *out, size_t *error_at);
/* All forms of RFC 4291 2.2; no zone. */
int text_parse_ip6(const char *s, size_t len, struct ip6_addr *out, size_t *error_at);
/* An address, a slash, and a length in decimal. */
int text_parse_ipv4_prefix(const char *s, size_t len, struct ipv4_prefix *out, size_t *error_at);
int text_parse_ip6_prefix(const char *s, size_t len, struct ip6_prefix *out, size_t *error_at);

#endif
