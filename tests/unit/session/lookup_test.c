/* Which socket, or which sockets, a datagram is for: against all sockets tried one by one with the scores of
 * Linux. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/session/bed.h"

#define SOCKETS 60u

static struct bed bed;
static uint64_t seed;
static struct epoch_socket sockets[SOCKETS];
static uint32_t n_sockets;

static void setup(void)
{
	bed_init(&bed);
	seed = 11;
}

static void teardown(void)
{
	bed_free(&bed);
}

TestSuite(session_lookup, .init = setup, .fini = teardown, .timeout = 250);

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random_next(&seed) % n);
}

static struct ip6_addr random_local(uint8_t family, bool group)
{
	if (family == 4)
		return group ? bed_v4(224, 0, 0, 1 + below(2)) : bed_v4(10, 0, 0, 1 + below(2));
	return group ? bed_v6(below(2) ? "ff02::1" : "ff02::2")
	             : bed_v6(below(2) ? "2001:db8::1" : "2001:db8::11");
}

static struct ip6_addr random_peer(uint8_t family)
{
	if (family == 4)
		return bed_v4(10, 0, 0, 2 + below(2));
	return bed_v6(below(2) ? "2001:db8::2" : "2001:db8::3");
}

static struct epoch_socket random_socket(void)
{
	static const uint8_t families[] = {4, 6, 0};
	struct epoch_socket s = bed_socket(families[below(3)], (uint16_t)(50 + below(2)), EPOCH_APP_HOLD);
	uint8_t family = s.family ? s.family : 6;

	if (below(2))
		s.local = random_local(family, below(4) == 0);
	if (below(3) == 0)
		s.remote = random_peer(family);
	if (below(3) == 0)
		s.remote_port = (uint16_t)(1000 + below(2));
	if (below(3) == 0)
		s.port = (struct port_id){(uint16_t)below(2)};
	return s;
}

static bool same(const struct epoch_socket *a, const struct epoch_socket *b)
{
	return !memcmp(&a->local, &b->local, 16) && !memcmp(&a->remote, &b->remote, 16) &&
	       a->local_port == b->local_port && a->remote_port == b->remote_port && a->family == b->family &&
	       a->port.v == b->port.v;
}

/* Sockets of different bindings, so that none hides another for good. */
static void random_sockets(void)
{
	n_sockets = 1 + below(SOCKETS);
	for (uint32_t i = 0; i < n_sockets; i++) {
		bool twice;

		do {
			sockets[i] = random_socket();
			twice = false;
			for (uint32_t k = 0; k < i; k++)
				twice |= same(&sockets[k], &sockets[i]);
		} while (twice);
		sockets[i].rcvbuf = UINT32_MAX;
	}
}

static bool any(const struct ip6_addr *a)
{
	static const uint8_t any6[16], any4[16] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, any6, 16) || !memcmp(a, any4, 16);
}

/* compute_score of net/ipv4/udp.c and net/ipv6/udp.c, without the match of the local address. */
static int score(const struct epoch_socket *s, const struct bed_packet *p)
{
	int points = p->family == 4 && s->family == 4 ? 2 : 1;

	if (s->local_port != p->dport)
		return -1;
	if ((p->family == 4 && s->family == 6) || (p->family == 6 && s->family == 4))
		return -1;
	if (!any(&s->remote)) {
		if (memcmp(&s->remote, &p->src, 16) != 0)
			return -1;
		points += 4;
	}
	if (s->remote_port) {
		if (s->remote_port != p->sport)
			return -1;
		points += 4;
	}
	if (s->port.v != PORT_NONE.v) {
		if (s->port.v != p->port.v)
			return -1;
		points += 4;
	}
	return points;
}

static int best_score(const struct bed_packet *p, bool wild)
{
	int best = -1;

	for (uint32_t i = 0; i < n_sockets; i++) {
		bool fits = wild ? any(&sockets[i].local) : !memcmp(&sockets[i].local, &p->dst, 16);

		if (fits && score(&sockets[i], p) > best)
			best = score(&sockets[i], p);
	}
	return best;
}

/* Whether socket i could be the one; of those that score the same any may be. */
static bool may_take(const struct bed_packet *p, const struct epoch_socket *s)
{
	int exact = best_score(p, false);

	if (exact >= 0)
		return !memcmp(&s->local, &p->dst, 16) && score(s, p) == exact;
	return any(&s->local) && score(s, p) >= 0 && score(s, p) == best_score(p, true);
}

static struct bed_packet random_packet(bool group)
{
	uint8_t family = below(2) ? 4 : 6;
	struct bed_packet p = family == 4 ? bed_packet4(0, "x") : bed_packet6(0, "x");

	p.dport = (uint16_t)(50 + below(2));
	p.sport = (uint16_t)(1000 + below(2));
	p.src = random_peer(family);
	p.dst = random_local(family, group);
	p.port = (struct port_id){(uint16_t)below(2)};
	return p;
}

static uint32_t slots[SOCKETS];

/* Adopts the sockets and notes where each is. */
static void adopt(uint32_t number)
{
	struct session_socket_count count;
	uint32_t found = 0;

	bed_adopt(&bed, number, sockets, n_sockets);
	for (uint32_t slot = 0; slot < SESSION_SOCKETS_MAX; slot++)
		for (uint32_t i = 0; i < n_sockets && session_socket_read(bed.f.state, slot, &count); i++)
			if (same(&count.socket, &sockets[i])) {
				slots[i] = slot;
				found++;
			}
	cr_assert_eq(found, n_sockets);
}

