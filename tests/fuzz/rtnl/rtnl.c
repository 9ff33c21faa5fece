/* Any bytes as a stream of FPM frames and, behind their first, as messages of a kernel: what is read is
 * possible. */
#include "common/rtnl/rtnl.h"
#include "tests/fuzz/fuzz.h"

static void check_route(const struct rtnl_route *r)
{
	REQUIRE(r->to.len <= (r->to.family == FIB_IPV4 ? 32 : 128));
	REQUIRE(r->to.family == FIB_IPV6 || ip6_addr_is_mapped(&r->to.addr));
	REQUIRE(r->n_hops <= RTNL_HOPS_MAX);
	for (uint32_t i = 0; i < r->n_hops; i++)
		REQUIRE(r->hop[i].weight >= 1 && r->hop[i].weight <= FIB_WEIGHT_MAX);
	for (uint32_t bit = r->to.len + (r->to.family == FIB_IPV4 ? 96u : 0); bit < 128; bit++)
		REQUIRE(!(r->to.addr.b[bit / 8] >> (7 - bit % 8) & 1));
}

static void check_message(const struct rtnl_message *m)
{
	struct rtnl_nexthop nexthop;
	struct rtnl_route route;
	struct rtnl_link link;

	if (rtnl_route(m, &route) == 0)
		check_route(&route);
	if (rtnl_nexthop(m, &nexthop) == 0)
		REQUIRE(nexthop.id && nexthop.n_members <= RTNL_HOPS_MAX);
	if (rtnl_link(m, &link) == 0)
		REQUIRE(strnlen(link.name, sizeof link.name) < sizeof link.name);
	REQUIRE(rtnl_error(m) <= 0);
}

static void check_messages(const uint8_t *data, size_t size)
{
	struct rtnl_bytes left = {data, size};
	struct rtnl_message m;

	while (rtnl_next(&left, &m)) {
		REQUIRE(m.body >= data && m.body + m.len <= data + size && left.at + left.n == data + size);
		check_message(&m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t bytes;
	uint8_t type;

	check_messages(data, size);
	while (fpm_frame(data, size, &bytes, &type) == 0) {
		REQUIRE(bytes >= FPM_HEADER_BYTES && bytes <= size);
		check_messages(data + FPM_HEADER_BYTES, bytes - FPM_HEADER_BYTES);
		data += bytes;
		size -= bytes;
	}
	return 0;
}
