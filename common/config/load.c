#include "common/config/check.h"

#include <stdlib.h>

#include "common/config/file.h"

static struct config *config_new(const char *name)
{
	struct config_memory *m = calloc(1, sizeof *m);
	const char *slash = strrchr(name, '/');
	struct config *c = m ? arena_take(&m->arena, sizeof *c) : NULL;

	if (!c) {
		free(m);
		return NULL;
	}
	c->memory = m;
	m->folder = arena_text(&m->arena, name, slash ? (size_t)(slash - name) + 1 : 0);
	return c;
}

static void check_all(struct loader *l)
{
	check_appliance(l);
	check_ports(l);
	check_vlans(l);
	check_addresses(l);
	import_routes(l);
	check_routes(l);
	check_neighbors(l);
	check_rules(l);
	check_sockets(l);
	check_metrics(l);
	check_dynamic_routes(l);
	check_control(l);
	check_fib(l);
}

/* Texts of imported files and the document's nodes serve errors alone. */
static void forget_texts(struct config *c)
{
	for (struct import *im = c->memory->imports; im; im = im->next)
		free((char *)(uintptr_t)im->source.text);
	c->memory->imports = NULL;
}

int config_parse(
        const char *name, const char *text, size_t len, struct config **out, struct config_errors *errors)
{
	/* Of no bytes the address may be none, which neither libyaml nor arithmetic takes. */
	struct source source = {.name = name, .text = len ? text : "", .len = len, .errors = errors};
	struct loader l = {.source = &source, .config = config_new(name)};
	uint32_t errors_before = errors->n;
	const struct node *root;
	int fault = 0;

	*out = NULL;
	if (!l.config)
		return -ENOMEM;
	l.arena = &l.config->memory->arena;
	root = document_parse(l.arena, &source);
	if (root && root->kind != NODE_MAPPING) {
		source_error(&source, root->line, root->column,
		        root->kind == NODE_LIST ? "a list" : "a single text",
		        "a mapping: `ports:` and what is in it",
		        "deploy/examples/router.yaml is a beginning.");
	} else if (root) {
		schema_read(&l, &schema_root, root, l.config);
		if (!l.arena->failed)
			check_all(&l);
	}
	forget_texts(l.config);
	fault = errors->n > errors_before ? -EINVAL : l.arena->failed ? -ENOMEM : 0;
	if (fault) {
		errors_sort(errors);
		config_free(l.config);
		return fault;
	}
	*out = l.config;
	return 0;
}

static const char *open_hint(int fault)
{
	switch (fault) {
	case -ENOENT: return "Is the path right? deploy/examples/ holds configurations to begin with.";
	case -EACCES: return "Give this user the right to read the file and to pass through its folders.";
	case -EISDIR: return "Name the file in the folder.";
	case -EFBIG: return "Put routes into a file of their own and name it with `file:` in `routes`.";
	}
	return "Look at the file and at the disk it is on.";
}

int config_load(const char *path, struct config **out, struct config_errors *errors)
{
	struct source nothing = {.name = path, .errors = errors};
	char *text = NULL;
	size_t len = 0;
	int fault = file_read(path, &text, &len);

	*out = NULL;
	if (fault == -ENOMEM)
		return fault;
	if (fault) {
		source_error(&nothing, 0, 0, phrase("the file cannot be read: %s", strerror(-fault)).text,
		        NULL, open_hint(fault));
		return fault;
	}
	fault = config_parse(path, text, len, out, errors);
	free(text);
	if (!fault)
		config_take_macs(*out);
	return fault;
}

void config_free(struct config *c)
{
	struct config_memory *m = c ? c->memory : NULL;

	if (!m)
		return;
	forget_texts(c);
	free(m->routes);
	arena_free(&m->adopted);
	arena_free(&m->arena);
	free(m);
}

int config_port_set_driver(struct config *c, uint32_t i, enum epoch_driver driver, const char *text)
{
	struct config_port *p;
	char *copy;

	if (i >= c->n_ports)
		return -EINVAL;
	copy = arena_text(&c->memory->arena, text, strlen(text));
	if (!copy)
		return -ENOMEM;
	p = &c->ports[i];
	if (epoch_driver_live(p->driver) && !epoch_driver_live((uint8_t)driver) && mac_is_zero(&p->mac))
		p->any_mac = true;
	p->driver = (uint8_t)driver;
	p->driver_text = copy;
	return 0;
}

void config_params(const struct config *c, struct stage_params *params)
{
	*params = (struct stage_params){
	        .lanes = c->appliance.lanes,
	        .buffers = c->appliance.buffers,
	        .stride = c->appliance.buffer_bytes,
	        .ring_slots = c->appliance.ring_slots,
	        .hash_key = c->appliance.hash_key,
	        .limits = c->limits.v,
	};
}