static uint64_t queued_of(uint32_t i)
{
	struct session_socket_count count;

	cr_assert(session_socket_read(bed.f.state, slots[i], &count));
	return count.queued;
}

Test(session_lookup, finds_what_all_sockets_tried_one_by_one_find)
{
	uint32_t found = 0, refused = 0;

	bed.limits.udp_mem_bytes = UINT32_MAX;
	for (uint32_t round = 1; round <= 60; round++) {
		random_sockets();
		adopt(round);
		cr_assert_null(session_stage.check(bed.worker));
		for (uint32_t k = 0; k < 30; k++) {
			struct bed_packet p = random_packet(false);
			uint64_t before[SOCKETS] = {0}, grown = 0, wrong = 0;
			struct verdict v;

			for (uint32_t i = 0; i < n_sockets; i++)
				before[i] = queued_of(i);
			v = bed_receive(&bed, &p);
			for (uint32_t i = 0; i < n_sockets; i++)
				if (queued_of(i) != before[i]) {
					grown++;
					wrong += !may_take(&p, &sockets[i]);
				}
			cr_assert_eq(wrong, 0);
			cr_assert_eq(v.kind == VERDICT_QUEUED,
			        best_score(&p, false) >= 0 || best_score(&p, true) >= 0);
			cr_assert_eq(grown, v.kind == VERDICT_QUEUED);
			found += grown;
			refused += !grown;
		}
		bed_adopt(&bed, round + 1000, NULL, 0);
	}
	cr_expect_gt(found, 500);
	cr_expect_gt(refused, 100);
}

static bool member(const struct bed_packet *p, const struct epoch_socket *s)
{
	return (any(&s->local) || !memcmp(&s->local, &p->dst, 16)) && score(s, p) >= 0;
}

Test(session_lookup, a_group_is_heard_by_every_socket_that_fits)
{
	uint64_t copies = 0, ignored = 0;

	bed.limits.udp_mem_bytes = UINT32_MAX;
	for (uint32_t round = 1; round <= 60; round++) {
		random_sockets();
		adopt(round);
		for (uint32_t k = 0; k < 20; k++) {
			struct bed_packet p = random_packet(true);
			uint64_t before[SOCKETS] = {0};
			uint32_t members = 0;
			struct verdict v;

			p.pieces = 1 + below(3);
			p.payload = "a longer text in pieces";
			p.len = 23;
			for (uint32_t i = 0; i < n_sockets; i++)
				before[i] = queued_of(i);
			v = bed_receive(&bed, &p);
			for (uint32_t i = 0; i < n_sockets; i++) {
				cr_assert_eq(queued_of(i) - before[i], member(&p, &sockets[i]));
				members += member(&p, &sockets[i]);
			}
			cr_assert_eq(v.kind, members ? VERDICT_QUEUED : VERDICT_DROP);
			cr_assert_eq(bed.f.burst.n_out, members ? (members - 1) * p.pieces : 0);
			for (uint32_t i = 0; i < bed.f.burst.n_out; i++)
				cr_assert_eq(bed.f.burst.out[i].more, (i + 1) % p.pieces != 0);
			copies += members;
			ignored += !members;
		}
		cr_assert_null(session_stage.check(bed.worker));
		bed_adopt(&bed, round + 1000, NULL, 0);
	}
	cr_expect_gt(copies, 1000);
	cr_expect_eq(
	        fixture_stat(&bed.f, STAT_UDP_IGNORED_MULTI) + fixture_stat(&bed.f, STAT_UDP6_IGNORED_MULTI),
	        ignored);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_NO_PORTS), 0);
}

Test(session_lookup, broadcasts_go_to_all_that_listen)
{
	struct epoch_socket two[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(0, 50, EPOCH_APP_HOLD)};
	struct ip6_addr to[] = {bed_v4(255, 255, 255, 255), bed_v4(10, 0, 0, 255)};

	bed_adopt(&bed, 1, two, 2);
	for (uint32_t k = 0; k < ARRAY_LEN(to); k++) {
		struct bed_packet p = bed_packet4(50, "all");

		p.dst = to[k];
		cr_expect_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
		cr_expect_eq(bed.f.burst.n_out, 1);
		cr_expect_eq(bed.f.burst.out[0].born, BORN_CLONED);
		cr_expect_eq(bed.f.burst.out[0].verdict.kind, VERDICT_QUEUED);
	}
}

Test(session_lookup, a_group_without_a_checksum_over_ipv6_is_ignored)
{
	struct epoch_socket one = bed_socket(6, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet6(50, "all");

	bed_adopt(&bed, 1, &one, 1);
	p.dst = bed_v6("ff02::1");
	p.no_sum = true;
	cr_expect_eq(bed_receive(&bed, &p).reason, DROP_NO_SOCKET);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_IGNORED_MULTI), 1);
	p.no_sum = false;
	p.bad_sum = true;
	cr_expect_eq(bed_receive(&bed, &p).reason, DROP_UDP_CSUM);
}
