#include "services/control/web.h"

#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_BYTES  16384u
#define ACCEPT_BYTES 256u
#define BEARER       "Bearer "
#define TOKEN_BYTES  512u /* longer ones are not compared */
#define ACCEPTS_MAX  16u  /* connections taken before others of the loop have their turn */

/* A connection. */
struct web_client {
	bool used;
	bool answered; /* some request of it has been, whole */
	char *answer;  /* what is being sent: LWS_PRE bytes, then the body; or NULL */
	size_t len, sent;
};

struct web {
	struct lws_context *context;
	struct lws_vhost *vhost;
	uv_poll_t poll;
	int listener;
	char path[64];
	char *token; /* NULL: none is asked for */
	web_page *page;
	void *page_context;
	int seconds;
	bool closed; /* but for its clients */
	struct web_counts counts;
	struct web_client client[WEB_CLIENTS];
};

static int fail(char *why, int err, const char *what, const char *reason)
{
	snprintf(why, WEB_WHY_BYTES, "%s: %s", what, reason);
	return err;
}

/* Digests, so that how long it takes tells nothing of the token. */
static bool same_token(const char *a, const char *b)
{
	uint8_t digest[2][SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)a, strlen(a), digest[0]);
	SHA256((const uint8_t *)b, strlen(b), digest[1]);
	return CRYPTO_memcmp(digest[0], digest[1], sizeof digest[0]) == 0;
}

/* RFC 6750 2.1. */
static bool may_ask(const struct web *web, struct lws *wsi)
{
	char text[TOKEN_BYTES];

	if (!web->token)
		return true;
	return lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
	       strncasecmp(text, BEARER, strlen(BEARER)) == 0 &&
	       same_token(text + strlen(BEARER), web->token);
}

static int send_headers(struct lws *wsi, unsigned int status, const char *type, size_t len)
{
	uint8_t buffer[LWS_PRE + 1024], *at = buffer + LWS_PRE, *end = buffer + sizeof buffer - 1;

	if (lws_add_http_common_headers(wsi, status, type, len, &at, end))
		return -1;
	if (status == HTTP_STATUS_UNAUTHORIZED &&
	        lws_add_http_header_by_token(
	                wsi, WSI_TOKEN_HTTP_WWW_AUTHENTICATE, (const uint8_t *)"Bearer", 6, &at, end))
		return -1;
	return lws_finalize_write_http_header(wsi, buffer + LWS_PRE, &at, end);
}

/* Whether the connection goes on. */
static int end_answer(struct lws *wsi, struct web_client *client)
{
	free(client->answer);
	client->answer = NULL;
	client->answered = true;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int answer_with(struct lws *wsi, struct web_client *client, unsigned int status)
{
	return send_headers(wsi, status, "text/plain", 0) ? -1 : end_answer(wsi, client);
}

/* The page into client->answer; its Content-Type, or NULL. */
static const char *make_page(const struct web *web, struct lws *wsi, struct web_client *client)
{
	char accept[ACCEPT_BYTES];
	const char *type;
	size_t len;
	FILE *to;

	free(client->answer);
	client->answer = NULL;
	to = open_memstream(&client->answer, &len);
	if (!to)
		return NULL;
	fprintf(to, "%*s", LWS_PRE, ""); /* room before the body */
	if (lws_hdr_copy(wsi, accept, sizeof accept, WSI_TOKEN_HTTP_ACCEPT) <= 0)
		accept[0] = 0;
	type = web->page(web->page_context, accept, to);
	if (fclose(to))
		type = NULL;
	client->len = len - LWS_PRE;
	client->sent = 0;
	return type;
}

static int answer_page(struct web *web, struct lws *wsi, struct web_client *client)
{
	const char *type = make_page(web, wsi, client);

	if (!type) {
		web->counts.errors++;
		return answer_with(wsi, client, HTTP_STATUS_INTERNAL_SERVER_ERROR);
	}
	if (send_headers(wsi, HTTP_STATUS_OK, type, client->len))
		return -1;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI)) {
		web->counts.requests++;
		return end_answer(wsi, client);
	}
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, web->seconds);
	lws_callback_on_writable(wsi);
	return 0;
}

static int on_request(struct web *web, struct lws *wsi, struct web_client *client, const char *path)
{
	bool get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 ||
	           lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;

	if (!may_ask(web, wsi)) {
		web->counts.unauthorized++;
		return answer_with(wsi, client, HTTP_STATUS_UNAUTHORIZED);
	}
	if (get && strcmp(path, web->path) == 0)
		return answer_page(web, wsi, client);
	web->counts.errors++;
	return answer_with(wsi, client, get ? HTTP_STATUS_NOT_FOUND : HTTP_STATUS_METHOD_NOT_ALLOWED);
}

