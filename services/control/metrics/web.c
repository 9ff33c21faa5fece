#include "services/control/metrics/web.h"

#include "services/control/listener.h"

#include <fcntl.h>
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

/* An address with its manners; it goes with the last of its clients. */
struct web_site {
	struct web *web;
	struct lws_vhost *vhost;
	uv_poll_t poll;
	struct sockaddr_storage address;
	int listener; /* -1: it takes no connections any more */
	char *token;  /* NULL: none is asked for */
	uint32_t clients;
};

/* A connection. */
struct web_client {
	struct web_site *site; /* NULL: there is none */
	struct lws *wsi;
	bool answered; /* some request of it has been, whole */
	char *answer;  /* what is being sent: LWS_PRE bytes, then the body; or NULL */
	size_t len, sent;
};

struct web {
	struct lws_context *context; /* NULL: closed but for its sites */
	uv_loop_t *loop;
	struct web_site *site; /* that takes connections; NULL: none does */
	uint32_t sites;        /* not gone yet */
	char path[64];
	web_page *page;
	void *page_context;
	int seconds;
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
static bool may_ask(const struct web_site *site, struct lws *wsi)
{
	char text[TOKEN_BYTES];

	if (!site->token)
		return true;
	return lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
	       strncasecmp(text, BEARER, strlen(BEARER)) == 0 &&
	       same_token(text + strlen(BEARER), site->token);
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
	return lws_http_transaction_completed(wsi) || client->site->listener < 0 ? -1 : 0;
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

	if (!may_ask(client->site, wsi)) {
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

static void free_closed(struct web *web)
{
	if (!web->context && !web->sites)
		free(web);
}

/* Not within one of the library's calls: its last connection is gone by now. */
static void site_closed(uv_handle_t *handle)
{
	struct web_site *site = handle->data;
	struct web *web = site->web;

	if (web->context && site->vhost)
		lws_vhost_destroy(site->vhost);
	free(site->token);
	free(site);
	web->sites--;
	free_closed(web);
}

static void end_if_last(struct web_site *site)
{
	if (site->listener < 0 && !site->clients)
		uv_close((uv_handle_t *)&site->poll, site_closed);
}

static void on_end(struct web *web, struct web_client *client)
{
	struct web_site *site = client->site;

	if (!site)
		return;
	web->counts.incomplete += client->answer || !client->answered;
	web->counts.clients--;
	site->clients--;
	free(client->answer);
	*client = (struct web_client){0};
	end_if_last(site);
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
	if (reason == LWS_CALLBACK_WSI_DESTROY)
		on_end(web, client);
	return 0;
}

static struct web_client *free_client(struct web *web)
{
	for (uint32_t i = 0; i < WEB_CLIENTS; i++)
		if (!web->client[i].site)
			return &web->client[i];
	return NULL;
}

static void take_connection(struct web_site *site, int fd)
{
	struct web *web = site->web;
	struct web_client *client = free_client(web);
	lws_adopt_desc_t adopt = {
	        .vh = site->vhost,
	        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
	        .fd.sockfd = fd,
	        .opaque = client,
	};

	if (!client) {
		web->counts.refused++;
		close(fd);
		return;
	}
	client->site = site;
	site->clients++;
	web->counts.clients++;
	client->wsi = lws_adopt_descriptor_vhost_via_info(&adopt);
	/* It closes the descriptor where it cannot. */
	if (!client->wsi)
		on_end(web, client);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct web_site *site = poll->data;

	(void)status;
	(void)events;
	for (uint32_t i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(site->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_connection(site, fd);
	}
}

/* ---- addresses ---- */

/* The socket of the site that takes connections, where its address is the same: who waits there is kept. */
static int bind_site(const struct web *web, const struct web_setup *setup)
{
	const struct web_site *now = web->site;
	int fd;

	if (!now || memcmp(&now->address, setup->address, setup->address_len) != 0)
		return listener_open(setup->address, setup->address_len, WEB_CLIENTS);
	fd = fcntl(now->listener, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/* ---- the library ---- */

/* What it says last, while it starts something. */
static char said[WEB_WHY_BYTES - 32];

static void keep_said(int level, const char *line)
{
	(void)level;
	snprintf(said, sizeof said, "%.*s", (int)strcspn(line, "\n"), line);
}

static const struct lws_protocols protocols[] = {{.name = "http", .callback = on_event}, {0}};

static struct lws_context_creation_info settings(const struct web *web)
{
	return (struct lws_context_creation_info){
	        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
	                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
	        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	        .protocols = protocols,
	        .uid = (uid_t)-1,
	        .gid = (gid_t)-1,
	        .server_string = "sluice",
	        .alpn = "http/1.1",
	        .fd_limit_per_thread = 2 * WEB_CLIENTS,
	        .max_http_header_data = WEB_HEADER_BYTES,
	        .max_http_header_pool = WEB_CLIENTS,
	        .timeout_secs = (unsigned int)web->seconds,
	        .timeout_secs_ah_idle = (unsigned int)web->seconds,
	        .keepalive_timeout = 2 * web->seconds,
	};
}

static void make_vhost(struct web_site *site, const struct web_setup *setup)
{
	struct lws_context_creation_info info = settings(site->web);

	info.ssl_cert_filepath = setup->certificate;
	info.ssl_private_key_filepath = setup->key;
	if (!setup->certificate)
		info.options &= ~(uint64_t)LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	said[0] = 0;
	lws_set_log_level(LLL_ERR, keep_said);
	site->vhost = lws_create_vhost(site->web->context, &info);
	/* From here on what it would say is what strangers make it say. */
	lws_set_log_level(0, NULL);
}

int web_open(struct web **out, uv_loop_t *loop, const char *path, uint32_t seconds)
{
	struct web *web = calloc(1, sizeof *web);
	struct lws_context_creation_info info;
	void *loops[] = {loop};

	*out = NULL;
	if (!web)
		return -ENOMEM;
	web->loop = loop;
	web->seconds = (int)seconds;
	snprintf(web->path, sizeof web->path, "%s", path);
	info = settings(web);
	info.foreign_loops = loops;
	info.user = web;
	lws_set_log_level(0, NULL);
	web->context = lws_create_context(&info);
	if (!web->context) {
		free(web);
		return -ENOMEM;
	}
	*out = web;
	return 0;
}

/* ---- sites ---- */

void web_discard(struct web_site *site)
{
	int fd = site ? site->listener : -1;

	if (!site)
		return;
	/* Before the descriptor is closed: its socket may have another that stays. */
	uv_poll_stop(&site->poll);
	site->listener = -1;
	close(fd);
	end_if_last(site);
}

int web_prepare(struct web_site **out, struct web *web, const struct web_setup *setup, char *why)
{
	int fd = bind_site(web, setup);
	struct web_site *site = fd < 0 ? NULL : calloc(1, sizeof *site);

	*out = NULL;
	if (fd < 0)
		return fail(why, fd, "cannot listen", strerror(-fd));
	if (!site) {
		close(fd);
		return fail(why, -ENOMEM, "cannot serve", "out of memory");
	}
	site->web = web;
	site->listener = fd;
	memcpy(&site->address, setup->address, setup->address_len);
	site->token = setup->token ? strdup(setup->token) : NULL;
	uv_poll_init(web->loop, &site->poll, fd);
	site->poll.data = site;
	web->sites++;
	make_vhost(site, setup);
	if (!site->vhost || (setup->token && !site->token)) {
		web_discard(site);
		return fail(why, -EINVAL, "cannot serve", *said ? said : "out of memory");
	}
	*out = site;
	return 0;
}

/* Who is being answered gets the rest. */
static void end_idle(struct web_site *site)
{
	for (uint32_t i = 0; i < WEB_CLIENTS; i++) {
		struct web_client *client = &site->web->client[i];

		if (client->site == site && !client->answer)
			lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	}
}

static void take_connections(struct web *web)
{
	if (web->site && web->page)
		uv_poll_start(&web->site->poll, UV_READABLE, on_connection);
}

void web_switch(struct web *web, struct web_site *site)
{
	struct web_site *before = web->site;

	web->site = site;
	take_connections(web);
	if (!before)
		return;
	end_idle(before);
	web_discard(before);
}

void web_serve(struct web *web, web_page *page, void *context)
{
	web->page = page;
	web->page_context = context;
	take_connections(web);
}

void web_counts(const struct web *web, struct web_counts *counts)
{
	*counts = web->counts;
}

/* The library lets go of its connections in rounds of the loop of its own. */
void web_close(struct web *web)
{
	struct lws_context *context = web->context;
	struct web_site *site = web->site;

	web->site = NULL;
	web->context = NULL;
	lws_context_destroy(context);
	web_discard(site);
	free_closed(web);
}
