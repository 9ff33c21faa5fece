/* Every reader of addresses on any text: what is taken is written and read back as the same, what is refused
 * has its error inside the text.  A text that is refused at a place is refused at that place whatever
 * follows. */
#include "common/wire/text.h"
#include "tests/fuzz/fuzz.h"

/* Read, and if it was taken write and read again into `again`. */
#define ROUND_TRIP(type, parse, write, text_size)                                                            \
	do {                                                                                                 \
		type first = {}, again = {};                                                                 \
		size_t at = 0, prefix_at = 0;                                                                \
		char out[text_size];                                                                         \
                                                                                                             \
		if (parse(s, size, &first, &at) != 0) {                                                      \
			assert(at <= size);                                                                  \
			assert(at == size ||                                                                 \
			        (parse(s, at + 1, &again, &prefix_at) != 0 && prefix_at == at));             \
			break;                                                                               \
		}                                                                                            \
		write(out, &first);                                                                          \
		assert(strlen(out) < sizeof out);                                                            \
		assert(parse(out, strlen(out), &again, NULL) == 0);                                          \
		assert(memcmp(&first, &again, sizeof first) == 0);                                           \
	} while (0)

static char *write_ipv4(char *out, const struct be32 *addr)
{
	return text_ipv4(out, *addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;

	ROUND_TRIP(struct mac_addr, text_parse_mac, text_mac, TEXT_MAC_SIZE);
	ROUND_TRIP(struct be32, text_parse_ipv4, write_ipv4, TEXT_IPV4_SIZE);
	ROUND_TRIP(struct ip6_addr, text_parse_ip6, text_ip6, TEXT_IP6_SIZE);
	/* What a reader of prefixes says about the place depends on where the slash is. */
	if (size > 0 && memchr(s, '/', size)) {
		ROUND_TRIP(
		        struct ipv4_prefix, text_parse_ipv4_prefix, text_ipv4_prefix, TEXT_IPV4_PREFIX_SIZE);
		ROUND_TRIP(struct ip6_prefix, text_parse_ip6_prefix, text_ip6_prefix, TEXT_IP6_PREFIX_SIZE);
	}
	return 0;
}
