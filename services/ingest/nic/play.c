#include "services/ingest/nic/play.h"

#include "services/ingest/nic/rss.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_AHEAD 512u

static int fail(char *error, const char *path, const char *what, int err)
{
	snprintf(error, NIC_ERROR_BYTES, "%.200s %s%s%s", path, what, err ? ": " : "",
	        err ? strerror(err) : "");
	return err ? -err : -EINVAL;
}

static int map_file(struct play *p, const char *path, char *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;

	if (fd < 0)
		return fail(error, path, "cannot be opened", errno);
	if (fstat(fd, &st))
		err = fail(error, path, "cannot be looked at", errno);
	else if (!S_ISREG(st.st_mode))
		err = fail(error, path, "is no regular file", 0);
	else if (st.st_size == 0)
		err = fail(error, path, "is empty", 0);
	if (!err) {
		p->size = (uint64_t)st.st_size;
		p->map = mmap(
		        NULL, p->size, PROT_READ, MAP_PRIVATE | (p->in_memory ? MAP_POPULATE : 0), fd, 0);
		if (p->map == MAP_FAILED) {
			p->map = NULL;
			err = fail(error, path, "cannot be mapped", errno);
		}
	}
	close(fd);
	return err;
}

/* Whether the frame is one of this queue's. */
static bool is_ours(struct play *p, const struct capture_frame *f)
{
	static const struct mac_addr any;

	if (p->queues == 1)
		return true;
	capture_frame_copy(f, &any, p->scratch);
	return rss_frame(p->scratch, capture_frame_len(f)) % RSS_TABLE % p->queues == p->queue;
}

static void add_frame(struct play *p, const struct capture_frame *f)
{
	p->frame[p->n++] = (struct play_frame){
	        .bytes = f->bytes,
	        .time = f->time,
	        .len = f->len,
	        .number = f->number,
	        .link = f->link,
	        .cut = f->cut != 0,
	};
}

/* The next frames of the file in place of those that are through. */
static void read_ahead(struct play *p)
{
	struct capture_frame f;

	p->n = p->at = 0;
	while (p->n < p->room && capture_next(&p->capture, &f))
		if (is_ours(p, &f))
			add_frame(p, &f);
}

/* Where `taken` frames of this queue are behind. */
static void rewind_to(struct play *p, uint64_t taken)
{
	struct capture_frame f;
	char ignored[NIC_ERROR_BYTES];

	if (capture_open(&p->capture, p->map, p->size, ignored, sizeof ignored))
		assert(!"it could be opened before");
	p->n = p->at = 0;
	p->taken = taken;
	while (taken && capture_next(&p->capture, &f))
		taken -= is_ours(p, &f);
}

/* All frames; the time of a round is that of the file and, behind it, a frame's mean distance. */
static int read_all(struct play *p, const char *path, char *error)
{
	struct capture_frame f;

	while (capture_next(&p->capture, &f)) {
		if (p->n == p->room) {
			void *more = realloc(p->frame, (size_t)p->room * 2 * sizeof *p->frame);

			if (!more)
				return fail(error, path, "has too many frames to be kept in memory", ENOMEM);
			p->frame = more;
			p->room *= 2;
		}
		if (is_ours(p, &f))
			add_frame(p, &f);
	}
	if (!p->n)
		return fail(error, path, "has no frame that could be played again and again", 0);
	p->round_time = f.time > p->first_time ? f.time - p->first_time : 0;
	p->round_time += MAX(p->round_time / p->n, NANOS_PER_US);
	return 0;
}

static int start(struct play *p, const char *path, char *error)
{
	char what[256];
	struct capture_frame f;

	if (capture_open(&p->capture, p->map, p->size, what, sizeof what))
		return fail(error, path, what, 0);
	p->first_time = capture_next(&p->capture, &f) ? f.time : 0;
	p->room = READ_AHEAD;
	p->frame = malloc(READ_AHEAD * sizeof *p->frame);
	p->scratch = malloc(CAPTURE_FRAME_MAX + 14);
	if (!p->frame || !p->scratch)
		return fail(error, path, "cannot be read", ENOMEM);
	rewind_to(p, 0);
	return p->in_memory ? read_all(p, path, error) : 0;
}

int play_open(struct play *p, const char *path, bool in_memory, uint32_t queue, uint32_t queues, char *error)
{
	int err;

	memset(p, 0, sizeof *p);
	p->in_memory = in_memory;
	p->queue = queue;
	p->queues = queues;
	err = map_file(p, path, error);
	if (!err)
		err = start(p, path, error);
	if (err)
		play_close(p);
	return err;
}

void play_close(struct play *p)
{
	if (p->map)
		munmap(p->map, p->size);
	free(p->frame);
	free(p->scratch);
	memset(p, 0, sizeof *p);
}

void play_seek(struct play *p, uint64_t taken)
{
	if (p->in_memory) {
		p->at = (uint32_t)(taken % p->n);
		p->taken = taken;
	} else {
		rewind_to(p, taken);
	}
}

uint32_t play_run(struct play *p, const struct play_frame **frames)
{
	if (unlikely(p->at == p->n)) {
		if (p->in_memory)
			p->at = 0;
		else
			read_ahead(p);
	}
	*frames = p->frame + p->at;
	return p->n - p->at;
}

void play_take(struct play *p, uint32_t k)
{
	assert(k <= p->n - p->at);
	p->at += k;
	p->taken += k;
}

uint64_t play_round(const struct play *p)
{
	return p->in_memory ? p->taken / p->n : 0;
}
