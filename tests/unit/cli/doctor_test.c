/* What is found of machines, interfaces and appliances that this one is not. */
#include "services/cli/doctor/doctor.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct doctor_report report;

static void reset(void)
{
	report.n = 0;
}

TestSuite(doctor, .init = reset);

/* The finding about something whose sentence holds these words; NULL: none. */
static const struct doctor_finding *find(const char *about, const char *words)
{
	for (uint32_t i = 0; i < report.n; i++)
		if (!strcmp(report.finding[i].about, about) && strstr(report.finding[i].what, words))
			return &report.finding[i];
	return NULL;
}

static uint32_t count(enum doctor_level level)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < report.n; i++)
		n += report.finding[i].level == level;
	return n;
}

static void expect(const char *about, const char *words, enum doctor_level level, const char *mend)
{
	const struct doctor_finding *f = find(about, words);

	cr_assert_not_null(f, "nothing about %s says '%s'", about, words);
	cr_expect_eq(f->level, level, "%s: %s", about, doctor_level_name(f->level));
	cr_expect(strstr(f->mend, mend), "%s: '%s' lacks '%s'", about, f->mend, mend);
}

static const struct doctor_machine good_machine = {
        .kernel_major = 6,
        .kernel_minor = 1,
        .kernel = "6.1.0-18-amd64",
        .may_own = true,
        .may_lock = true,
        .landlock = 2,
        .memlock_bytes = 65536,
        .files = 524288,
        .free_bytes = UINT64_C(8) << 30,
        .pool_bytes = UINT64_C(73) << 20,
        .huge_shared = "within_size",
        .cores = 8,
        .allowed = 8,
        .lanes = 4,
        .isolated = "4-7",
        .governor = "performance",
        .clock = "tsc",
        .metrics_port = 9119,
        .run_dir = "/run/sluice",
        .state_dir = "/var/lib/sluice",
};

Test(doctor, finds_nothing_where_all_is_well)
{
	doctor_machine(&report, &good_machine);
	for (uint32_t i = 0; i < report.n; i++) {
		cr_expect_eq(report.finding[i].level, DOCTOR_OK, "%s", report.finding[i].what);
		cr_expect_str_eq(report.finding[i].mend, "", "%s", report.finding[i].what);
	}
	cr_expect_geq(report.n, 12);
}

Test(doctor, every_finding_that_is_not_fine_says_what_mends_it)
{
	struct doctor_machine m = {.run_dir_error = EROFS,
	        .state_dir_error = EACCES,
	        .metrics_port = 80,
	        .metrics_taken = true,
	        .bpf_error = EPERM,
	        .lanes = 2,
	        .siblings = true,
	        .cores = 2,
	        .governor = "powersave",
	        .clock = "hpet",
	        .huge_shared = "never",
	        .pool_bytes = 1};
	struct doctor_port p = {.name = "eth1",
	        .interface = "eth1",
	        .exists = true,
	        .up = true,
	        .driver = EPOCH_DRIVER_AF_XDP,
	        .queues = 1,
	        .queues_max = 8,
	        .rx_ring = 256,
	        .rx_ring_max = 4096,
	        .lro = true,
	        .xdp_program = 7,
	        .master = "br0",
	        .manager = "NetworkManager",
	        .default_route = true};

	doctor_machine(&report, &m);
	doctor_port(&report, &p);
	p.manager = "systemd-networkd";
	p.login = true;
	doctor_port(&report, &p);
	for (uint32_t i = 0; i < report.n; i++)
		cr_expect_eq(!*report.finding[i].mend, report.finding[i].level == DOCTOR_OK, "%s: %s",
		        report.finding[i].about, report.finding[i].what);
	cr_expect_geq(count(DOCTOR_MISSING), 10);
	cr_expect_geq(count(DOCTOR_SLOW), 10);
}

Test(doctor, knows_a_kernel_that_is_too_old_from_one_that_lacks_a_part)
{
	struct doctor_machine m = good_machine;

	m.kernel_major = 5;
	m.kernel_minor = 12;
	doctor_machine(&report, &m);
	expect("kernel", "too old", DOCTOR_MISSING, "5.13");
	cr_expect_null(find("landlock", ""));
	reset();
	m.kernel_minor = 13;
	m.landlock = 0;
	doctor_machine(&report, &m);
	cr_expect_null(find("kernel", "too old"));
	expect("landlock", "kept from files", DOCTOR_MISSING, "lsm=landlock");
}

