#include "services/session/session.h"

#include <stdlib.h>

#include "services/session/client.h"
#include "services/session/words.h"

static uint64_t session_state_bytes(const struct stage_params *params)
{
	return sizeof(struct session_state) + (uint64_t)params->buffers * sizeof(uint32_t);
}

static void session_init(void *state, const struct stage_params *params, uint32_t lane)
{
	struct session_state *st = state;

	st->magic = SESSION_MAGIC;
	st->version = SESSION_VERSION;
	st->lane = lane;
	st->pool_buffers = params->buffers;
	st->stride = params->stride;
	st->ident = (uint32_t)hash_mix(params->hash_key, lane);
}

static void session_detach(void *worker)
{
	struct session *s = worker;

	clients_detach(s);
	free(s->epochs);
	free(s->queued);
	free(s);
}

/* Every buffer that waits in a queue, as the state has it. */
static void find_queued(struct session *s)
{
	for (uint32_t slot = 0; slot < s->state->slots; slot++)
		for (uint32_t at = s->state->socket[slot].head; at; at = link_next(s->state->link[at - 1]))
			s->queued[(at - 1) / 64] |= UINT64_C(1) << (at - 1) % 64;
}

static int session_attach(const struct stage_env *env, void **worker)
{
	struct session_state *st = env->state;
	struct session *s;
	int err;

	if (st->magic != SESSION_MAGIC || st->version != SESSION_VERSION ||
	        st->pool_buffers != env->params->buffers || env->pool->count > st->pool_buffers)
		return -EINVAL;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->epochs = calloc(SESSION_SOCKETS_MAX, sizeof *s->epochs);
	s->queued = calloc((st->pool_buffers + 63) / 64, sizeof *s->queued);
	if (!s->epochs || !s->queued) {
		session_detach(s);
		return -ENOMEM;
	}
	s->env = *env;
	s->state = st;
	err = clients_attach(s);
	if (err) {
		session_detach(s);
		return err;
	}
	find_queued(s);
	*worker = s;
	return 0;
}

static bool session_adopt(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	return adopt_sockets(&(struct session_call){worker, epoch, now, burst});
}

static bool session_retire(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	return retire_sockets(&(struct session_call){worker, epoch, now, burst});
}

static void session_burst(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	input_burst(&(struct session_call){worker, epoch, now, burst});
}

static void session_timer(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	const struct session_call c = {worker, epoch, now, burst};

	clients_take(&c);
	if (table_take_up(&c))
		return;
	reader_burst(&c);
	clients_send(&c);
}

static nanos_t session_next_timer(const void *worker)
{
	const struct session *s = worker;

	return s->state->ready_head ? 0 : clients_next(s);
}

static nanos_t session_awaits(void *worker, nanos_t now)
{
	return clients_await(worker, now);
}

static void session_apply(void *worker)
{
	clients_apply(worker);
}

static void session_kick(void *worker, nanos_t now)
{
	(void)now;
	clients_kick(worker);
}

static uint32_t session_arm(void *worker, bool on, int *fd)
{
	return clients_arm(worker, on, fd);
}

static uint32_t session_held(const void *worker, struct pkt_index *index, uint32_t *packets)
{
	const struct session *s = worker;
	uint32_t n = 0;

	*packets = 0;
	for (uint32_t slot = 0; slot < s->state->slots; slot++)
		for (uint32_t at = s->state->socket[slot].head; at && n < s->env.params->buffers;
		        at = link_next(s->state->link[at - 1]))
			index[n++] = (struct pkt_index){at - 1};
	return n;
}

static const char *session_check(const void *worker)
{
	return state_check(worker);
}

bool session_socket_read(const void *state, uint32_t slot, struct session_socket_count *count)
{
	const struct session_state *st = state;
	const struct session_socket *sk = &st->socket[slot];

	if (slot >= SESSION_SOCKETS_MAX || sk->state != SOCKET_BOUND)
		return false;
	*count = (struct session_socket_count){
	        .socket = sk->conf,
	        .queued = sk->queued,
	        .drops = sk->drops,
	        .wakeups = sk->wakeups,
	        .read = sk->read,
	        .read_bytes = sk->read_bytes,
	        .digest = sk->digest,
	        .sent = sk->sent,
	        .send_failed = sk->send_failed,
	        .errors = sk->errors,
	        .waiting = sk->packets,
	        .rmem = sk->buffers * st->stride,
	};
	return true;
}

const struct stage_ops session_stage = {
        .name = "session",
        .state_bytes = session_state_bytes,
        .init = session_init,
        .attach = session_attach,
        .detach = session_detach,
        .adopt = session_adopt,
        .retire = session_retire,
        .burst = session_burst,
        .timer = session_timer,
        .next_timer = session_next_timer,
        .held = session_held,
        .check = session_check,
        .port_apply = session_apply,
        .port_kick = session_kick,
        .port_arm = session_arm,
        .port_awaits = session_awaits,
        .lines_a_packet = SESSION_LINES_PACKET,
        .lines_a_burst = SESSION_LINES_BURST,
};
