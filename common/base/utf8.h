/* utf8: texts that came from elsewhere: whether they are some (RFC 3629), and what a terminal may be shown of
 * them.
 *
 *     utf8_tame(name);  printf("%s\n", name);
 *
 * Pure functions; any thread.
 */
#ifndef SLUICE_COMMON_BASE_UTF8_H
#define SLUICE_COMMON_BASE_UTF8_H

#include "common/base/base.h"

/* Bytes of the UTF-8 character at p, of which n bytes are there; 0 where it is none (RFC 3629 4). */
static inline uint32_t utf8_bytes(const char *p, size_t n)
{
	const uint8_t *b = (const uint8_t *)p;
	uint32_t len = n == 0        ? 0
	               : b[0] < 0x80 ? 1
	               : b[0] < 0xc2 ? 0
	               : b[0] < 0xe0 ? 2
	               : b[0] < 0xf0 ? 3
	               : b[0] < 0xf5 ? 4
	                             : 0;

	if (len > n)
		return 0;
	for (uint32_t i = 1; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] >= 0xa0) ||
	        (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] >= 0x90))
		return 0;
	return len;
}

/* Whether all of a text is UTF-8. */
static inline bool utf8_good(const char *text)
{
	size_t n = strlen(text);
	uint32_t step = 1;

	for (size_t i = 0; step && i < n; i += step)
		step = utf8_bytes(text + i, n - i);
	return step;
}

/* Whether the character at p, which is one, steers a terminal in place of being shown: a control character of
 * ASCII or of ISO 6429's second set (U+0080 to U+009F). */
static inline bool utf8_steers(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return b[0] < 0x20 || b[0] == 0x7f || (b[0] == 0xc2 && b[1] < 0xa0);
}

/* What is no character, or steers and is no tab, becomes '?', a byte each. */
static inline void utf8_tame(char *text)
{
	for (size_t i = 0, n = strlen(text); i < n;) {
		uint32_t step = utf8_bytes(text + i, n - i);
		bool shown = step && (text[i] == '\t' || !utf8_steers(text + i));

		if (!shown)
			memset(text + i, '?', MAX(step, 1u));
		i += MAX(step, 1u);
	}
}

#endif
