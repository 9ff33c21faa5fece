/* probe: whether the ports of an epoch could be opened, before anything is. */
#include "services/ingest/ingest.h"
#include "services/ingest/nic/play.h"
#include "services/ingest/ports.h"

#include <stdio.h>
#include <stdlib.h>

static int probe_port(const struct epoch *epoch, uint32_t i, struct nic_settings *settings, char *error)
{
	const struct epoch_port *p = &epoch->ports[i];
	int err = settings_parse(
	        settings, (enum epoch_driver)p->driver, ports_text(epoch, p), error, NIC_ERROR_BYTES);

	return err ? err : ports_driver(p->driver)->probe(settings, error);
}

/* Two ports that write one file would spoil it. */
static int probe_outs(const struct nic_settings *settings, uint32_t n, char *error)
{
	for (uint32_t k = 0; k + 1 < n; k++)
		if (settings[k].out[0] && !strcmp(settings[k].out, settings[n - 1].out)) {
			snprintf(
			        error, NIC_ERROR_BYTES, "%.200s is written by another port", settings[k].out);
			return -EINVAL;
		}
	return 0;
}

int ingest_probe(const struct epoch *epoch, struct port_id *port, char *error)
{
	struct nic_settings *settings = calloc(EPOCH_PHYS_MAX, sizeof *settings);
	uint32_t n = 0;
	int err = settings ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < MIN(epoch->n_ports, EPOCH_PHYS_MAX) && !err; i++) {
		const struct epoch_port *p = &epoch->ports[i];

		if (p->kind != EPOCH_PORT_PHYSICAL || !ports_driver(p->driver))
			continue;
		*port = (struct port_id){(uint16_t)i};
		err = probe_port(epoch, i, &settings[n++], error);
		if (!err)
			err = probe_outs(settings, n, error);
	}
	free(settings);
	return err;
}

static nanos_t first_time(const char *path)
{
	char error[NIC_ERROR_BYTES];
	struct play play;
	nanos_t first;

	if (play_open(&play, path, false, 0, 1, error))
		return 0;
	first = play.first_time;
	play_close(&play);
	return first;
}

nanos_t ingest_first_time(const struct epoch *epoch)
{
	struct nic_settings *settings = malloc(sizeof *settings);
	char error[NIC_ERROR_BYTES];
	nanos_t first = 0;

	for (uint32_t i = 0; settings && i < MIN(epoch->n_ports, EPOCH_PHYS_MAX); i++) {
		const struct epoch_port *p = &epoch->ports[i];
		nanos_t t;

		if (p->kind != EPOCH_PORT_PHYSICAL || p->driver != EPOCH_DRIVER_PCAP ||
		        settings_parse(
		                settings, EPOCH_DRIVER_PCAP, ports_text(epoch, p), error, sizeof error) ||
		        !settings->in[0])
			continue;
		t = first_time(settings->in);
		first = t && (!first || t < first) ? t : first;
	}
	free(settings);
	return first;
}
