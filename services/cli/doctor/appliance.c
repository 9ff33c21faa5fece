/* appliance: how a running appliance does. */
#include "services/cli/doctor/doctor.h"

#include <inttypes.h>
#include <stdio.h>

#define SHARE 1000u /* of packets, or rounds: less than one in so many is nothing */

static void check_roles(struct doctor_report *r, const struct doctor_appliance *a)
{
	uint32_t fine = 0;

	for (uint32_t i = 0; i < a->n_roles; i++) {
		const struct doctor_role *role = &a->role[i];

		if (strcmp(role->state, "running") != 0) {
			doctor_add(r, DOCTOR_MISSING, role->name, "it does not run: %s", role->state);
			doctor_mend(r, "sluice status tells why it died; journalctl -u sluice what it said");
		} else if (role->behind) {
			doctor_add(r, DOCTOR_MISSING, role->name,
			        "it has not taken up the configuration in force");
			doctor_mend(r, "sluice status; packets of the epoch before may still be under way");
		} else if (role->faults) {
			doctor_add(r, DOCTOR_SLOW, role->name,
			        "it has died of its own faults %" PRIu64 " time%s", role->faults,
			        role->faults == 1 ? "" : "s");
			doctor_mend(
			        r, "sluice status tells by what signal; journalctl -u sluice what it said");
		} else {
			fine++;
		}
	}
	if (fine)
		doctor_add(r, DOCTOR_OK, "processes", "%u of %u run and have not died of their own", fine,
		        a->n_roles);
}

/* What dies is started again from the programs that are installed now. */
static void check_build(struct doctor_report *r, const struct doctor_appliance *a)
{
	if (!a->ours)
		return;
	if (!strcmp(a->build, a->ours)) {
		doctor_add(r, DOCTOR_OK, "build", "it runs what is installed: %s", a->ours);
		return;
	}
	doctor_add(r, DOCTOR_MISSING, "build",
	        "it was started as %s, and what is installed is %s: a process that dies may not come back",
	        *a->build ? a->build : "an older one", a->ours);
	doctor_mend(
	        r, "start it anew (systemctl restart sluice): it goes on with the configuration in force");
}

static void check_account(struct doctor_report *r, const struct doctor_appliance *a)
{
	if (*a->problem) {
		doctor_add(r, DOCTOR_MISSING, "control", "%s", a->problem);
		doctor_mend(r, "sluice config history tells what became of each configuration");
	}
	if (!a->consistent) {
		doctor_add(r, DOCTOR_OK, "account", "it was too busy for a look at one instant");
	} else if (a->balanced) {
		doctor_add(r, DOCTOR_OK, "account", "every packet is accounted for");
	} else {
		doctor_add(r, DOCTOR_MISSING, "account", "packets are not accounted for");
		doctor_mend(r, "sluice account --buffers tells where; this is a bug of Sluice: report it");
	}
}

static void check_polls(struct doctor_report *r, const struct doctor_appliance *a)
{
	if (a->squeezes <= a->rounds / SHARE) {
		doctor_add(r, DOCTOR_OK, "poll loop",
		        "%" PRIu64 " of %" PRIu64 " rounds ended with packets left", a->squeezes, a->rounds);
		return;
	}
	doctor_add(r, DOCTOR_SLOW, "poll loop",
	        "%" PRIu64 " of %" PRIu64 " rounds ended with packets left: it gets more than it can do",
	        a->squeezes, a->rounds);
	doctor_mend(r, "more lanes (appliance.lanes), or a larger poll.budget of the ports");
}

static void check_traffic(struct doctor_report *r, const struct doctor_traffic *t)
{
	char about[40];

	snprintf(about, sizeof about, "port %s", t->name);
	if (strcmp(t->state, "up") != 0) {
		doctor_add(r, DOCTOR_MISSING, about, "it is %s: %s", t->state, t->reason);
		doctor_mend(r, "sluice port %s", t->name);
		return;
	}
	if (*t->why_not) {
		doctor_add(r, DOCTOR_SLOW, about, "it has no better mode: %s", t->why_not);
		doctor_mend(r, "sluice port %s tells its driver and mode", t->name);
	}
	if (t->ring_full > t->packets / SHARE) {
		doctor_add(r, DOCTOR_SLOW, about,
		        "%" PRIu64 " packets found the kernel's ring full, beside %" PRIu64 " received",
		        t->ring_full, t->packets);
		doctor_mend(r, "a larger rx_ring of the port, or more lanes; what must get through is "
		               "control_dscp's");
	}
}

void doctor_appliance(struct doctor_report *r, const struct doctor_appliance *a)
{
	if (!a->answers && a->lives) {
		doctor_add(r, DOCTOR_MISSING, "control", "an appliance runs here, and does not answer");
		doctor_mend(r, "journalctl -u sluice has what control said; what forwards does not need it");
		return;
	}
	if (!a->answers) {
		doctor_add(r, DOCTOR_OK, "appliance", "none answers here");
		return;
	}
	check_roles(r, a);
	check_build(r, a);
	check_account(r, a);
	check_polls(r, a);
	for (uint32_t i = 0; i < a->n_ports; i++)
		check_traffic(r, &a->port[i]);
}
