/* pcap: a port whose wire is two files: what one holds comes in, what is sent goes to the other.
 *
 * What is journaled is how many frames were taken and how many bytes of records were written; all else
 * follows from the files.  Queue 0 writes the file `out`, queue q the file `out`.q beside it. */
#include "services/ingest/nic/nic.h"
#include "services/ingest/nic/play.h"
#include "services/ingest/nic/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Journaled. */
struct pcap_state {
	uint64_t taken;
	uint64_t written; /* bytes of records */
};

static_assert(sizeof(struct pcap_state) <= CACHE_LINE, "one line a burst");

struct pcap {
	struct play play;
	struct sink sink;
	bool plays;
	bool writes;
	enum settings_pace pace;
	uint64_t rate;
	uint64_t left_at_end; /* frames over all rounds; UINT64_MAX: unknown, or without end */
	uint32_t frame_max;
};

/* Time from the start of the file, as captured or at the rate. */
static nanos_t frame_due(const struct nic *nic, const struct play_frame *f, uint64_t taken, uint64_t round)
{
	const struct pcap *p = nic->driver;
	const struct nic_wishes *w = nic->wishes;
	nanos_t origin = w && w->clock_origin ? w->clock_origin : nic->opened_at, base;

	switch (p->pace) {
	case PACE_MAX: return 0;
	case PACE_RATE: return origin + (nanos_t)((unsigned __int128)taken * NANOS_PER_SEC / p->rate);
	case PACE_CAPTURE: break;
	}
	base = w && w->capture_origin ? w->capture_origin : p->play.first_time;
	return origin + (f->time > base ? f->time - base : 0) + round * p->play.round_time;
}

/* The next frames; a burst that was undone has put the journaled place back behind our own. */
static uint32_t next_frames(const struct nic *nic, const struct play_frame **frames)
{
	struct pcap *p = nic->driver;
	const struct pcap_state *s = nic->state;

	if (!p->plays || s->taken >= p->left_at_end)
		return 0;
	if (unlikely(p->play.taken != s->taken))
		play_seek(&p->play, s->taken);
	return (uint32_t)MIN((uint64_t)play_run(&p->play, frames), p->left_at_end - s->taken);
}

static uint32_t pcap_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	const struct pcap *p = nic->driver;
	const struct play_frame *frames;
	uint32_t n = MIN(next_frames(nic, &frames), max), k = 0;
	uint64_t round;

	if (p->pace == PACE_MAX || !n)
		return n;
	round = play_round(&p->play);
	while (k < n && frame_due(nic, &frames[k], p->play.taken + k, round) <= now)
		k++;
	return k;
}

static nanos_t pcap_rx_next(struct nic *nic)
{
	const struct pcap *p = nic->driver;
	const struct play_frame *frames;

	if (!next_frames(nic, &frames))
		return NANOS_NEVER;
	return frame_due(nic, frames, p->play.taken, play_round(&p->play));
}

/* A frame that is not Ethernet, or longer than a buffer. */
static void take_odd(const struct nic *nic, const struct play_frame *f, struct pkt *pkt, uint8_t *to)
{
	const struct capture_frame frame = {.bytes = f->bytes, .len = f->len, .link = f->link};
	uint32_t len = capture_frame_len(&frame);

	pkt->total_len = len;
	pkt->len = 0;
	if (len > pool_frame_max(nic->pool))
		return;
	capture_frame_copy(&frame, &nic->mac, to);
	pkt->len = (uint16_t)len;
}

/* Short ones without a call: two halves that may overlap. */
static always_inline void copy_frame(uint8_t *to, const uint8_t *from, uint32_t len)
{
	line_half a, b;

	if (unlikely(len < sizeof a || len > 2 * sizeof a)) {
		memcpy(to, from, len);
		return;
	}
	a = *(const line_half *)from;
	b = *(const line_half *)(from + len - sizeof b);
	*(line_half *)to = a;
	*(line_half *)(to + len - sizeof b) = b;
}

static void take_frames(struct nic *nic, const struct play_frame *f, struct burst *b, uint32_t first,
        uint32_t n, uint64_t number)
{
	const struct pcap *p = nic->driver;
	bool traces = nic->wishes && nic->wishes->n_trace;
	uint32_t frame_max = p->frame_max;
	uint64_t cut = 0;

	for (uint32_t k = 0; k < n; k++, f++) {
		struct pkt *pkt = &b->pkt[first + k];

		if (likely(f->link == 1 && f->len <= frame_max)) {
			copy_frame(b->frame[first + k], f->bytes, f->len);
			pkt->len = (uint16_t)f->len;
			pkt->total_len = f->len;
		} else {
			take_odd(nic, f, pkt, b->frame[first + k]);
		}
		cut += f->cut;
		if (unlikely(traces))
			pkt->trace = nic_trace(nic, p->play.in_memory ? (uint32_t)(number + k) : f->number);
	}
	nic->stats.rx_cut += cut;
}

