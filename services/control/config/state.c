#include "services/control/config/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL "history.jsonl"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- files ---- */

static int write_all(int fd, const void *bytes, size_t len, uint64_t at)
{
	const char *from = bytes;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, char **text, size_t *len)
{
	struct stat st;
	size_t got = 0;
	ssize_t n = 1;

	*text = NULL;
	if (fstat(fd, &st))
		return -errno;
	*text = malloc((size_t)st.st_size + 1);
	if (!*text)
		return -ENOMEM;
	while (n > 0 && got < (size_t)st.st_size) {
		n = pread(fd, *text + got, (size_t)st.st_size - got, (off_t)got);
		got += n > 0 ? (size_t)n : 0;
		n = n < 0 && errno == EINTR ? 1 : n;
	}
	(*text)[got] = 0;
	*len = got;
	if (n >= 0)
		return 0;
	free(*text);
	*text = NULL;
	return -errno;
}

/* The file is there whole under its name, or what was there before is. */
static int write_file(int folder, const char *name, const void *bytes, size_t len)
{
	char fresh[64];
	int fd, err;

	snprintf(fresh, sizeof fresh, "%s.new", name);
	fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, bytes, len, 0);
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	if (!err && renameat(folder, fresh, folder, name))
		err = -errno;
	if (!err && fsync(folder))
		err = -errno;
	if (err)
		(void)unlinkat(folder, fresh, 0);
	return err;
}

/* ---- texts ---- */

static void text_name(uint32_t number, char name[32])
{
	snprintf(name, 32, "%u.yaml", number);
}

int state_keep(struct state *s, uint32_t number, const void *text, size_t len)
{
	char name[32];

	text_name(number, name);
	return write_file(s->texts, name, text, len);
}

int state_text(const struct state *s, uint32_t number, char **text, size_t *len)
{
	char name[32];
	int fd, err;

	*text = NULL;
	*len = 0;
	text_name(number, name);
	fd = openat(s->texts, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = read_all(fd, text, len);
	close(fd);
	return err;
}

/* Of those that are not needed only the newest stay. */
static void prune(struct state *s)
{
	const struct history *h = &s->history;
	uint32_t seen = 0;

	for (uint32_t i = h->n; i-- > 0;) {
		const struct change *c = &h->list[i];
		char name[32];

		text_name(c->r.number, name);
		if ((history_has_text(c) && seen++ < STATE_TEXTS) || history_needs(h, c->r.number))
			continue;
		if (unlinkat(s->texts, name, 0) && history_has_text(c))
			return; /* and all before it, long ago */
	}
}

/* ---- the journal ---- */

static int append(struct state *s, const struct entry *r)
{
	char line[ENTRY_LINE];
	size_t len = entry_write(r, line);
	int err = write_all(s->journal, line, len, s->len);

	if (!err && fdatasync(s->journal))
		err = -errno;
	if (!err)
		s->len += len;
	else if (ftruncate(s->journal, (off_t)s->len))
		err = -EIO; /* what is behind the end is written over by the next one */
	return err;
}

/* A change as the entries that fold to it. */
static void write_change(FILE *to, const struct change *c)
{
	struct entry first = c->r, last = {.number = c->r.number, .event = c->r.event, .uid = -1};
	char line[ENTRY_LINE];

	if (c->ended_ms) {
		last.at_ms = c->ended_ms;
		last.epoch = c->r.epoch;
		last.took_us = c->r.took_us;
		memcpy(last.why, c->r.why, sizeof last.why);
		first.event = ENTRY_BEGUN;
		first.why[0] = 0;
		first.took_us = 0;
	}
	(void)fwrite(line, 1, entry_write(&first, line), to);
	if (c->ended_ms)
		(void)fwrite(line, 1, entry_write(&last, line), to);
}

static int compact_into(struct state *s, FILE *to)
{
	struct history *h = &s->history;
	struct entry now = {.number = h->in_force,
	        .event = ENTRY_RESTORED,
	        .at_ms = h->since_ms,
	        .uid = -1,
	        .epoch = h->in_force_epoch};
	char line[ENTRY_LINE];

	for (uint32_t i = 0; i < h->n; i++)
		write_change(to, &h->list[i]);
	if (h->in_force)
		(void)fwrite(line, 1, entry_write(&now, line), to);
	return ferror(to) ? -ENOMEM : 0;
}

/* The journal anew, without what is forgotten; where that fails, it stays as it is. */
static int compact(struct state *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	int fd, err = to ? compact_into(s, to) : -ENOMEM;

	if (to && fclose(to))
		err = -ENOMEM;
	if (!err)
		err = write_file(s->folder, JOURNAL, text, len);
	free(text);
	if (err)
		return err;
	fd = openat(s->folder, JOURNAL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(s->journal);
	s->journal = fd;
	s->len = len;
	return 0;
}

int state_note(struct state *s, struct entry *r)
{
	struct history *h = &s->history;
	int err;

	r->at_ms = now_ms();
	if ((h->n >= STATE_CHANGES || s->len > STATE_JOURNAL) && !h->begun && !h->waits) {
		history_forget(h, STATE_CHANGES / 2);
		err = compact(s);
		if (err)
			return err;
	}
	err = append(s, r);
	if (!err)
		err = history_take(h, r);
	if (!err && r->event == ENTRY_APPLIED)
		prune(s);
	if (!err && s->noted)
		s->noted(s->context, r);
	return err;
}

/* ---- opening ---- */

/* Reads the lines; what is behind the last newline was cut short by a death. */
static int fold(struct state *s, const char *text, size_t len)
{
	const char *at = text, *end;
	struct entry r;
	int err = 0;

	while (!err && (end = memchr(at, '\n', len - (size_t)(at - text)))) {
		if (entry_read(&r, at, (size_t)(end - at)))
			s->unreadable++;
		else
			err = history_take(&s->history, &r);
		at = end + 1;
	}
	s->len = (uint64_t)(at - text);
	if (!err && s->len < len && ftruncate(s->journal, (off_t)s->len))
		err = -errno;
	return err;
}

static int open_journal(struct state *s)
{
	char *text = NULL;
	size_t len = 0;
	int err;

	s->journal = openat(s->folder, JOURNAL, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->journal < 0 || fsync(s->folder))
		return -errno;
	err = read_all(s->journal, &text, &len);
	if (!text)
		return err;
	s->history.next = 1;
	err = fold(s, text, len);
	free(text);
	return err;
}

/* `path` and its folder of texts; -EBUSY: somebody has it. */
static int open_folders(struct state *s, const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	s->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder < 0)
		return -errno;
	if (flock(s->folder, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (mkdirat(s->folder, "config", 0700) && errno != EEXIST)
		return -errno;
	s->texts = openat(s->folder, "config", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->texts < 0 ? -errno : 0;
}

int state_open(struct state *s, const char *path, char *why, size_t size)
{
	int err;

	*s = (struct state){.folder = -1, .texts = -1, .journal = -1};
	err = open_folders(s, path);
	if (!err)
		err = open_journal(s);
	if (!err)
		return 0;
	snprintf(why, size, "the state folder %.300s cannot be used: %s", path,
	        err == -EBUSY ? "another control has it" : strerror(-err));
	state_close(s);
	return err;
}

void state_close(struct state *s)
{
	if (s->journal >= 0)
		close(s->journal);
	if (s->texts >= 0)
		close(s->texts);
	if (s->folder >= 0)
		close(s->folder);
	history_free(&s->history);
	s->journal = s->texts = s->folder = -1;
}
