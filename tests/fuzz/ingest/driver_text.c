/* Any line as a driver's text: settings within their bounds, or a sentence that says what is wrong. */
#include "common/settings/settings.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check(const struct nic_settings *s)
{
	const struct fault_settings *f = &s->fault;

	assert(memchr(s->in, 0, sizeof s->in) && memchr(s->out, 0, sizeof s->out));
	assert(memchr(s->peer, 0, sizeof s->peer));
	assert(s->capacity >= 1 && s->capacity <= LOOP_CAPACITY_MAX);
	assert((s->pace == PACE_RATE) == (s->rate > 0) && s->rate <= NANOS_PER_SEC);
	assert(f->seed && f->delay_ms <= SETTINGS_DELAY_MAX);
	assert(f->drop <= SETTINGS_PPM && f->repeat <= SETTINGS_PPM && f->reorder <= SETTINGS_PPM);
	assert(f->corrupt <= SETTINGS_PPM && f->truncate <= SETTINGS_PPM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nic_settings s;
	char error[128] = "", *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	for (int driver = EPOCH_DRIVER_PCAP; driver <= EPOCH_DRIVER_TAP; driver++) {
		if (settings_parse(&s, (enum epoch_driver)driver, text, error, sizeof error))
			assert(error[0] && memchr(error, 0, sizeof error));
		else
			check(&s);
	}
	free(text);
	return 0;
}
