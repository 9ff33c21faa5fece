#include "common/sluice/internal.h"

#include "common/handle/handle.h"

#define AGAIN_MS    500 /* the broker may have died over the question: it is put again */
#define PATIENCE_MS 10000

/* 1: that is it; 0: something else, or nothing; a negative errno. */
static int hear(struct sluice *s, uint32_t number, struct app_answer *answer)
{
	struct handle h;
	int got = handle_receive(s->conn, &h, AGAIN_MS);

	if (got <= 0)
		return got;
	got = !strcmp(h.name, "answer") && h.bytes == sizeof *answer;
	if (got)
		memcpy(answer, h.body, sizeof *answer);
	handle_close(&h);
	return got && answer->number == number;
}

static int put_question(struct sluice *s, const struct app_ask *question, struct app_answer *answer)
{
	int64_t until = sluice_clock_ms() + PATIENCE_MS;
	int got = 0;

	while (!got && sluice_clock_ms() < until) {
		got = handle_send(s->conn, "ask", question, sizeof *question, NULL, 0);
		if (!got || got == -EAGAIN)
			got = hear(s, question->number, answer);
	}
	if (got < 0)
		s->gone = true;
	return got > 0 ? 0 : got < 0 ? ENETDOWN : ETIMEDOUT;
}

static bool taken_up(const struct sluice *s, uint32_t changes)
{
	for (uint32_t l = 0; l < s->lanes; l++) {
		uint32_t at = __atomic_load_n(&s->lane[l].region->taken_up, __ATOMIC_ACQUIRE);

		if ((int32_t)(at - changes) < 0)
			return false;
	}
	return true;
}

/* Until session has taken up what was answered. */
static int settle(struct sluice *s, uint32_t changes)
{
	int64_t until = sluice_clock_ms() + PATIENCE_MS, left;

	while (!taken_up(s, changes)) {
		left = until - sluice_clock_ms();
		if (left <= 0)
			return ETIMEDOUT;
		if (!sluice_pump_or_arm(s) && !taken_up(s, changes) && sluice_sleep_on(s, (int)left) < 0)
			return errno;
	}
	return 0;
}

int sluice_ask(struct sluice *s, struct app_ask *question, struct app_answer *answer)
{
	int err;

	if (s->gone)
		return ENETDOWN;
	question->number = ++s->asked;
	err = put_question(s, question, answer);
	if (!err)
		err = answer->error;
	if (!err)
		err = settle(s, answer->changes);
	sluice_nudge(s);
	return err;
}
