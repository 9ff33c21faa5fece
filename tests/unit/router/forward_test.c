#include "tests/unit/router/world.h"

#include <criterion/criterion.h>

static struct frame4 plain(void)
{
	return (struct frame4){.port = P0,
	        .src = HOST(0, 2),
	        .dst = IP4(192, 0, 2, 9),
	        .proto = IP_PROTO_UDP,
	        .payload_len = 30,
	        .id = 77};
}

Test(router_forward, sends_a_plain_packet_to_its_gateway)
{
	struct world w;
	struct frame4 f = plain();
	struct verdict v;

	world_init(&w, 1);
	v = world_send4(&w, &f);
	cr_assert_eq(v.kind, VERDICT_PASS);
	world_end(&w);
	world_free(&w);
}
