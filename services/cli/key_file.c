#include "services/cli/key_file.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS 077

static const struct field {
	const char *word;
	size_t at, size;
	bool needed;
} fields[] = {
#define FIELD(word, member, needed)                                                                          \
	{                                                                                                    \
		word, offsetof(struct key_file, member), sizeof(((struct key_file *)0)->member), needed      \
	}
        FIELD("name", name, true),
        FIELD("public-key", pair.public_key, true),
        FIELD("secret-key", pair.secret_key, true),
        FIELD("server-key", server_key, false),
#undef FIELD
};

__attribute__((format(printf, 3, 4))) static int fail(char *why, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, KEY_FILE_WHY, format, ap);
	va_end(ap);
	return err;
}

/* A file that is this user's secret. */
static FILE *open_secret(const char *path, char *why, int *err)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	*err = 0;
	if (!f || fstat(fileno(f), &st))
		*err = fail(why, -errno, "the key file %.400s cannot be read: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		*err = fail(why, -EINVAL, "%.400s is no file with a key", path);
	else if (st.st_mode & OTHERS)
		*err = fail(why, -EPERM,
		        "others may read %.400s (mode %04o), so that its key is no secret: chmod 600 it, or "
		        "make another",
		        path, st.st_mode & 07777);
	if (*err && f)
		fclose(f);
	return *err ? NULL : f;
}

/* "word value\n"; false: none of ours. */
static bool take_line(struct key_file *key, char *line)
{
	char *value = strchr(line, ' ');

	line[strcspn(line, "\r\n")] = 0;
	if (!*line || *line == '#')
		return true;
	for (size_t i = 0; value && i < ARRAY_LEN(fields); i++) {
		size_t len = strlen(fields[i].word);

		if (strncmp(line, fields[i].word, len) != 0 || line[len] != ' ' ||
		        strlen(value + 1) >= fields[i].size)
			continue;
		memcpy((char *)key + fields[i].at, value + 1, strlen(value + 1) + 1);
		return true;
	}
	return false;
}

static bool is_whole(const struct key_file *key)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].needed && !*((const char *)key + fields[i].at))
			return false;
	return rpc_key_good(key->pair.public_key) && rpc_key_good(key->pair.secret_key) &&
	       (!*key->server_key || rpc_key_good(key->server_key));
}

int key_file_read(const char *path, struct key_file *key, char *why)
{
	char line[256];
	uint32_t number = 0;
	int err;
	FILE *f = open_secret(path, why, &err);

	*key = (struct key_file){0};
	if (!f)
		return err;
	while (!err && fgets(line, sizeof line, f)) {
		number++;
		if (!take_line(key, line))
			err = fail(why, -EINVAL,
			        "%.400s:%u: no line of a key file, which has name, public-key, secret-key "
			        "and server-key",
			        path, number);
	}
	fclose(f);
	if (!err && !is_whole(key))
		err = fail(why, -EINVAL, "%.400s holds no whole key: make one with `sluice keys make NAME`",
		        path);
	return err;
}

int key_file_write(const char *path, const struct key_file *key)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int err = f ? 0 : -errno;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	fprintf(f, "# A key for sluice --server tcp://HOST:PORT --key FILE: a secret of its owner's.\n");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (*((const char *)key + fields[i].at))
			fprintf(f, "%s %s\n", fields[i].word, (const char *)key + fields[i].at);
	if (fflush(f) || fsync(fd))
		err = -errno;
	fclose(f);
	if (err)
		unlink(path);
	return err;
}
