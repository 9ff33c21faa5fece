/* play: a capture file as a source of frames: in order, from any place on, once from the file or again and
 * again from memory.
 *
 *     play_open(&p, path, in_memory, queue, queues, error);
 *     play_seek(&p, taken);                     after a death: goes on behind as many frames
 *     while ((n = play_run(&p, &frames))) { use the first k of them; play_take(&p, k); }
 *
 * With several queues a queue has the frames whose hash (rss.h) falls to it, as a NIC would share them out.
 * Part of ingest's pcap driver; one thread for one structure.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_PLAY_H
#define SLUICE_SERVICES_INGEST_NIC_PLAY_H

#include "services/ingest/nic/capture.h"
#include "services/ingest/nic/nic.h"

struct play_frame {
	const uint8_t *bytes; /* in the file */
	nanos_t time;
	uint32_t len;
	uint32_t number; /* in the capture, from 1 */
	uint16_t link;
	uint16_t cut; /* 1: who captured it cut it short */
	uint32_t unused;
};

static_assert(sizeof(struct play_frame) == 32, "two a line");

struct play {
	void *map;
	uint64_t size;
	struct capture capture;
	struct play_frame *frame; /* all of them in memory, else those read ahead */
	uint32_t n;
	uint32_t room;
	uint32_t at;    /* the next of them */
	uint64_t taken; /* frames before it, over all rounds */
	bool in_memory;
	uint32_t queue;
	uint32_t queues;
	uint8_t *scratch;   /* room for a frame */
	nanos_t first_time; /* of the file */
	nanos_t round_time; /* in memory: from the first frame to that of the next round */
};

/* 0, or a negative errno and a sentence in error (NIC_ERROR_BYTES). */
[[nodiscard]] int play_open(
        struct play *p, const char *path, bool in_memory, uint32_t queue, uint32_t queues, char *error);
void play_close(struct play *p);

/* Goes to where `taken` frames are behind. */
void play_seek(struct play *p, uint64_t taken);

/* The frames that come next, as many as lie ready (more may follow); 0 at the end of the file, in memory
 * never. */
uint32_t play_run(struct play *p, const struct play_frame **frames);

/* The first k of them are taken. */
void play_take(struct play *p, uint32_t k);

/* Which round of the file it is, from 0. */
uint64_t play_round(const struct play *p);

#endif
