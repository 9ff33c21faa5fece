/* doctor: what a machine, its interfaces and a running appliance lack, and how to mend it.
 *
 *     facts_machine(&facts.machine);                  looks: reads only, sends nothing (facts.c)
 *     facts_port(&facts.port[i], "eth1");
 *     doctor_machine(&report, &facts.machine);        judges: pure functions of the facts
 *     doctor_port(&report, &facts.port[i]);
 *     doctor_appliance(&report, &facts.appliance);
 *
 * Each finding is a sentence, and where it is not fine another one that mends it.
 */
#ifndef SLUICE_SERVICES_CLI_DOCTOR_DOCTOR_H
#define SLUICE_SERVICES_CLI_DOCTOR_DOCTOR_H

#include "common/epoch/epoch.h"

#define DOCTOR_PORTS_MAX    EPOCH_PHYS_MAX
#define DOCTOR_ROLES_MAX    16u
#define DOCTOR_FINDINGS_MAX 256u
#define DOCTOR_TEXT         320u

/* What is known of the machine.  Texts are empty and numbers 0 where it does not say, but where told. */
struct doctor_machine {
	uint32_t kernel_major, kernel_minor;
	char kernel[65];
	bool may_own;            /* root's rights over interfaces: CAP_NET_ADMIN, NET_RAW and SYS_ADMIN */
	bool may_lock;           /* CAP_IPC_LOCK */
	int bpf_error;           /* of loading a program of two instructions: errno, or 0 */
	int xdp_socket_error;    /* of making an AF_XDP socket: errno, or 0 */
	uint32_t landlock;       /* version of the interface; 0: it is off */
	uint64_t memlock_bytes;  /* limit; UINT64_MAX: none */
	uint64_t files;          /* limit of descriptors that may be had */
	uint64_t free_bytes;     /* memory that can be had without swapping */
	uint64_t pool_bytes;     /* that the configuration wants for packets */
	char huge_shared[16];    /* transparent_hugepage/shmem_enabled: the word in brackets */
	uint32_t cores, allowed; /* online; that this process may use */
	uint32_t lanes;          /* that the configuration wants */
	bool siblings;           /* processors share cores */
	char isolated[64];       /* list of processors */
	char governor[32];       /* of the processors; "mixed" */
	char clock[32];
	uint32_t metrics_port; /* that the configuration wants for metrics; 0: none */
	bool metrics_taken;    /* somebody else listens there */
	char run_dir[256];
	int run_dir_error; /* it cannot be made or written: errno, or 0 */
	char state_dir[256];
	int state_dir_error;
};

/* A port of the configuration that is an interface, or has no driver. */
struct doctor_port {
	char name[EPOCH_NAME_LEN], interface[EPOCH_NAME_LEN]; /* the port's, and the machine's */
	enum epoch_driver driver;                             /* that is wanted */
	bool exists, up, carrier;
	bool owned; /* by the running appliance: what it did to the interface is no finding */
	char kernel_driver[32];
	uint32_t queues, queues_max;   /* of the interface */
	uint32_t rx_ring, rx_ring_max; /* descriptors */
	bool lro;
	int32_t node; /* NUMA; -1: the machine has one */
	uint32_t nodes;
	uint32_t xdp_program; /* id of one that is attached; 0: none */
	char master[EPOCH_NAME_LEN];
	const char *manager;       /* what configures it beside us: static; NULL: nobody */
	bool default_route, login; /* the machine's default route, this session's connection lead over it */
	uint32_t addresses;        /* the kernel's */
};

struct doctor_role {
	char name[16], state[16];
	uint64_t faults;
	bool behind; /* a lane has not taken up the epoch in force */
};

/* A port of the running appliance. */
struct doctor_traffic {
	char name[EPOCH_NAME_LEN], state[16], reason[96], why_not[96];
	uint64_t packets;   /* received */
	uint64_t ring_full; /* of them lost since the kernel's ring was full */
};

struct doctor_appliance {
	bool answers;
	bool lives;     /* an attendant does, at least; of one that does not answer */
	char build[64]; /* control's; empty: of one that does not tell */
	const char
	        *ours; /* this command's, which is of the programs here; NULL: it runs on another machine */
	char problem[256];
	bool consistent, balanced;
	uint64_t rounds, squeezes; /* of the poll loop; how many ended with packets left */
	struct doctor_role role[DOCTOR_ROLES_MAX];
	struct doctor_traffic port[DOCTOR_PORTS_MAX];
	uint32_t n_roles, n_ports;
};

enum doctor_level { DOCTOR_OK, DOCTOR_SLOW, DOCTOR_MISSING };

struct doctor_finding {
	enum doctor_level level;
	char about[40];
	char what[DOCTOR_TEXT];
	char mend[DOCTOR_TEXT]; /* empty: fine */
};

struct doctor_report {
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
	uint32_t n;
};

const char *doctor_level_name(enum doctor_level level);

void doctor_machine(struct doctor_report *r, const struct doctor_machine *m);
void doctor_port(struct doctor_report *r, const struct doctor_port *p);
void doctor_appliance(struct doctor_report *r, const struct doctor_appliance *a);

/* For those above: adds a finding; `mend` is what helps, or NULL.  What finds no room is left out. */
__attribute__((format(printf, 4, 5))) void doctor_add(
        struct doctor_report *r, enum doctor_level level, const char *about, const char *what, ...);
__attribute__((format(printf, 2, 3))) void doctor_mend(struct doctor_report *r, const char *format, ...);

#endif
