#include "tests/unit/router/reassembly/oracle.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(what)                                                                                        \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                           \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

static uint32_t end_of(const struct bed_piece *p)
{
	return p->offset + p->len;
}

static bool same_datagram(const struct bed_piece *a, const struct bed_piece *b)
{
	if (a->family != b->family || a->host != b->host)
		return false;
	if (a->family == FRAG_IPV4)
		return (uint16_t)a->id == (uint16_t)b->id && a->proto == b->proto;
	return a->id == b->id && a->on_link == b->on_link && (!a->on_link || a->port == b->port);
}

static struct oracle_datagram *find(struct oracle *o, const struct bed_piece *p)
{
	for (uint32_t i = 0; i < ORACLE_DATAGRAMS; i++)
		if (o->datagram[i].live && same_datagram(&o->datagram[i].piece[0], p))
			return &o->datagram[i];
	return NULL;
}

static struct oracle_datagram *make(struct oracle *o, nanos_t now)
{
	for (uint32_t i = 0; i < ORACLE_DATAGRAMS; i++)
		if (!o->datagram[i].live) {
			memset(&o->datagram[i], 0, sizeof o->datagram[i]);
			o->datagram[i].live = true;
			o->datagram[i].created = now;
			return &o->datagram[i];
		}
	abort();
}

static bool malformed(const struct bed_piece *p)
{
	uint32_t most = p->family == FRAG_IPV4 ? 65515 : 65535;

	return p->len == 0 || end_of(p) > most || (p->more && p->len % 8) || p->cut || p->nested;
}

/* Where the datagram ends, if that is known. */
static bool known_end(const struct oracle_datagram *d, uint32_t *end)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (!d->piece[i].more) {
			*end = end_of(&d->piece[i]);
			return true;
		}
	return false;
}

static bool contradicts(const struct oracle_datagram *d, const struct bed_piece *p)
{
	uint32_t end;

	if (known_end(d, &end))
		return p->more ? end_of(p) > end : end_of(p) != end;
	for (uint32_t i = 0; i < d->n && !p->more; i++)
		if (end_of(&d->piece[i]) > end_of(p))
			return true;
	return false;
}

static enum drop_reason judge(const struct oracle_datagram *d, const struct bed_piece *p)
{
	if (contradicts(d, p))
		return DROP_FRAG_MALFORMED;
	for (uint32_t i = 0; i < d->n; i++)
		if (d->piece[i].offset == p->offset && d->piece[i].len == p->len)
			return DROP_DUP_FRAG;
	for (uint32_t i = p->offset; i < end_of(p); i++)
		if (d->has[i])
			return DROP_FRAG_OVERLAP;
	return d->n == REASSEMBLY_PIECES_MAX ? DROP_FRAG_MEMORY : DROP_NONE;
}

static void end_all(struct oracle *o, struct oracle_datagram *d, enum drop_reason reason)
{
	o->dropped[reason] += d->n;
	o->fails[d->piece[0].family]++;
	d->live = false;
}

static bool is_whole(const struct oracle_datagram *d, uint32_t *end)
{
	if (!known_end(d, end))
		return false;
	for (uint32_t i = 0; i < *end; i++)
		if (!d->has[i])
			return false;
	return true;
}

static const struct bed_piece *first_of(const struct oracle_datagram *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->piece[i].offset == 0)
			return &d->piece[i];
	return NULL;
}

/* RFC 3168 5.3. */
static bool ecn_of(const struct oracle_datagram *d, uint8_t *ecn)
{
	uint32_t none = 0, ce = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		none += d->piece[i].ecn == 0;
		ce += d->piece[i].ecn == 3;
	}
	*ecn = ce ? 3 : first_of(d)->ecn;
	return none == 0 || none == d->n;
}

static bool df_of(const struct oracle_datagram *d)
{
	uint32_t largest = 0, largest_df = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t size = 20 + d->piece[i].options + d->piece[i].len;

		largest = size > largest ? size : largest;
		largest_df = d->piece[i].df && size > largest_df ? size : largest_df;
	}
	return largest == largest_df;
}

static void expect_whole(const struct oracle *o, const struct oracle_datagram *d, uint32_t len, uint8_t ecn)
{
	const struct bed_whole *w = &o->bed->whole[o->wholes];

	REQUIRE(o->bed->n_whole > o->wholes && w->pieces == d->n);
	bed_expect_whole(w, first_of(d), d->bytes, len);
	if (d->piece[0].family == FRAG_IPV4)
		REQUIRE((w->bytes[1] & 3) == ecn && !!(w->bytes[6] & 0x40) == df_of(d));
	else
		REQUIRE((w->bytes[1] >> 4 & 3) == ecn);
}

