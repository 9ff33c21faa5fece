#include "services/keeper/internal.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define CALL_EVERY (100 * NANOS_PER_MS)

int call_socket_path(const char *folder, struct sockaddr_un *address)
{
	int n = snprintf(address->sun_path, sizeof address->sun_path, "%s/keeper.sock", folder);

	address->sun_family = AF_UNIX;
	return n > 0 && (size_t)n < sizeof address->sun_path ? 0 : -ENAMETOOLONG;
}

int call_folder(const char *run_dir, enum role role, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/" CALL_APART "/%s", run_dir, board_role_name(role));

	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int call_connect(const char *folder)
{
	struct sockaddr_un address = {0};
	int sock, err = call_socket_path(folder, &address);

	if (err)
		return err;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	handle_widen(sock);
	if (connect(sock, (const struct sockaddr *)&address, sizeof address) == 0)
		return sock;
	err = -errno;
	close(sock);
	return err;
}

/* Its pidfd, since a number says nothing in another namespace. */
int call_hello(int sock, enum role role, bool bare)
{
	const struct hello h = {.role = (uint32_t)role, .bare = bare};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0), err = self < 0 ? -errno : 0;

	if (!err)
		err = handle_send(sock, "hello", &h, sizeof h, &self, 1);
	if (self >= 0)
		close(self);
	return err;
}

int call_child(const struct attendant *a)
{
	int32_t pid = a->child;

	/* Without a keeper nobody would take over: the next one is told. */
	return a->keeper < 0 ? 0 : handle_send(a->keeper, "child", &pid, sizeof pid, &a->child_fd, 1);
}

void call_ready(const struct attendant *a)
{
	if (a->keeper >= 0)
		(void)handle_send(a->keeper, "ready", NULL, 0, NULL, 0); /* for its log alone */
}

static int tell_all(struct attendant *a)
{
	int err = call_hello(a->keeper, a->role, false);

	if (!err && a->child_fd >= 0)
		err = call_child(a);
	if (!err && a->ready)
		err = handle_send(a->keeper, "ready", NULL, 0, NULL, 0);
	if (!err)
		err = kept_send_all(&a->kept, a->keeper, "keep");
	return err ? err : handle_send(a->keeper, "told", NULL, 0, NULL, 0);
}

/* Whose folder is this role's alone trusts who listens there. */
static bool is_ours(const struct attendant *a)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return a->apart ||
	       (getsockopt(a->keeper, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid());
}

void call_keeper(struct attendant *a, nanos_t now)
{
	a->call_at = now + CALL_EVERY;
	a->keeper = call_connect(a->apart ? a->apart->folder : a->stock->taken.run_dir);
	if (a->keeper >= 0 && is_ours(a) && tell_all(a) == 0) {
		a->call_at = NANOS_NEVER;
		return;
	}
	if (a->keeper >= 0)
		close(a->keeper);
	a->keeper = -1;
}

static void keeper_is_gone(struct attendant *a, nanos_t now)
{
	close(a->keeper);
	a->keeper = -1;
	a->call_at = now;
}

void call_message(struct attendant *a, nanos_t now)
{
	struct handle h;
	int got = handle_receive(a->keeper, &h, 0);

	if (got < 0 && got != -EPROTO)
		keeper_is_gone(a, now);
	if (got <= 0)
		return;
	if (!strcmp(h.name, "stop") && !a->stopping)
		child_stop(a, now);
	else if (!strcmp(h.name, "want") && stock_hand_all(a->stock, a->keeper))
		keeper_is_gone(a, now);
	handle_close(&h);
}
