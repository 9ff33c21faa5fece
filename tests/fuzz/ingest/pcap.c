/* Any bytes as a capture: every packet lies within them, can be made Ethernet and hashed, and reading ends.
 */
#include "services/ingest/nic/capture.h"
#include "services/ingest/nic/rss.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void look(const struct capture *c, const struct capture_frame *f, const uint8_t *data, size_t size)
{
	static const struct mac_addr port;
	uint32_t len = capture_frame_len(f);
	uint8_t *frame = malloc(len + !len);

	assert(frame && len <= f->len + 14);
	assert(f->bytes >= data && f->bytes + f->len <= data + size);
	assert(f->number <= c->number);
	capture_frame_copy(f, &port, frame);
	rss_frame(frame, len);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture c;
	struct capture_frame f;
	char error[256];
	uint64_t before;
	uint32_t number = 0;

	if (capture_open(&c, data, size, error, sizeof error)) {
		assert(strlen(error) > 0 && strlen(error) < sizeof error);
		return 0;
	}
	for (before = c.at; capture_next(&c, &f); before = c.at) {
		assert(c.at > before && c.at <= size && f.number > number);
		number = f.number;
		look(&c, &f, data, size);
	}
	assert(!capture_next(&c, &f));
	return 0;
}
