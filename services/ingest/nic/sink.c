#include "services/ingest/nic/sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SINK_BATCH 256u

struct file_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t zone;
	uint32_t accuracy;
	uint32_t snaplen;
	uint32_t link;
};

static_assert(sizeof(struct file_header) == 24, "as in the file");

struct record_header {
	uint32_t seconds;
	uint32_t nanos;
	uint32_t captured;
	uint32_t on_wire;
};

static_assert(sizeof(struct record_header) == 16, "as in the file");

static const struct file_header file_header = {
        .magic = 0xa1b23c4d, .major = 2, .minor = 4, .snaplen = 262144, .link = 1};

/* The first `committed` bytes of records stay. */
static int cut_to(int fd, uint64_t committed)
{
	off_t length = (off_t)(sizeof file_header + committed);
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (committed && st.st_size < length)
		return -ESPIPE;
	return ftruncate(fd, length) ? -errno : 0;
}

static int write_header(int fd)
{
	ssize_t n = pwrite(fd, &file_header, sizeof file_header, 0);

	return n == (ssize_t)sizeof file_header ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int open_file(const char *path, int *fd)
{
	struct stat st;

	*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	if (*fd < 0 || fstat(*fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -ENODEV;
}

static int say_why(const char *path, int err, char *error)
{
	const char *what = err == -ENODEV   ? "it is no regular file"
	                   : err == -ESPIPE ? "it is shorter than what was written to it"
	                                    : strerror(-err);

	snprintf(error, NIC_ERROR_BYTES, "%.200s cannot be written: %s", path, what);
	return err;
}

int sink_probe(const char *path, char *error)
{
	int fd, err = open_file(path, &fd);

	if (fd >= 0)
		close(fd);
	return err ? say_why(path, err, error) : 0;
}

int sink_open(struct sink *s, const char *path, uint64_t committed, char *error)
{
	int err = open_file(path, &s->fd);

	if (!err)
		err = cut_to(s->fd, committed);
	if (!err)
		err = write_header(s->fd);
	if (!err)
		return 0;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	return say_why(path, err, error);
}

/* All of it, or an error. */
static int write_all(int fd, struct iovec *v, uint32_t n, uint64_t bytes, off_t at)
{
	while (bytes) {
		ssize_t done = pwritev(fd, v, (int)n, at);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done == 0)
			return -ENOSPC;
		done = MAX(done, (ssize_t)0);
		bytes -= (uint64_t)done;
		at += done;
		while (n && (size_t)done >= v->iov_len) {
			done -= (ssize_t)v->iov_len;
			v++, n--;
		}
		if (n) {
			v->iov_base = (uint8_t *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int64_t write_batch(
        struct sink *s, uint64_t behind, const struct pkt_ref *packets, uint32_t n, nanos_t at)
{
	struct record_header head[SINK_BATCH];
	struct iovec v[2 * SINK_BATCH];
	uint64_t bytes = 0;
	int err;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = packets[i].pkt->len;

		head[i] = (struct record_header){
		        (uint32_t)(at / NANOS_PER_SEC), (uint32_t)(at % NANOS_PER_SEC), len, len};
		v[2 * i] = (struct iovec){&head[i], sizeof head[i]};
		v[2 * i + 1] = (struct iovec){*packets[i].frame, len};
		bytes += sizeof head[i] + len;
	}
	err = write_all(s->fd, v, 2 * n, bytes, (off_t)(sizeof file_header + behind));
	return err ? err : (int64_t)bytes;
}

int64_t sink_write(struct sink *s, uint64_t committed, const struct pkt_ref *packets, uint32_t n, nanos_t at)
{
	int64_t bytes = 0;

	for (uint32_t i = 0; i < n; i += SINK_BATCH) {
		int64_t k = write_batch(
		        s, committed + (uint64_t)bytes, packets + i, MIN(n - i, SINK_BATCH), at);

		if (k < 0)
			return k;
		bytes += k;
	}
	return bytes;
}

void sink_close(struct sink *s, uint64_t committed)
{
	/* A file that cannot be cut keeps records that no burst committed: the next start cuts it. */
	if (ftruncate(s->fd, (off_t)(sizeof file_header + committed)))
		assert(errno != EBADF);
	close(s->fd);
	s->fd = -1;
}
