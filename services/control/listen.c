/* listen: commands by tcp, where the configuration in force says so, for the keys that it lists.
 *
 * Control makes a key of its own once and keeps it in the state folder, which it alone may read: no secret is
 * in a configuration, whose text the history shows. */
#include "services/control/internal.h"

#include "proto/keys.pb-c.h"
#include "services/control/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_FILE "control.key"
#define RETRY_MS 1000u /* an address may be there later than we are */
#define BACKLOG  128

socklen_t listen_address(struct sockaddr_storage *to, const struct config_endpoint *from)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof *to);
	if (from->family == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(from->l4_port);
		memcpy(&four->sin_addr, from->addr.b + 12, sizeof four->sin_addr);
		return sizeof *four;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(from->l4_port);
	memcpy(&six->sin6_addr, from->addr.b, sizeof six->sin6_addr);
	return sizeof *six;
}

/* ---- the key ---- */

/* 0; -ENOENT: there is none yet; other negative errno. */
static int read_key(int folder, struct rpc_key_pair *key)
{
	int fd = openat(folder, KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, key->secret_key, sizeof key->secret_key - 1);
	close(fd);
	key->secret_key[MAX(got, 0)] = 0;
	return rpc_key_complete(key);
}

/* A file is there whole or not at all. */
static int write_key(int folder, const struct rpc_key_pair *key)
{
	static const char new[] = KEY_FILE ".new";
	const size_t len = sizeof key->secret_key - 1;
	int fd = openat(folder, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = fd < 0 ? -errno : 0;

	if (!err && (write(fd, key->secret_key, len) != (ssize_t)len || fsync(fd)))
		err = errno ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	if (!err && (renameat(folder, new, folder, KEY_FILE) || fsync(folder)))
		err = -errno;
	return err;
}

static int have_key(struct control *c)
{
	struct rpc_key_pair key = {0};
	int err;

	if (*c->key.public_key)
		return 0;
	err = read_key(c->state.folder, &key);
	if (err == -ENOENT) {
		err = rpc_key_make(&key);
		if (!err)
			err = write_key(c->state.folder, &key);
	}
	if (!err)
		c->key = key;
	return err;
}

/* ---- where ---- */

void listen_text(char text[LISTEN_TEXT], const struct config_endpoint *e)
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->family == 4 ? e->addr.b + 12 : e->addr.b, address,
	        sizeof address);
	snprintf(text, LISTEN_TEXT, e->family == 4 ? "tcp://%s:%u" : "tcp://[%s]:%u", address, e->l4_port);
}

int listen_open(const struct config_endpoint *e)
{
	struct sockaddr_storage address;
	socklen_t len = listen_address(&address, e);

	return listener_open((struct sockaddr *)&address, len, BACKLOG);
}

static void listen_there(struct control *c, const struct config_endpoint *e, const char *text)
{
	int err = have_key(c), fd;

	if (err) {
		snprintf(c->deaf, sizeof c->deaf,
		        "the key that %s needs cannot be kept in the state folder: %s", text, strerror(-err));
		return;
	}
	fd = c->apply.claim.commands ? c->apply.claim.fd : listen_open(e);
	c->apply.claim.commands = false;
	err = fd < 0 ? fd
	             : rpc_server_listen(
	                       c->rpc, &(struct rpc_listen){.endpoint = text, .fd = fd, .key = &c->key});
	if (err)
		snprintf(c->deaf, sizeof c->deaf, "control cannot listen at %s: %s", text, strerror(-err));
	else
		snprintf(c->tcp, sizeof c->tcp, "%s", text);
}

static void follow(struct control *c);

static void again(uv_timer_t *timer)
{
	metrics_take_up(timer->data);
	follow(timer->data);
}

/* Where the configuration in force says. */
static void follow(struct control *c)
{
	const struct config_control *wanted = &c->config->control;
	char text[LISTEN_TEXT] = "";

	if (wanted->item.node)
		listen_text(text, &wanted->listen);
	c->deaf[0] = 0;
	if (*c->tcp && strcmp(c->tcp, text) != 0) {
		rpc_server_unlisten(c->rpc, c->tcp);
		c->tcp[0] = 0;
	}
	if (*text && !*c->tcp)
		listen_there(c, &wanted->listen, text);
	if (*c->deaf || *c->mute)
		uv_timer_start(&c->listen_timer, again, RETRY_MS, 0);
	else
		uv_timer_stop(&c->listen_timer);
}

/* ---- who ---- */

static int allow(struct control *c)
{
	const struct config_control *wanted = &c->config->control;
	struct rpc_allowed list[CONFIG_KEYS_MAX];

	static_assert(CONFIG_KEYS_MAX <= RPC_ALLOWED_MAX, "all of them fit");
	for (uint32_t i = 0; i < wanted->n_keys; i++) {
		list[i].role = wanted->keys[i].administers ? RPC_ADMIN : RPC_READER;
		snprintf(list[i].name, sizeof list[i].name, "%s", wanted->keys[i].name.text);
		snprintf(list[i].key, sizeof list[i].key, "%s", wanted->keys[i].key);
	}
	return rpc_server_allow(c->rpc, list, wanted->n_keys);
}

void listen_take_up(struct control *c)
{
	int err = c->config ? allow(c) : 0;

	if (c->config)
		follow(c);
	if (err)
		snprintf(c->deaf, sizeof c->deaf, "the list of keys cannot be taken up: %s", strerror(-err));
}

void control_keys_list(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct control *c = context;
	Sluice__KeysReply reply = SLUICE__KEYS_REPLY__INIT;
	Sluice__Key key[CONFIG_KEYS_MAX], *list[CONFIG_KEYS_MAX];

	(void)request;
	if (!have_key(c))
		reply.server_key = c->key.public_key;
	reply.listen = c->tcp;
	reply.why_not = c->deaf;
	reply.n_keys = c->config ? c->config->control.n_keys : 0;
	reply.keys = list;
	for (uint32_t i = 0; i < reply.n_keys; i++) {
		const struct config_key *from = &c->config->control.keys[i];

		list[i] = &key[i];
		sluice__key__init(&key[i]);
		key[i].name = (char *)from->name.text;
		key[i].role = (char *)(from->administers ? "administer" : "read");
		key[i].key = (char *)from->key;
	}
	rpc_reply(call, &reply.base);
}
