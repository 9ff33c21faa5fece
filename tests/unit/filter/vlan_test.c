/* VLAN tags of every kind, against a list of sub-ports searched from end to end. */
#include <criterion/criterion.h>

#include "common/wire/ether.h"
#include "tests/unit/filter/bed.h"

struct tag {
	uint16_t tpid, tci;
};

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
	bed_epoch(&bed, 1, (struct bed_rules){0}, (struct bed_rules){0});
}

static void teardown(void)
{
	bed_free(&bed);
}

TestSuite(filter_vlan, .init = setup, .fini = teardown);

static uint32_t tagged_frame(uint8_t *frame, const struct mac_addr *dst, const struct tag *tags, uint32_t n)
{
	uint32_t at = ether_write(frame, dst, &bed_peer, n ? tags[0].tpid : ETHER_TYPE_IPV4);

	for (uint32_t i = 0; i < n; i++)
		at += vlan_write(frame + at, tags[i].tci, i + 1 < n ? tags[i + 1].tpid : ETHER_TYPE_IPV4);
	return bed_udp4(frame, at, 46, 1, 2);
}

/* What becomes of it: the sub-port's number and DROP_NONE, or a reason. */
struct fate {
	struct port_id port;
	enum drop_reason reason;
};

static bool sub_has(const struct bed_sub *sub, const struct tag *tags, uint32_t n)
{
	if (sub->n != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (sub->vid[i] != (tags[i].tci & 0xfff) || sub->tpid[i] != tags[i].tpid)
			return false;
	return true;
}

static struct fate oracle(const struct mac_addr *dst, const struct tag *tags, uint32_t n)
{
	struct tag real[4];
	uint32_t n_real = 0;

	if (n > 2)
		return (struct fate){BED_ETH0, DROP_VLAN_MALFORMED};
	for (uint32_t i = 0; i < n; i++)
		if (tags[i].tci & 0xfff)
			real[n_real++] = tags[i];
	if (!n_real)
		return (struct fate){BED_ETH0, memcmp(dst, &bed_mac, 6) ? DROP_OTHERHOST : DROP_NONE};
	for (uint32_t i = 0; i < bed_n_subs; i++) {
		const struct mac_addr *own = bed_subs[i].own_mac ? &bed_sub_mac : &bed_mac;
		bool ours = !memcmp(dst, &bed_mac, 6) || !memcmp(dst, own, 6);

		if (!sub_has(&bed_subs[i], real, n_real))
			continue;
		if (!bed_subs[i].up)
			return (struct fate){{(uint16_t)(BED_SUB + i)}, DROP_PORT_DOWN};
		return (struct fate){{(uint16_t)(BED_SUB + i)}, ours ? DROP_NONE : DROP_OTHERHOST};
	}
	return (struct fate){BED_ETH0, DROP_VLAN_UNKNOWN};
}

static void compare(const struct mac_addr *dst, const struct tag *tags, uint32_t n)
{
	struct fate want = oracle(dst, tags, n);
	uint8_t frame[128];
	struct verdict v;
	struct pkt *p;

	fixture_begin(&bed.f, INPUT_RX, 1);
	fixture_add(&bed.f, frame, tagged_frame(frame, dst, tags, n), BED_ETH0);
	p = &bed.f.burst.pkt[0];
	bed_run(&bed);
	v = bed.f.burst.verdict[0];
	cr_assert_eq(v.kind, want.reason ? VERDICT_DROP : VERDICT_PASS, "%u tags, first %04x %u: %s", n,
	        n ? tags[0].tpid : 0, n ? tags[0].tci : 0, drop_reason_label((enum drop_reason)v.reason));
	cr_assert_eq(v.reason, want.reason, "%s, not %s", drop_reason_label((enum drop_reason)v.reason),
	        drop_reason_label(want.reason));
	cr_assert_eq(p->port.v, want.port.v);
	if (!want.reason) {
		cr_assert_eq(p->l3_off, 14 + 4 * n);
		cr_assert_eq(p->ethertype, ETHER_TYPE_IPV4);
		cr_assert_eq(p->type, PKT_HOST);
		cr_assert_eq(!!(p->flags & PKT_F_TAGGED), n > 0);
		cr_assert_eq(!!(p->flags & PKT_F_TAGGED2), n > 1);
		cr_assert(n < 1 || p->vlan_outer == tags[0].tci);
		cr_assert(n < 2 || p->vlan_inner == tags[1].tci);
	}
	fixture_end(&bed.f);
}

Test(filter_vlan, every_stack_of_up_to_three_tags)
{
	static const uint16_t tpids[] = {0x8100, 0x88a8, 0x9100};
	static const uint16_t vids[] = {0, 5, 6, 7, 8, 9, 10, 11, 100, 200, 4095};
	static const struct mac_addr *const macs[] = {&bed_mac, &bed_sub_mac, &bed_other};
	uint32_t kinds = ARRAY_LEN(tpids) * ARRAY_LEN(vids);
	uint64_t random = 1;

	for (uint32_t m = 0; m < ARRAY_LEN(macs); m++) {
		compare(macs[m], NULL, 0);
		for (uint32_t k = 0; k < kinds * kinds; k++) {
			struct tag t[3];

			for (uint32_t i = 0; i < 3; i++) {
				uint32_t kind = i == 0 ? k % kinds : k / kinds;

				t[i].tpid = tpids[kind % ARRAY_LEN(tpids)];
				t[i].tci = (uint16_t)(vids[kind / ARRAY_LEN(tpids)] |
				                      (random_next(&random) & 0xf000));
			}
			compare(macs[m], t, 1);
			compare(macs[m], t, 2);
			compare(macs[m], t, 3);
		}
	}
}

Test(filter_vlan, tags_cut_short_are_malformed)
{
	struct tag tags[] = {{0x88a8, 100}, {0x8100, 10}};
	uint8_t frame[128];

	tagged_frame(frame, &bed_mac, tags, 2);
	fixture_begin(&bed.f, INPUT_RX, 1);
	for (uint32_t len = 14; len <= 22; len++)
		fixture_add(&bed.f, frame, len, BED_ETH0);
	bed_run(&bed);
	for (uint32_t len = 14; len < 22; len++)
		cr_expect_eq(bed.f.burst.verdict[len - 14].reason, DROP_VLAN_MALFORMED);
	cr_expect_eq(bed.f.burst.verdict[8].kind, VERDICT_PASS);
	fixture_end(&bed.f);
}

Test(filter_vlan, a_group_address_is_for_all_sub_ports)
{
	static const struct mac_addr all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct tag tag = {0x8100, 8};
	uint8_t frame[128];

	fixture_begin(&bed.f, INPUT_RX, 1);
	fixture_add(&bed.f, frame, tagged_frame(frame, &all, &tag, 1), BED_ETH0);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.pkt[0].type, PKT_BROADCAST);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_PASS);
	fixture_end(&bed.f);
	cr_expect_eq(filter_port_count(bed.f.state, (struct port_id){BED_SUB + 3}).rx_multicast, 1);
}

