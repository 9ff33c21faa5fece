#include "common/trace/trace.h"
#include "common/pkt/drop.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const formats[] = {
#define X(name, format) format,
        TRACE_EVENTS(X)
#undef X
};

void trace_add(struct trace_log *log, uint32_t trace, enum trace_code code, const uint64_t *arg, uint32_t n)
{
	struct trace_event *e;

	if (log->n == TRACE_LOG_SLOTS) {
		log->lost++;
		return;
	}
	e = &log->event[log->n++];
	*e = (struct trace_event){.at = log->now, .trace = trace, .code = (uint16_t)code};
	memcpy(e->arg, arg, n * sizeof *arg);
}

struct text {
	char *buf;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->buf + t->len, t->size - t->len, format, ap);
	va_end(ap);
	if (n > 0)
		t->len = MIN(t->len + (size_t)n, t->size - 1);
}

/* One of IPv4 stands in it mapped, where neighbors and groups are of both. */
static void text_ip6(struct text *t, const uint64_t *arg)
{
	char s[INET6_ADDRSTRLEN];
	struct in6_addr a;
	bool mapped;

	memcpy(&a, arg, sizeof a);
	mapped = IN6_IS_ADDR_V4MAPPED(&a);
	if (inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &a.s6_addr[12] : a.s6_addr, s, sizeof s))
		text_add(t, "%s", s);
}

static void text_mac(struct text *t, uint64_t m)
{
	for (unsigned i = 0; i < 6; i++)
		text_add(t, i ? ":%02x" : "%02x", (unsigned)(m >> 8 * i & 0xff));
}

/* One mark; returns how many arguments it took. */
static uint32_t text_mark(struct text *t, char mark, const uint64_t *arg, uint32_t left,
        const char *(*port_name)(void *, struct port_id), void *ctx)
{
	struct port_id port;
	const char *name;

	if (!left || (mark == '6' && left < 2))
		return left;
	switch (mark) {
	case 'x': text_add(t, "0x%" PRIx64, arg[0]); return 1;
	case '4':
		text_add(t, "%u.%u.%u.%u", (unsigned)(arg[0] >> 24 & 255), (unsigned)(arg[0] >> 16 & 255),
		        (unsigned)(arg[0] >> 8 & 255), (unsigned)(arg[0] & 255));
		return 1;
	case '6': text_ip6(t, arg); return 2;
	case 'm': text_mac(t, arg[0]); return 1;
	case 'p':
		port = (struct port_id){(uint16_t)arg[0]};
		name = port_name ? port_name(ctx, port) : NULL;
		if (name)
			text_add(t, "%s", name);
		else
			text_add(t, "port %u", (unsigned)port.v);
		return 1;
	case 'r': text_add(t, "%s", drop_reason_text((enum drop_reason)arg[0])); return 1;
	case 't': text_add(t, "%.3f ms", (double)arg[0] / 1e6); return 1;
	default: text_add(t, "%" PRIu64, arg[0]); return 1;
	}
}

size_t trace_format(const struct trace_event *event, const char *(*port_name)(void *ctx, struct port_id port),
        void *ctx, char *buf, size_t size)
{
	struct text t = {buf, size, 0};
	const char *f = event->code < TRACE_CODE_COUNT ? formats[event->code] : "unknown event";
	uint32_t used = 0;

	assert(size > 0);
	buf[0] = 0;
	for (; *f; f++) {
		if (f[0] == '{' && f[1] && f[2] == '}') {
			used += text_mark(&t, f[1], event->arg + used, TRACE_ARGS - used, port_name, ctx);
			f += 2;
		} else {
			text_add(&t, "%c", *f);
		}
	}
	return t.len;
}
