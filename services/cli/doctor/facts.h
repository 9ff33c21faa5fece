/* facts: what can be seen of this machine, for doctor.  Reads only: files of /proc and /sys, ioctls and
 * netlink that ask, and an empty BPF program that is loaded and let go.  Sends nothing. */
#ifndef SLUICE_SERVICES_CLI_DOCTOR_FACTS_H
#define SLUICE_SERVICES_CLI_DOCTOR_FACTS_H

#include "services/cli/doctor/doctor.h"

/* Fills in what the machine says; pool_bytes, lanes, metrics_port and the folders' names are the caller's,
 * who sets them before. */
void facts_machine(struct doctor_machine *m);

/* Fills in what the machine says of the interface p->name. */
void facts_port(struct doctor_port *p);

/* The first line of a file, at most size - 1 bytes without its newline; empty where it cannot be read. */
void facts_line(const char *path, char *text, size_t size);

/* The n-th word of a line, from 0, as a number of that base; UINT64_MAX where there is none. */
uint64_t facts_number(const char *line, uint32_t n, int base);

#endif