Test(filter_vlan, a_port_without_vlans_knows_none)
{
	struct tag tag = {0x8100, 5};
	uint8_t frame[128];

	fixture_begin(&bed.f, INPUT_RX, 1);
	fixture_add(&bed.f, frame, tagged_frame(frame, &bed_mac, &tag, 1), BED_ANY);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_VLAN_UNKNOWN);
	fixture_end(&bed.f);
	cr_expect_eq(filter_port_count(bed.f.state, BED_ANY).rx_dropped, 1);
}

Test(filter_vlan, what_leaves_with_tags_comes_back_on_its_sub_port)
{
	for (uint32_t s = 0; s < bed_n_subs; s++) {
		uint8_t frame[128], sent[160], plain[128];
		uint32_t len, i;

		if (!bed_subs[s].up)
			continue;
		ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_IPV4);
		len = bed_udp4(frame, ETHER_HDR_LEN, 46, 1, 2);
		memcpy(plain, frame, len);
		fixture_begin(&bed.f, INPUT_TX, 1);
		i = fixture_add(&bed.f, frame, len, PORT_NONE);
		bed.f.burst.pkt[i].out.v = (uint16_t)(BED_SUB + s);
		bed_run(&bed);
		cr_assert_eq(bed.f.burst.verdict[i].kind, VERDICT_PASS);
		cr_assert_eq(bed.f.burst.pkt[i].out.v, 0);
		cr_assert_eq(bed.f.burst.pkt[i].len, len + 4 * bed_subs[s].n);
		cr_assert_eq(bed.f.burst.pkt[i].l3_off, 14 + 4 * bed_subs[s].n);
		memcpy(sent, bed.f.burst.frame[i], bed.f.burst.pkt[i].len);
		len = bed.f.burst.pkt[i].len;
		fixture_end(&bed.f);

		fixture_begin(&bed.f, INPUT_RX, 2);
		i = fixture_add(&bed.f, sent, len, BED_ETH0);
		bed_run(&bed);
		cr_assert_eq(bed.f.burst.verdict[i].kind, VERDICT_PASS);
		cr_assert_eq(bed.f.burst.pkt[i].port.v, BED_SUB + s);
		cr_assert_arr_eq(sent + bed.f.burst.pkt[i].l3_off, plain + 14, 46);
		cr_assert_arr_eq(sent, plain, 12);
		fixture_end(&bed.f);
	}
}