static int on_writable(struct web *web, struct lws *wsi, struct web_client *client)
{
	size_t n = MIN(client->len - client->sent, (size_t)CHUNK_BYTES);
	bool last = client->sent + n == client->len;

	if (!client->answer)
		return 0;
	/* What stands in the LWS_PRE bytes before it has been sent already. */
	if (lws_write(wsi, (uint8_t *)client->answer + LWS_PRE + client->sent, n,
	            last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
		return -1;
	client->sent += n;
	if (!last) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	web->counts.requests++;
	return end_answer(wsi, client);
}

/* The library lets go of its connections in rounds of the loop of its own. */
static void free_closed(struct web *web)
{
	if (!web->closed || web->counts.clients)
		return;
	free(web->token);
	free(web);
}

static void on_end(struct web *web, struct web_client *client)
{
	if (!client->used)
		return;
	web->counts.incomplete += client->answer || !client->answered;
	web->counts.clients--;
	free(client->answer);
	*client = (struct web_client){0};
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct web_client *client = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	struct web *web = client ? lws_context_user(lws_get_context(wsi)) : NULL;

	(void)user;
	(void)len;
	if (!client)
		return 0;
	/* Most of the reasons there are belong to things that this is not. */
	if (reason == LWS_CALLBACK_HTTP)
		return on_request(web, wsi, client, in);
	if (reason == LWS_CALLBACK_HTTP_WRITEABLE)
		return on_writable(web, wsi, client);
	if (reason == LWS_CALLBACK_WSI_DESTROY) {
		on_end(web, client);
		free_closed(web);
	}
	return 0;
}

static struct web_client *free_client(struct web *web)
{
	for (uint32_t i = 0; i < WEB_CLIENTS; i++)
		if (!web->client[i].used)
			return &web->client[i];
	return NULL;
}

static void take_connection(struct web *web, int fd)
{
	struct web_client *client = free_client(web);
	lws_adopt_desc_t adopt = {
	        .vh = web->vhost,
	        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
	        .fd.sockfd = fd,
	        .opaque = client,
	};

	if (!client) {
		web->counts.refused++;
		close(fd);
		return;
	}
	client->used = true;
	web->counts.clients++;
	/* It closes the descriptor where it cannot. */
	if (!lws_adopt_descriptor_vhost_via_info(&adopt))
		on_end(web, client);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct web *web = poll->data;

	(void)status;
	(void)events;
	for (uint32_t i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(web->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_connection(web, fd);
	}
}

static int listen_at(const struct sockaddr *address, socklen_t len)
{
	int one = 1, err = 0;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, address, len) ||
	        listen(fd, WEB_CLIENTS))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

/* What the library says last, while it starts. */
static char said[WEB_WHY_BYTES - 32];

static void keep_said(int level, const char *line)
{
	(void)level;
	snprintf(said, sizeof said, "%.*s", (int)strcspn(line, "\n"), line);
}

static int start_library(struct web *web, uv_loop_t *loop, const struct web_setup *setup)
{
	static const struct lws_protocols protocols[] = {{.name = "http", .callback = on_event}, {0}};
	void *loops[] = {loop};
	struct lws_context_creation_info info = {
	        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
	                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
	                   (setup->certificate ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
	        .foreign_loops = loops,
	        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	        .protocols = protocols,
	        .uid = (uid_t)-1,
	        .gid = (gid_t)-1,
	        .user = web,
	        .server_string = "sluice",
	        .alpn = "http/1.1",
	        .fd_limit_per_thread = 2 * WEB_CLIENTS,
	        .max_http_header_data = WEB_HEADER_BYTES,
	        .max_http_header_pool = WEB_CLIENTS,
	        .timeout_secs = setup->seconds,
	        .timeout_secs_ah_idle = setup->seconds,
	        .keepalive_timeout = 2 * (int)setup->seconds,
	        .ssl_cert_filepath = setup->certificate,
	        .ssl_private_key_filepath = setup->key,
	};

	lws_set_log_level(LLL_ERR, keep_said);
	web->context = lws_create_context(&info);
	web->vhost = web->context ? lws_create_vhost(web->context, &info) : NULL;
	/* From here on what it would say is what strangers make it say. */
	lws_set_log_level(0, NULL);
	return web->vhost ? 0 : -EINVAL;
}

static void closed(uv_handle_t *handle)
{
	struct web *web = handle->data;

	web->closed = true;
	free_closed(web);
}

int web_open(struct web **out, uv_loop_t *loop, const struct web_setup *setup, char *why)
{
	struct web *web = calloc(1, sizeof *web);
	int fd = web ? listen_at(setup->address, setup->address_len) : -ENOMEM;

	*out = NULL;
	if (fd < 0) {
		free(web);
		return fail(why, fd, "cannot listen", strerror(-fd));
	}
	web->listener = fd;
	web->seconds = (int)setup->seconds;
	snprintf(web->path, sizeof web->path, "%s", setup->path);
	web->token = setup->token ? strdup(setup->token) : NULL;
	uv_poll_init(loop, &web->poll, fd);
	web->poll.data = web;
	if ((setup->token && !web->token) || start_library(web, loop, setup)) {
		web_close(web);
		return fail(why, -EINVAL, "cannot serve", *said ? said : "out of memory");
	}
	*out = web;
	return 0;
}

void web_serve(struct web *web, web_page *page, void *context)
{
	web->page = page;
	web->page_context = context;
	uv_poll_start(&web->poll, UV_READABLE, on_connection);
}

void web_counts(const struct web *web, struct web_counts *counts)
{
	*counts = web->counts;
}

void web_close(struct web *web)
{
	if (web->context)
		lws_context_destroy(web->context);
	close(web->listener);
	uv_close((uv_handle_t *)&web->poll, closed);
}
