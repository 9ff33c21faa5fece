/* Two texts, apart at the first byte 0: what differs between them is told, from either side, and nothing
 * between one and itself. */

#include "common/config/config.h"
#include "tests/fuzz/fuzz.h"

/* How many of each kind; false: one of the texts is no YAML. */
static bool differences(const struct config_text *a, const struct config_text *b, uint32_t count[4])
{
	struct config_differences d = {0};
	struct config_errors errors = {0};
	int err = config_diff(a, b, &d, &errors);

	REQUIRE(err == 0 || err == -EINVAL || err == -ENOMEM);
	REQUIRE(err != -EINVAL || errors.n > 0);
	memset(count, 0, 4 * sizeof count[0]);
	for (uint32_t i = 0; i < d.n; i++) {
		const struct config_difference *x = &d.list[i];

		REQUIRE(x->path && x->kind <= CONFIG_MOVED);
		REQUIRE(x->before || x->after);
		count[x->kind]++;
	}
	config_differences_free(&d);
	config_errors_free(&errors);
	return !err;
}

static uint32_t sum(const uint32_t count[4])
{
	return count[0] + count[1] + count[2] + count[3];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t first = end ? (size_t)(end - data) : size, skip = end ? first + 1 : size;
	const struct config_text a = {"a", (const char *)data, first},
	                         b = {"b", (const char *)data + skip, size - skip};
	uint32_t count[4], back[4];

	if (differences(&a, &a, count))
		REQUIRE(sum(count) == 0);
	if (!differences(&a, &b, count))
		return 0;
	REQUIRE(differences(&b, &a, back));
	REQUIRE(!sum(count) == !sum(back));
	return 0;
}