static void complete(struct oracle *o, struct oracle_datagram *d, uint32_t end)
{
	uint32_t header = first_of(d)->options + (first_of(d)->family == FRAG_IPV4 ? 20 : 0);
	uint8_t ecn;

	if (!ecn_of(d, &ecn) || header + end > 65535) {
		end_all(o, d, DROP_FRAG_MALFORMED);
		return;
	}
	expect_whole(o, d, end, ecn);
	o->wholes++;
	o->oks[d->piece[0].family]++;
	d->live = false;
}

static struct verdict dropped(struct oracle *o, enum drop_reason reason)
{
	o->dropped[reason]++;
	return (struct verdict){VERDICT_DROP, {0}, (uint16_t)reason};
}

static struct verdict take(struct oracle *o, nanos_t now, const struct bed_piece *p)
{
	struct oracle_datagram *d = find(o, p);
	enum drop_reason reason = DROP_NONE;
	uint32_t end;

	o->reqds[p->family]++;
	if (malformed(p)) {
		o->fails[p->family]++;
		return dropped(o, DROP_FRAG_MALFORMED);
	}
	reason = d ? judge(d, p) : DROP_NONE;
	if (reason != DROP_NONE) {
		if (reason != DROP_DUP_FRAG)
			end_all(o, d, reason);
		o->overlaps += reason == DROP_FRAG_OVERLAP && p->family == FRAG_IPV4;
		return dropped(o, reason);
	}
	d = d ? d : make(o, now);
	d->piece[d->n++] = *p;
	for (uint32_t i = p->offset; i < end_of(p); i++) {
		d->has[i] = true;
		d->bytes[i] = bed_byte(p->id, p->salt, i);
	}
	if (is_whole(d, &end))
		complete(o, d, end);
	return (struct verdict){VERDICT_HELD, {0}, DROP_NONE};
}

static void forget(struct oracle *o)
{
	memset(o->dropped, 0, sizeof o->dropped);
	o->errors = 0;
	o->wholes = 0;
}

static void compare(const struct oracle *o)
{
	const struct fixture *f = &o->bed->f;
	uint32_t held = 0;

	REQUIRE(o->wholes == o->bed->n_whole && o->errors == o->bed->n_error);
	for (uint32_t r = 0; r < DROP_REASON_COUNT; r++)
		if (o->dropped[r] != o->bed->dropped[r]) {
			fprintf(stderr, "%s: %u dropped, not %u\n", drop_reason_label((enum drop_reason)r),
			        o->bed->dropped[r], o->dropped[r]);
			abort();
		}
	for (uint32_t i = 0; i < ORACLE_DATAGRAMS; i++)
		held += o->datagram[i].live ? o->datagram[i].n : 0;
	REQUIRE(held == bed_held(o->bed));
	REQUIRE(fixture_stat(f, STAT_IP_REASM_REQDS) == o->reqds[FRAG_IPV4]);
	REQUIRE(fixture_stat(f, STAT_IP6_REASM_REQDS) == o->reqds[FRAG_IPV6]);
	REQUIRE(fixture_stat(f, STAT_IP_REASM_OKS) == o->oks[FRAG_IPV4]);
	REQUIRE(fixture_stat(f, STAT_IP6_REASM_OKS) == o->oks[FRAG_IPV6]);
	REQUIRE(fixture_stat(f, STAT_IP_REASM_FAILS) == o->fails[FRAG_IPV4]);
	REQUIRE(fixture_stat(f, STAT_IP6_REASM_FAILS) == o->fails[FRAG_IPV6]);
	REQUIRE(fixture_stat(f, STAT_IP_REASM_TIMEOUT) == o->timeouts[FRAG_IPV4]);
	REQUIRE(fixture_stat(f, STAT_IP6_REASM_TIMEOUT) == o->timeouts[FRAG_IPV6]);
	REQUIRE(fixture_stat(f, STAT_IP_EXT_REASM_OVERLAPS) == o->overlaps);
}

void oracle_burst(struct oracle *o, nanos_t now, const struct bed_piece *piece, uint32_t n)
{
	REQUIRE(n <= 8);
	bed_burst(o->bed, now, piece, n);
	forget(o);
	for (uint32_t i = 0; i < n; i++) {
		struct verdict v = take(o, now, &piece[i]);

		REQUIRE(v.kind == o->bed->verdict[i].kind && v.reason == o->bed->verdict[i].reason);
	}
	compare(o);
}

void oracle_until(struct oracle *o, nanos_t now)
{
	const struct epoch_limits *l = &o->bed->header.limits;

	bed_until(o->bed, now);
	forget(o);
	for (uint32_t i = 0; i < ORACLE_DATAGRAMS; i++) {
		struct oracle_datagram *d = &o->datagram[i];
		uint8_t family = d->piece[0].family;
		uint32_t ms = family == FRAG_IPV4 ? l->frag_timeout_ms : l->frag6_timeout_ms;

		if (!d->live || d->created + ms * NANOS_PER_MS > now)
			continue;
		o->errors += first_of(d) != NULL;
		o->timeouts[family]++;
		end_all(o, d, DROP_FRAG_REASM_TIMEOUT);
	}
	compare(o);
}
