#include "tests/crash/real.h"

#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/router/router.h"
#include "services/session/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const struct stage_ops *const real_stages[STAGE_COUNT] = {
        [STAGE_INGEST] = &ingest_stage,
        [STAGE_FILTER] = &filter_stage,
        [STAGE_ROUTER] = &router_stage,
        [STAGE_SESSION] = &session_stage,
};

#define PORTS 2u

static const char *const ports[PORTS] = {"wan", "lan"};

static void give_up(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(2);
}

/* The frames of a capture. */
struct frames {
	uint8_t bytes[1 << 20];
	const uint8_t *at[4096];
	uint32_t len[4096];
	uint32_t n;
};

static void read_frames(struct frames *f, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t bytes = fd < 0 ? 0 : read(fd, f->bytes, sizeof f->bytes);

	f->n = 0;
	for (ssize_t off = 24; off + 16 <= bytes && f->n < ARRAY_LEN(f->at); f->n++) {
		uint32_t len = load_u32(f->bytes + off + 8);

		if (off + 16 + (ssize_t)len > bytes)
			break;
		f->at[f->n] = f->bytes + off + 16;
		f->len[f->n] = len;
		off += 16 + (ssize_t)len;
	}
	if (fd >= 0)
		close(fd);
}

void real_load(struct real *real, const char *path, const char *captures)
{
	struct config_errors errors = {0};
	int err = config_load(path, &real->config, &errors);

	if (err) {
		config_errors_print(stderr, &errors);
		exit(2);
	}
	config_errors_free(&errors);
	for (uint32_t i = 0; i < PORTS && !err; i++) {
		static struct frames frames;
		char text[1024];

		snprintf(text, sizeof text, "%s/%s.pcap", captures, ports[i]);
		read_frames(&frames, text);
		real->frames += frames.n;
		snprintf(text, sizeof text, "in=%s/%s.pcap;out=%s-out.pcap", captures, ports[i], ports[i]);
		err = config_port_set_driver(real->config, i, EPOCH_DRIVER_PCAP, text);
	}
	if (!real->frames)
		give_up(captures, -ENODATA);
	if (!err)
		err = publish_sizes(real->config, &real->epoch_bytes, &real->fib_bytes);
	if (err)
		give_up(path, err);
	config_params(real->config, &real->params);
}

void real_publish(struct real *real, struct appliance *a)
{
	int err;

	publisher_init(&real->publisher, a);
	err = publish_config(&real->publisher, real->config);
	if (err)
		give_up("the configuration cannot be published", err);
}

void real_end(struct real *real)
{
	publisher_end(&real->publisher);
	config_free(real->config);
}

/* The descriptor that is open on a file; -1: none. */
static int descriptor_of(const char *path)
{
	struct stat want, have;

	if (stat(path, &want))
		return -1;
	for (int fd = 3; fd < 256; fd++)
		if (!fstat(fd, &have) && have.st_ino == want.st_ino && have.st_dev == want.st_dev)
			return fd;
	return -1;
}

/* A copy of the file at `path` in the folder `apart`; who had the file open has the copy open. */
static void copy_apart(const char *path)
{
	static char bytes[1 << 20];
	char to[64];
	int fd = descriptor_of(path), from = open(path, O_RDONLY), copy;
	ssize_t n = from < 0 ? 0 : read(from, bytes, sizeof bytes);

	snprintf(to, sizeof to, "apart/%s", path);
	unlink(to); /* what is cut to nothing and written anew goes to the disk at once */
	copy = open(to, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (n < 0 || n == sizeof bytes || copy < 0 || write(copy, bytes, (size_t)n) != n)
		give_up(to, -errno);
	if (fd >= 0 && dup2(copy, fd) < 0)
		give_up(to, -errno);
	close(copy);
	if (from >= 0)
		close(from);
}

void real_apart(struct cut *cut)
{
	(void)cut;
	if (mkdir("apart", 0700) && errno != EEXIST)
		give_up("apart", -errno);
	for (uint32_t i = 0; i < PORTS; i++) {
		char path[32];

		snprintf(path, sizeof path, "%s-out.pcap", ports[i]);
		copy_apart(path);
	}
	if (chdir("apart"))
		give_up("apart", -errno);
}

static bool left_twice(const struct frames *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (!memmem(f->at[i], f->len[i], "sluice", 6))
			continue;
		for (uint32_t k = 0; k < i; k++)
			if (f->len[k] == f->len[i] && !memcmp(f->at[k], f->at[i], f->len[i]))
				return true;
	}
	return false;
}

const char *real_judge(struct cut *cut)
{
	static struct frames frames;
	static struct account account;
	static char text[96];
	uint64_t left = 0;

	account_read(&account, &cut->appliance);
	for (uint32_t i = 0; i < PORTS; i++) {
		char path[32];

		snprintf(path, sizeof path, "%s-out.pcap", ports[i]);
		read_frames(&frames, path);
		left += frames.n;
		if (left_twice(&frames))
			return "a frame left twice";
	}
	if (left == account.appliance.sent)
		return NULL;
	snprintf(text, sizeof text, "%u frames left, the account says %u", (unsigned)left,
	        (unsigned)account.appliance.sent);
	return text;
}
