#include "services/control/routes/fpm.h"

#include "common/wire/addr.h"
#include "common/wire/text.h"
#include "services/control/routes/fpm_stream.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ALIVE_S       10u /* of silence, before it is asked whether it still is there */
#define UNANSWERED_MS 20000u
#define FROM_MAX      16u

struct fpm {
	uv_loop_t *loop;
	struct rib *rib;
	void (*changed)(void *context);
	void *context;
	uv_timer_t grace;
	uv_timer_t turn;    /* runs where others have their turn before more is read */
	uv_tcp_t *listener; /* NULL: none */
	uv_tcp_t *peer;     /* NULL: nobody is connected */
	struct config_endpoint at;
	struct config_prefix from[FROM_MAX];
	uint32_t n_from;
	uint32_t grace_ms;
	struct fpm_state state;
	struct fpm_stream stream;
};

struct fpm_peer {
	struct ip6_addr addr; /* IPv4 mapped */
	uint16_t l4_port;
};

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* ---- grace ---- */

static void on_grace(uv_timer_t *timer)
{
	struct fpm *f = timer->data;

	rib_sweep(f->rib, RIB_FPM);
	f->state.swept_at = uv_hrtime();
	f->changed(f->context);
}

/* What is known stays for a while without being told again. */
static void begin_grace(struct fpm *f)
{
	rib_freeze(f->rib, RIB_FPM);
	rib_mark(f->rib, RIB_FPM);
	uv_update_time(f->loop);
	uv_timer_start(&f->grace, on_grace, f->grace_ms, 0);
}

/* What waits waits anew. */
static void set_grace(struct fpm *f, uint32_t ms)
{
	if (f->grace_ms == ms)
		return;
	f->grace_ms = ms;
	uv_update_time(f->loop);
	if (uv_is_active((uv_handle_t *)&f->grace))
		uv_timer_start(&f->grace, on_grace, ms, 0);
}

/* ---- connections ---- */

