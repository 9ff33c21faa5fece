#include "common/sluice/internal.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

/* The words of one datagram at the ring's head into id[]; how many, 0: it is not whole, or is none. */
static uint32_t datagram_words(struct sluice *s, uint32_t l, uint32_t used, uint32_t *id, uint32_t max)
{
	struct lane *lane = &s->lane[l];
	uint64_t word = APP_MORE;
	uint32_t n = 0;

	for (; word & APP_MORE; n++) {
		if (n == used || n == max)
			return 0;
		word = ring_get(&lane->rx, lane->rx_cons + n);
		if ((word & ~APP_MORE) >= s->at.chunks)
			return 0;
		id[n] = l * s->at.chunks + (uint32_t)word;
	}
	return n;
}

static bool pump_lane(struct sluice *s, uint32_t l)
{
	struct lane *lane = &s->lane[l];
	uint32_t id[1 + APP_DATAGRAM_MAX / APP_CHUNK + 1], used = ring_used(&lane->rx, lane->rx_cons), n;
	uint32_t before = lane->rx_cons;

	while (used && (n = datagram_words(s, l, used, id, ARRAY_LEN(id)))) {
		sluice_queue_arrived(s, id, n);
		lane->rx_cons += n;
		used -= n;
	}
	if (lane->rx_cons == before)
		return false;
	ring_release(&lane->rx, lane->rx_cons);
	ring_publish(&lane->fill, lane->fill_prod); /* of what was dropped */
	return true;
}

bool sluice_pump(struct sluice *s)
{
	bool any = false;

	for (uint32_t l = 0; l < s->lanes; l++)
		any |= pump_lane(s, l);
	return any;
}

static void drain(struct lane *l)
{
	uint8_t bytes[256];
	ssize_t got;

	do
		got = recv(l->bell, bytes, sizeof bytes, MSG_DONTWAIT);
	while (got == (ssize_t)sizeof bytes || (got < 0 && errno == EINTR));
}

void sluice_nudge(struct sluice *s)
{
	s->nudged = eventfd_write(s->nudge, 1) == 0;
}

bool sluice_pump_or_arm(struct sluice *s)
{
	eventfd_t count;

	if (sluice_pump(s))
		return true;
	if (s->nudged)
		s->nudged = eventfd_read(s->nudge, &count) != 0;
	for (uint32_t l = 0; l < s->lanes; l++) {
		struct lane *lane = &s->lane[l];

		if (lane->armed)
			drain(lane);
		ring_disarm(&lane->rx);
		ring_arm(&lane->rx);
		lane->armed = true;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with clients_kick's, between publishing and waking */
	return sluice_pump(s);
}

/* What comes unasked is an answer given twice, or the end. */
static bool hung_up(const struct sluice *s)
{
	uint8_t byte;
	ssize_t got = recv(s->conn, &byte, sizeof byte, MSG_DONTWAIT);

	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

int sluice_sleep_on(struct sluice *s, int timeout_ms)
{
	struct epoll_event events[LANES_MAX + 1];
	int n = s->gone ? 0 : epoll_wait(s->epoll, events, LANES_MAX + 1, timeout_ms);

	for (int i = 0; i < n && !s->gone; i++)
		s->gone = events[i].data.u32 >= s->lanes && hung_up(s);
	if (s->gone) {
		errno = ENETDOWN;
		return -1;
	}
	return n < 0 ? 1 : n > 0; /* a signal: the caller looks at the time again */
}

void sluice_wake_session(struct lane *l)
{
	uint8_t byte = 0;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with worker_sleep's, between arming and looking again */
	if (ring_must_wake(&l->tx))
		(void)send(l->bell, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* full: it has been rung */
}

int64_t sluice_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* 1: there is something; 0: time; -1: errno. */
static int wait_for_ready(struct sluice *s, int timeout_ms)
{
	int64_t until = timeout_ms > 0 ? sluice_clock_ms() + timeout_ms : 0;

	while (!s->ready && !sluice_pump_or_arm(s)) {
		int left = timeout_ms > 0 ? (int)MAX(until - sluice_clock_ms(), INT64_C(0)) : timeout_ms;
		int slept = sluice_sleep_on(s, left);

		if (slept <= 0)
			return slept;
	}
	return 1;
}

int sluice_wait(struct sluice *s, struct sluice_socket **ready, int max, int timeout_ms)
{
	int n = 0, there;

	(void)sluice_pump(s);
	there = wait_for_ready(s, timeout_ms);
	if (there <= 0)
		return there;
	for (struct sluice_socket *k = s->ready; k && n < max; k = k->ready_next)
		ready[n++] = k;
	for (int i = 0; i < n; i++)
		sluice_ready_turn(ready[i]);
	return n;
}