Test(doctor, tells_a_container_that_refuses_bpf_from_a_kernel_that_has_none)
{
	struct doctor_machine m = good_machine;

	m.bpf_error = EPERM;
	doctor_machine(&report, &m);
	expect("xdp", "no BPF program", DOCTOR_SLOW, "CAP_BPF");
	reset();
	m.bpf_error = 0;
	m.xdp_socket_error = EAFNOSUPPORT;
	doctor_machine(&report, &m);
	expect("xdp", "no AF_XDP socket", DOCTOR_SLOW, "CONFIG_XDP_SOCKETS");
	cr_expect_eq(count(DOCTOR_MISSING), 0, "it runs on af_packet");
}

Test(doctor, counts_what_may_be_locked_only_for_who_is_limited)
{
	struct doctor_machine m = good_machine;

	m.may_lock = false;
	doctor_machine(&report, &m);
	expect("memlock", "64 KiB may be locked", DOCTOR_SLOW, "ulimit -l unlimited");
	reset();
	m.memlock_bytes = UINT64_MAX;
	doctor_machine(&report, &m);
	expect("memlock", "may be locked", DOCTOR_OK, "");
}

static const struct doctor_port good_port = {.name = "eth1",
        .interface = "eth1",
        .driver = EPOCH_DRIVER_AF_XDP,
        .exists = true,
        .up = true,
        .carrier = true,
        .kernel_driver = "ice",
        .queues = 8,
        .queues_max = 8,
        .rx_ring = 4096,
        .rx_ring_max = 4096,
        .node = -1,
        .nodes = 1};

Test(doctor, warns_before_it_takes_the_interface_that_one_works_over)
{
	struct doctor_port p = good_port;

	doctor_port(&report, &p);
	cr_expect_eq(count(DOCTOR_OK), report.n);
	reset();
	p.login = p.default_route = true;
	p.addresses = 1;
	doctor_port(&report, &p);
	expect("port eth1", "this session's connection", DOCTOR_MISSING, "another interface");
	cr_expect_eq(count(DOCTOR_MISSING), 1, "one thing is told once");
}

Test(doctor, names_interfaces_that_are_not_there_and_those_that_are_to_be_made)
{
	struct doctor_port p = {.name = "lan", .interface = "eth9", .driver = EPOCH_DRIVER_AF_PACKET};

	doctor_port(&report, &p);
	expect("port lan", "there is no interface eth9", DOCTOR_MISSING, "ip -br link");
	reset();
	p.driver = EPOCH_DRIVER_TAP;
	doctor_port(&report, &p);
	expect("port lan", "it will be made", DOCTOR_OK, "");
	reset();
	p.driver = EPOCH_DRIVER_NONE;
	doctor_port(&report, &p);
	expect("port lan", "it has no driver", DOCTOR_MISSING, "ports.lan");
}

Test(doctor, does_not_blame_a_running_appliance_for_its_own_program)
{
	struct doctor_port p = good_port;

	p.xdp_program = 41;
	doctor_port(&report, &p);
	expect("port eth1", "another's XDP program, 41", DOCTOR_MISSING, "xdp off");
	reset();
	p.owned = true;
	doctor_port(&report, &p);
	cr_expect_eq(count(DOCTOR_OK), report.n);
}

Test(doctor, says_of_a_driver_without_xdp_that_it_is_slow_where_xdp_is_wanted)
{
	struct doctor_port p = good_port;

	snprintf(p.kernel_driver, sizeof p.kernel_driver, "e1000e");
	doctor_port(&report, &p);
	expect("port eth1", "e1000e, does not run XDP", DOCTOR_SLOW, "generic");
	reset();
	p.driver = EPOCH_DRIVER_AF_PACKET;
	doctor_port(&report, &p);
	cr_expect_eq(count(DOCTOR_SLOW), 0);
}