static void lose_peer(struct fpm *f)
{
	uv_close((uv_handle_t *)f->peer, free_handle);
	f->peer = NULL;
	uv_timer_stop(&f->turn);
	f->state.connected = false;
	f->stream.n = 0;
	begin_grace(f);
	f->changed(f->context);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	struct fpm *f = handle->data;

	(void)wanted;
	*buffer = uv_buf_init(
	        (char *)f->stream.bytes + f->stream.n, (unsigned)(FPM_STREAM_BYTES - f->stream.n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

/* What it tells may use numbers of next hops that another one has used. */
static void on_turn(uv_timer_t *timer)
{
	struct fpm *f = timer->data;

	if (rib_freezes(f->rib, RIB_FPM))
		uv_timer_start(timer, on_turn, 1, 0);
	else
		uv_read_start((uv_stream_t *)f->peer, give_room, on_read);
}

static void read_later(struct fpm *f)
{
	uv_read_stop((uv_stream_t *)f->peer);
	uv_timer_start(&f->turn, on_turn, 1, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct fpm *f = stream->data;

	(void)buffer;
	if (n < 0) {
		lose_peer(f);
		return;
	}
	if (!fpm_stream_take(&f->stream, (size_t)n)) {
		lose_peer(f);
		return;
	}
	/* It may have a million routes to tell, and fills the buffer again as soon as it is empty. */
	read_later(f);
	f->changed(f->context);
}

/* The other end.  False: it is gone already. */
static bool peer_of(const uv_tcp_t *tcp, struct fpm_peer *peer)
{
	struct sockaddr_storage at;
	int len = sizeof at;

	if (uv_tcp_getpeername(tcp, (struct sockaddr *)&at, &len))
		return false;
	if (at.ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)&at;

		peer->addr = ip6_addr_mapped((struct be32){four->sin_addr.s_addr});
		peer->l4_port = ntohs(four->sin_port);
	} else {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;

		memcpy(&peer->addr, &six->sin6_addr, sizeof peer->addr);
		peer->l4_port = ntohs(six->sin6_port);
	}
	return true;
}

static bool may_connect(const struct fpm *f, const struct fpm_peer *peer)
{
	for (uint32_t i = 0; i < f->n_from; i++) {
		const struct config_prefix *p = &f->from[i];

		if ((p->family == 4) == ip6_addr_is_mapped(&peer->addr) &&
		        ip6_prefix_equal(&p->addr, &peer->addr, p->len + (p->family == 4 ? 96u : 0)))
			return true;
	}
	if (f->n_from)
		return false;
	return ip6_addr_is_mapped(&peer->addr) ? peer->addr.b[12] == 127 : ip6_is_loopback(&peer->addr);
}

/* A peer whose machine is gone without a word is found out. */
static void keep_alive(uv_tcp_t *tcp)
{
	unsigned unanswered = UNANSWERED_MS;
	uv_os_fd_t fd;

	uv_tcp_keepalive(tcp, 1, ALIVE_S);
	if (!uv_fileno((uv_handle_t *)tcp, &fd))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
}

static void tell_peer(char text[FPM_PEER_BYTES], const struct fpm_peer *peer)
{
	char four[TEXT_IPV4_SIZE], six[TEXT_IP6_SIZE];

	if (ip6_addr_is_mapped(&peer->addr))
		snprintf(text, FPM_PEER_BYTES, "%s:%u", text_ipv4(four, peer->addr.w32[3]), peer->l4_port);
	else
		snprintf(text, FPM_PEER_BYTES, "[%s]:%u", text_ip6(six, &peer->addr), peer->l4_port);
}

static void take_peer(struct fpm *f, uv_tcp_t *tcp, const struct fpm_peer *peer)
{
	f->peer = tcp;
	f->stream.n = 0;
	f->state.connected = true;
	f->state.connects++;
	f->state.connected_at = uv_hrtime();
	tell_peer(f->state.peer, peer);
	keep_alive(tcp);
	begin_grace(f);
	read_later(f);
	f->changed(f->context);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct fpm *f = listener->data;
	uv_tcp_t *tcp = status ? NULL : malloc(sizeof *tcp);
	struct fpm_peer peer;

	if (!tcp)
		return;
	uv_tcp_init(f->loop, tcp);
	tcp->data = f;
	if (uv_accept(listener, (uv_stream_t *)tcp) || f->peer || !peer_of(tcp, &peer) ||
	        !may_connect(f, &peer)) {
		f->state.refused++;
		uv_close((uv_handle_t *)tcp, free_handle);
		return;
	}
	take_peer(f, tcp, &peer);
}

/* ---- the listener ---- */

static int listen_at(struct fpm *f, uv_tcp_t *tcp)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(f->at.l4_port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(f->at.l4_port)};
	const struct sockaddr *at = f->at.family == 4 ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	int err;

	memcpy(&four.sin_addr, f->at.addr.b + 12, sizeof four.sin_addr);
	memcpy(&six.sin6_addr, f->at.addr.b, sizeof six.sin6_addr);
	err = uv_tcp_bind(tcp, at, 0);
	return err ? err : uv_listen((uv_stream_t *)tcp, 4, on_connection);
}

static void begin_listening(struct fpm *f)
{
	uv_tcp_t *tcp = malloc(sizeof *tcp);

	f->state.error = tcp ? 0 : -ENOMEM;
	if (!tcp)
		return;
	uv_tcp_init(f->loop, tcp);
	tcp->data = f;
	f->state.error = listen_at(f, tcp);
	if (f->state.error)
		uv_close((uv_handle_t *)tcp, free_handle);
	else
		f->listener = tcp;
	f->state.listening = f->listener;
}

static void end_listening(struct fpm *f)
{
	if (f->listener)
		uv_close((uv_handle_t *)f->listener, free_handle);
	f->listener = NULL;
	f->state.listening = false;
	f->state.error = 0;
	if (f->peer)
		lose_peer(f);
}

/* ---- its life ---- */

int fpm_open(
        struct fpm **out, uv_loop_t *loop, struct rib *rib, void (*changed)(void *context), void *context)
{
	struct fpm *f = calloc(1, sizeof *f);

	*out = f;
	if (!f)
		return -ENOMEM;
	f->loop = loop;
	f->rib = f->stream.rib = rib;
	f->changed = changed;
	f->context = context;
	uv_timer_init(loop, &f->grace);
	f->grace.data = f;
	uv_timer_init(loop, &f->turn);
	f->turn.data = f;
	return 0;
}

void fpm_want(struct fpm *f, const struct config_fpm *want, bool inherited)
{
	bool same_place = f->at.l4_port == want->listen.l4_port && f->at.family == want->listen.family &&
	                  ip6_addr_equal(&f->at.addr, &want->listen.addr);

	set_grace(f, want->grace_ms);
	f->n_from = MIN(want->n_from, FROM_MAX);
	if (f->n_from)
		memcpy(f->from, want->from, f->n_from * sizeof *f->from);
	rib_fpm_interfaces(f->rib, want->interfaces);
	if (!want->item.node || !same_place)
		end_listening(f);
	f->at = want->listen;
	if (!want->item.node) {
		uv_timer_stop(&f->grace);
		return;
	}
	if (!f->listener)
		begin_listening(f);
	if (inherited)
		begin_grace(f);
}

void fpm_again(struct fpm *f)
{
	if (f->peer)
		lose_peer(f);
}

void fpm_state(const struct fpm *f, struct fpm_state *state)
{
	*state = f->state;
	state->frames = f->stream.frames;
	state->malformed = f->stream.malformed;
	state->grace_left_ms = uv_is_active((const uv_handle_t *)&f->grace) ? uv_timer_get_due_in(&f->grace)
	                                                                    : 0;
}

static void free_with_it(uv_handle_t *handle)
{
	free(handle->data);
}

static void closed(uv_handle_t *handle)
{
	struct fpm *f = handle->data;

	uv_close((uv_handle_t *)&f->grace, free_with_it);
}

/* Nothing that was closed looks at *f any more. */
void fpm_close(struct fpm *f)
{
	if (f->peer)
		uv_close((uv_handle_t *)f->peer, free_handle);
	if (f->listener)
		uv_close((uv_handle_t *)f->listener, free_handle);
	f->peer = f->listener = NULL;
	uv_close((uv_handle_t *)&f->turn, closed);
}
