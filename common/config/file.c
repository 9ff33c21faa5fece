#include "common/config/file.h"

#include "common/config/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_whole(int fd, char **text, size_t *len)
{
	size_t room = 65536, n = 0;
	char *buffer = malloc(room);
	struct stat st;
	ssize_t got = 1;

	if (buffer && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		free(buffer);
		return -EISDIR;
	}
	while (buffer && got > 0) {
		if (n + 1 == room) {
			char *more = room < FILE_BYTES_MAX ? realloc(buffer, room *= 2) : NULL;

			if (!more) {
				free(buffer);
				return room < FILE_BYTES_MAX ? -ENOMEM : -EFBIG;
			}
			buffer = more;
		}
		got = read(fd, buffer + n, room - n - 1);
		n += got > 0 ? (size_t)got : 0;
		if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (!buffer)
		return -ENOMEM;
	if (got < 0) {
		int fault = -errno;

		free(buffer);
		return fault;
	}
	buffer[n] = 0;
	*text = buffer;
	*len = n;
	return 0;
}

int file_read(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int fault;

	if (fd < 0)
		return -errno;
	fault = read_whole(fd, text, len);
	close(fd);
	return fault;
}

const char *path_in_folder(struct loader *l, const char *path)
{
	const char *folder = l->config->memory->folder;
	size_t a = strlen(folder), b = strlen(path);
	char *joined;

	if (path[0] == '/' || !a)
		return path;
	joined = arena_take(l->arena, a + b + 1);
	if (joined)
		snprintf(joined, a + b + 1, "%s%s", folder, path);
	return joined;
}
