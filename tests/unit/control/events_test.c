/* What is told of two looks at a process, a port, a neighbor, the calls; and of the journal's entries. */
#include "services/control/watch/events.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

static struct event got[8];
static uint32_t n;

static void take(void *context, const struct event *e)
{
	(void)context;
	cr_assert_lt(n, 8);
	got[n++] = *e;
}

static const struct event_sink sink = {take, NULL};

static void reset(void)
{
	n = 0;
}

TestSuite(events, .init = reset);

/* "what name: text" of all that was told, apart by "; ". */
static const char *told(void)
{
	static char all[1024];
	size_t at = 0;

	all[0] = 0;
	for (uint32_t i = 0; i < n; i++)
		at += (size_t)snprintf(all + at, sizeof all - at, "%s%s %s: %s", i ? "; " : "", got[i].name,
		        got[i].what, got[i].text);
	n = 0;
	return all;
}

static const struct board_role running = {
        .state = BOARD_ROLE_RUNNING, .pid = 100, .starts = 2, .died_at = 5, .started_at = 6};

static const char *role_told(struct board_role is)
{
	events_role(&sink, "router", &running, &is);
	return told();
}

Test(events, tells_of_a_death_by_its_signal_or_exit_and_of_the_start_behind_it)
{
	struct board_role is = running;

	cr_expect_str_eq(role_told(is), "");
	is.state = BOARD_ROLE_WAITING;
	is.pid = 0;
	is.died_at = 50;
	is.last_signal = SIGKILL;
	events_role(&sink, "router", &running, &is);
	cr_expect_eq(got[0].at, 50);
	cr_expect_eq(got[0].pid, 100, "of the one that died");
	cr_expect_str_eq(told(), "router died: SIGKILL");
	is.last_signal = 0;
	is.last_exit = 3;
	cr_expect_str_eq(role_told(is), "router died: exit 3");
	is.crash = 7;
	cr_expect_str_eq(role_told(is), "router died: exit 3; sluice crash show 7");
	is.crash = 0;
	is.stalls = 1;
	cr_expect_str_eq(role_told(is), "router stalled: exit 3");
	is.stalls = 0;
	is.starts = 3;
	is.pid = 200;
	is.started_at = 60;
	is.state = BOARD_ROLE_STARTING;
	events_role(&sink, "router", &running, &is);
	cr_expect_eq(got[1].at, 60);
	cr_expect_eq(got[1].pid, 200);
	cr_expect_str_eq(told(), "router died: exit 3; router started: start 3");
}

Test(events, betrays_deaths_between_two_looks_and_a_process_given_up)
{
	struct board_role is = running;

	is.died_at = 90;
	is.last_signal = SIGSEGV;
	is.starts = 5;
	cr_expect_str_eq(
	        role_told(is), "router died: SIGSEGV, the last of 3 deaths; router started: start 5");
	is.state = BOARD_ROLE_FAILED;
	cr_expect_str_eq(role_told(is),
	        "router died: SIGSEGV, the last of 3 deaths; router started: start 5; "
	        "router failed: it has died of its own faults too often, and is "
	        "started seldom");
}

static const struct event_port wan = {
        .name = "wan", .state = "up", .carrier = true, .incarnation = 7, .how = "af_xdp native"};

static const char *port_told(const struct event_port *was, const struct event_port *is)
{
	events_port(&sink, was, is);
	return told();
}

Test(events, tells_of_a_port_that_goes_comes_and_changes_its_driver)
{
	static const struct event_port none = {.state = ""};
	struct event_port is = wan, lan = wan;

	cr_expect_str_eq(port_told(&wan, &wan), "");
	cr_expect_str_eq(port_told(&none, &none), "");
	cr_expect_str_eq(port_told(&wan, &none), "wan removed: ");
	cr_expect_str_eq(port_told(&none, &wan), "wan added: up");
	snprintf(lan.name, sizeof lan.name, "lan");
	cr_expect_str_eq(port_told(&wan, &lan), "wan removed: ; lan added: up");
	is.state = "absent";
	is.carrier = false;
	snprintf(is.reason, sizeof is.reason, "there is no interface wan");
	cr_expect_str_eq(port_told(&wan, &is), "wan absent: there is no interface wan");
	cr_expect_str_eq(port_told(&is, &wan), "wan up: af_xdp native");
	is = wan;
	is.incarnation = 8;
	cr_expect_str_eq(port_told(&wan, &is), "wan replaced: af_xdp native");
	is = wan;
	is.carrier = false;
	cr_expect_str_eq(port_told(&wan, &is), "wan no carrier: ");
	is = wan;
	snprintf(is.how, sizeof is.how, "af_packet v2");
	cr_expect_str_eq(port_told(&wan, &is), "wan driver: af_packet v2 instead of af_xdp native");
}