static struct doctor_appliance running(void)
{
	struct doctor_appliance a = {.answers = true,
	        .build = "0.1.0 0123456789abcdef",
	        .ours = "0.1.0 0123456789abcdef",
	        .consistent = true,
	        .balanced = true,
	        .rounds = 1000000,
	        .squeezes = 1000,
	        .role = {{"ingest", "running", 0, false}, {"router", "running", 0, false}},
	        .n_roles = 2,
	        .port = {{"wan", "up", "", "", 1000000, 1000}},
	        .n_ports = 1};

	return a;
}

Test(doctor, finds_nothing_in_an_appliance_that_loses_one_in_a_thousand)
{
	struct doctor_appliance a = running();

	doctor_appliance(&report, &a);
	cr_expect_eq(count(DOCTOR_OK), report.n);
	a.squeezes++;
	a.port[0].ring_full++;
	reset();
	doctor_appliance(&report, &a);
	expect("poll loop", "1001 of 1000000", DOCTOR_SLOW, "more lanes");
	expect("port wan", "1001 packets found the kernel's ring full", DOCTOR_SLOW, "rx_ring");
}

Test(doctor, tells_an_appliance_that_does_not_answer_from_none)
{
	struct doctor_appliance a = {.lives = true};

	doctor_appliance(&report, &a);
	expect("control", "does not answer", DOCTOR_MISSING, "journalctl");
	reset();
	a.lives = false;
	doctor_appliance(&report, &a);
	expect("appliance", "none answers here", DOCTOR_OK, "");
}

Test(doctor, says_that_what_runs_is_not_what_is_installed)
{
	struct doctor_appliance a = running();

	a.ours = "0.2.0 0123456789abcdef";
	doctor_appliance(&report, &a);
	expect("build", "started as 0.1.0 0123456789abcdef, and what is installed is 0.2.0 0123456789abcdef",
	        DOCTOR_MISSING, "systemctl restart sluice");
	reset();
	a.build[0] = 0;
	doctor_appliance(&report, &a);
	expect("build", "started as an older one", DOCTOR_MISSING, "start it anew");
	reset();
	a.ours = NULL;
	doctor_appliance(&report, &a);
	cr_expect_null(find("build", ""), "on another machine something else is installed");
}

Test(doctor, tells_a_process_that_is_down_from_one_that_died_and_one_that_is_behind)
{
	struct doctor_appliance a = running();

	snprintf(a.role[0].state, sizeof a.role[0].state, "backoff");
	a.role[0].faults = 9;
	a.role[1].faults = 1;
	doctor_appliance(&report, &a);
	expect("ingest", "does not run: backoff", DOCTOR_MISSING, "sluice status");
	expect("router", "1 time", DOCTOR_SLOW, "journalctl");
	reset();
	a.role[1].behind = true;
	doctor_appliance(&report, &a);
	expect("router", "has not taken up", DOCTOR_MISSING, "sluice status");
}

Test(doctor, tells_of_an_account_that_does_not_balance_a_problem_and_a_port_that_is_gone)
{
	struct doctor_appliance a = running();

	a.balanced = false;
	snprintf(a.problem, sizeof a.problem, "it does not fit");
	snprintf(a.port[0].state, sizeof a.port[0].state, "absent");
	snprintf(a.port[0].reason, sizeof a.port[0].reason, "no such interface");
	doctor_appliance(&report, &a);
	expect("account", "not accounted for", DOCTOR_MISSING, "report it");
	expect("control", "it does not fit", DOCTOR_MISSING, "history");
	expect("port wan", "absent: no such interface", DOCTOR_MISSING, "sluice port wan");
	reset();
	a.consistent = false;
	doctor_appliance(&report, &a);
	expect("account", "too busy", DOCTOR_OK, "");
	reset();
	doctor_appliance(&report, &(struct doctor_appliance){0});
	expect("appliance", "none answers", DOCTOR_OK, "");
}

Test(doctor, leaves_out_what_finds_no_room)
{
	for (uint32_t i = 0; i < 2 * DOCTOR_FINDINGS_MAX; i++)
		doctor_add(&report, DOCTOR_OK, "x", "%u", i);
	cr_expect_eq(report.n, DOCTOR_FINDINGS_MAX);
}