static void pcap_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct pcap *p = nic->driver;
	struct pcap_state *s = nic->state;

	(void)now;
	while (n) {
		const struct play_frame *frames;
		uint32_t k = MIN(next_frames(nic, &frames), n);

		if (unlikely(!k)) { /* the file has become shorter since the frame was promised */
			for (; n; n--)
				b->pkt[first++].len = 0;
			return;
		}
		take_frames(nic, frames, b, first, k, s->taken + 1);
		play_take(&p->play, k);
		s = journal_touch(nic->journal, s);
		s->taken += k;
		first += k;
		n -= k;
	}
	nic->stats.rx_errors = p->play.capture.left_out + p->play.capture.cut + p->play.capture.broken;
}

static void pcap_tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct pcap *p = nic->driver;
	struct pcap_state *s = nic->state;
	int64_t bytes = 0;

	(void)b;
	if (p->writes)
		bytes = sink_write(
		        &p->sink, s->written, packets, n, now + (nic->wishes ? nic->wishes->wall_offset : 0));
	for (uint32_t i = 0; i < n && bytes >= 0; i++)
		ref_sent(packets[i], nic->port);
	for (uint32_t i = 0; i < n && bytes < 0; i++)
		ref_drop(packets[i], DROP_TX_FAILED);
	if (bytes > 0) {
		s = journal_touch(nic->journal, s);
		s->written += (uint64_t)bytes;
	}
	nic->stats.tx_errors += bytes < 0 ? n : 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int check_apart(const struct nic_settings *settings, const char *out, char *error)
{
	if (!settings->in[0] || !same_file(settings->in, out))
		return 0;
	snprintf(error, NIC_ERROR_BYTES, "%.200s cannot be read and written at once", out);
	return -EINVAL;
}

static int open_out(struct nic *nic, struct pcap *p, const struct nic_settings *settings, char *error)
{
	const struct pcap_state *s = nic->state;
	char path[SETTINGS_FILE_BYTES + 16];
	int err;

	if (nic->queue)
		snprintf(path, sizeof path, "%s.%u", settings->out, nic->queue);
	else
		snprintf(path, sizeof path, "%s", settings->out);
	err = check_apart(settings, path, error);
	return err ? err : sink_open(&p->sink, path, s->written, error);
}

static int open_files(struct nic *nic, struct pcap *p, const struct nic_settings *settings, char *error)
{
	int err;

	if (settings->in[0]) {
		err = play_open(&p->play, settings->in, settings->loop != 1, nic->queue, nic->queues, error);
		if (err)
			return err;
		p->plays = true;
		p->left_at_end = settings->loop > 1 ? settings->loop * p->play.n : UINT64_MAX;
	}
	if (settings->out[0]) {
		err = open_out(nic, p, settings, error);
		if (err)
			return err;
		p->writes = true;
	}
	return 0;
}

static void free_pcap(struct pcap *p)
{
	if (p->plays)
		play_close(&p->play);
	free(p);
}

static int pcap_probe(const struct nic_settings *settings, char *error)
{
	struct play play;
	int err = 0;

	if (settings->in[0]) {
		err = play_open(&play, settings->in, false, 0, 1, error);
		if (!err)
			play_close(&play);
	}
	if (!err && settings->out[0])
		err = sink_probe(settings->out, error);
	return err ? err : check_apart(settings, settings->out, error);
}

static int pcap_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	struct pcap *p = calloc(1, sizeof *p);
	int err;

	if (!p) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	p->pace = settings->pace;
	p->rate = settings->rate;
	p->frame_max = pool_frame_max(nic->pool);
	err = open_files(nic, p, settings, error);
	if (err)
		free_pcap(p);
	else
		nic->driver = p;
	return err;
}

static void pcap_close(struct nic *nic)
{
	const struct pcap_state *s = nic->state;
	struct pcap *p = nic->driver;

	if (p->writes)
		sink_close(&p->sink, s->written);
	free_pcap(p);
	nic->driver = NULL;
}

const struct nic_ops nic_pcap = {
        .name = "pcap",
        .copies = true,
        .probe = pcap_probe,
        .open = pcap_open,
        .close = pcap_close,
        .rx_ready = pcap_rx_ready,
        .rx = pcap_rx,
        .rx_next = pcap_rx_next,
        .tx = pcap_tx,
};