static const struct event_neighbor someone = {
        .address = "192.0.2.2", .port = "wan", .mac = {{2, 0, 0, 0, 0, 1}}, .resolved = true};

static const char *neighbor_told(const struct event_neighbor *was, const struct event_neighbor *is)
{
	events_neighbor(&sink, was, is);
	cr_expect(n == 0 || strcmp(got[0].port, "wan") == 0);
	return told();
}

Test(events, tells_of_a_neighbor_that_comes_moves_fails_and_goes)
{
	static const struct event_neighbor none;
	struct event_neighbor asked = someone, is = someone;

	asked.resolved = false;
	cr_expect_str_eq(neighbor_told(&someone, &someone), "");
	cr_expect_str_eq(neighbor_told(&none, &asked), "192.0.2.2 new: ");
	cr_expect_str_eq(got[0].mac, "");
	cr_expect_str_eq(neighbor_told(&asked, &someone), "192.0.2.2 resolved: ");
	cr_expect_str_eq(got[0].mac, "02:00:00:00:00:01");
	is.mac.b[5] = 2;
	cr_expect_str_eq(neighbor_told(&someone, &is), "192.0.2.2 changed: it was 02:00:00:00:00:01");
	cr_expect_str_eq(got[0].mac, "02:00:00:00:00:02");
	is = asked;
	is.failed = true;
	cr_expect_str_eq(neighbor_told(&asked, &is), "192.0.2.2 failed: ");
	cr_expect_str_eq(neighbor_told(&is, &is), "");
	cr_expect_str_eq(neighbor_told(&is, &none), "192.0.2.2 gone: ");
	is = someone;
	snprintf(is.address, sizeof is.address, "192.0.2.3");
	cr_expect_str_eq(neighbor_told(&someone, &is), "192.0.2.2 gone: ; 192.0.2.3 new: ");
}

Test(events, counts_refused_and_malformed_calls)
{
	static const struct event_clients was = {3, 1}, is = {5, 2};

	events_clients(&sink, &was, &was);
	cr_expect_eq(n, 0);
	events_clients(&sink, &was, &is);
	cr_expect_str_eq(told(), "calls refused: 2, by role or limit; calls malformed: 1");
}

Test(events, tells_of_a_configuration_what_became_of_it_and_why)
{
	struct entry r = {
	        .number = 12, .event = ENTRY_BEGUN, .pid = 77, .epoch = 4, .change = "~ports.a.mtu"};

	events_entry(&sink, &r);
	cr_expect_eq(got[0].pid, 77);
	cr_expect_str_eq(told(), "12 begun: ~ports.a.mtu");
	r = (struct entry){.number = 12, .event = ENTRY_UNDONE, .why = "epoch 4 was not taken up"};
	events_entry(&sink, &r);
	cr_expect_str_eq(told(), "12 undone: epoch 4 was not taken up");
	r = (struct entry){.number = 11, .event = ENTRY_RESTORED, .epoch = 5};
	events_entry(&sink, &r);
	cr_expect_str_eq(told(), "11 restored: epoch 5");
}

Test(events, kinds_have_names)
{
	for (uint32_t k = 0; k < EVENT_KINDS_N; k++)
		cr_expect_eq(event_kind_of(event_kind_name((enum event_kind)k)), k);
	cr_expect_eq(event_kind_of("ports"), EVENT_KINDS_N);
	cr_expect_eq(event_kind_of(""), EVENT_KINDS_N);
}

Test(events, tells_of_a_route_with_its_first_way)
{
	struct event_route r = {.what = "added",
	        .to = "203.0.113.0/24",
	        .protocol = "bgp",
	        .gateway = "192.0.2.2",
	        .port = "wan",
	        .metric = 20,
	        .ways = 2};

	events_route(&sink, &r);
	cr_expect_str_eq(got[0].port, "wan");
	cr_expect_eq(got[0].kind, EVENT_ROUTE);
	r = (struct event_route){.what = "deleted", .to = "203.0.113.0/24", .protocol = "bgp", .metric = 20};
	events_route(&sink, &r);
	cr_expect_str_eq(told(),
	        "203.0.113.0/24 added: via 192.0.2.2 proto bgp metric 20, the first of 2 ways; "
	        "203.0.113.0/24 deleted: proto bgp metric 20");
}
