#include "common/config/check.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/config/file.h"

/* The reading of one file of routes, a line after the other. */
struct importer {
	struct loader *l;
	struct import *import;
	uint16_t file; /* its number */
	uint32_t line;
	const char *word[32]; /* of the line, not terminated */
	uint32_t len[32];
	uint32_t column[32];
	uint32_t n;
	uint32_t bad;                      /* lines that were no routes */
	struct config_route *open;         /* a route whose next hops stand in the lines below */
	const struct config_nexthop *last; /* the one made last: routes with the same share it */
};

#define IMPORT_BAD_MAX 20u

static void import_error(
        struct importer *im, uint32_t word, const char *found, const char *expected, const char *hint)
{
	source_error(
	        &im->import->source, im->line, word < im->n ? im->column[word] : 1, found, expected, hint);
	im->bad++;
}

static bool word_is(const struct importer *im, uint32_t i, const char *text)
{
	return i < im->n && im->len[i] == strlen(text) && memcmp(im->word[i], text, im->len[i]) == 0;
}

/* A terminated copy of a word. */
static const char *word_text(const struct importer *im, uint32_t i, char *buffer, size_t size)
{
	size_t n = i < im->n ? MIN((size_t)im->len[i], size - 1) : 0;

	if (n)
		memcpy(buffer, im->word[i], n);
	buffer[n] = 0;
	return buffer;
}

static void split(struct importer *im, const char *line, size_t n)
{
	size_t at = 0;

	im->n = 0;
	while (im->n < ARRAY_LEN(im->word)) {
		while (at < n &&
		        (line[at] == ' ' || line[at] == '\t' || line[at] == '\r' || line[at] == '\\'))
			at++;
		if (at == n || line[at] == '#')
			return;
		im->word[im->n] = line + at;
		im->column[im->n] = (uint32_t)at + 1;
		while (at < n && line[at] != ' ' && line[at] != '\t' && line[at] != '\r')
			at++;
		im->len[im->n] = (uint32_t)(line + at - im->word[im->n]);
		im->n++;
	}
}

static const struct {
	const char *word;
	uint8_t type;
} line_types[] = {
        {"unicast", CONFIG_ROUTE_UNICAST},
        {"local", CONFIG_ROUTE_LOCAL},
        {"broadcast", CONFIG_ROUTE_BROADCAST},
        {"blackhole", CONFIG_ROUTE_BLACKHOLE},
        {"unreachable", CONFIG_ROUTE_UNREACHABLE},
        {"prohibit", CONFIG_ROUTE_PROHIBIT},
};

/* The destination, with its type before it; the number of words, 0: reported. */
static uint32_t read_destination(struct importer *im, struct config_route *r)
{
	uint32_t i = 0;
	char text[64];

	for (uint32_t t = 0; t < ARRAY_LEN(line_types); t++) {
		if (word_is(im, 0, line_types[t].word)) {
			r->type = line_types[t].type;
			i = 1;
		}
	}
	if (word_is(im, i, "default")) {
		r->is_default = true;
		return i + 1;
	}
	if (!value_prefix(word_text(im, i, text, sizeof text), &r->to)) {
		import_error(im, i, phrase("'%s' as a destination", text).text,
		        "a prefix (192.0.2.0/24, 2001:db8::/32) or default",
		        "A line is a route as `ip route` prints it: PREFIX via GATEWAY dev PORT.");
		return 0;
	}
	if (prefix_has_host_bits(&r->to)) {
		struct config_prefix net = prefix_network(&r->to);

		import_error(im, i, phrase("'%s' as a destination", text).text, type_prefix.name,
		        phrase("The network is %s: bits behind the length must be zero.",
		                address_text(&net, true).text)
		                .text);
		return 0;
	}
	return i + 1;
}

/* What one word and its value say of a route or next hop.  Words that describe a kernel's own affairs are
 * passed over. Words taken, 0: reported. */
static uint32_t read_attribute(
        struct importer *im, uint32_t i, struct config_route *r, struct config_nexthop *hop)
{
	static const char *const passed[] = {
	        "proto", "scope", "pref", "table", "error", "expires", "realm", "advmss"};
	static const char *const alone[] = {"linkdown", "offload", "trap", "pervasive", "dead"};
	char text[64];
	uint64_t v = 0;
	bool ok = true;

	if (word_is(im, i, "onlink")) {
		hop->onlink = true;
		return 1;
	}
	for (uint32_t k = 0; k < ARRAY_LEN(alone); k++)
		if (word_is(im, i, alone[k]))
			return 1;
	for (uint32_t k = 0; k < ARRAY_LEN(passed); k++)
		if (word_is(im, i, passed[k]))
			return 2;
	word_text(im, i + 1, text, sizeof text);
	if (word_is(im, i, "via"))
		ok = value_address(text, &hop->via);
	else if (word_is(im, i, "dev"))
		ok = type_name.parse(im->l, NULL, text, &hop->port);
	else if (word_is(im, i, "src"))
		ok = value_address(text, &r->src);
	else if (word_is(im, i, "metric") && (ok = value_part(text, strlen(text), UINT32_MAX, &v)))
		r->metric = (uint32_t)v;
	else if (word_is(im, i, "mtu") && (ok = value_part(text, strlen(text), 65535, &v) && v >= 68))
		r->mtu = (uint32_t)v;
	else if (word_is(im, i, "weight") && (ok = value_part(text, strlen(text), 256, &v) && v))
		hop->weight = (uint32_t)v;
	else if (ok) {
		word_text(im, i, text, sizeof text);
		import_error(im, i, phrase("the word '%s'", text).text,
		        "via, dev, metric, src, mtu, weight or onlink", NULL);
		return 0;
	}
	if (!ok)
		import_error(im, i + 1 < im->n ? i + 1 : i, phrase("'%s' behind its keyword", text).text,
		        NULL, "This is no value that the keyword before it takes.");
	return ok ? 2 : 0;
}

static bool read_attributes(
        struct importer *im, uint32_t i, struct config_route *r, struct config_nexthop *hop)
{
	while (i < im->n) {
		uint32_t taken = read_attribute(im, i, r, hop);

		if (!taken)
			return false;
		i += taken;
	}
	return true;
}

static bool same_hop(const struct config_nexthop *a, const struct config_nexthop *b)
{
	return a->via.family == b->via.family && ip6_addr_equal(&a->via.addr, &b->via.addr) &&
	       strcmp(a->port.text, b->port.text) == 0 && a->weight == b->weight && a->onlink == b->onlink;
}

/* The next hops of consecutive routes are mostly one and the same. */
static bool add_hop(struct importer *im, struct config_route *r, const struct config_nexthop *hop)
{
	struct config_nexthop *hops;

	if (r->n_nexthops == 0 && im->last && same_hop(im->last, hop)) {
		r->nexthops = (struct config_nexthop *)(uintptr_t)im->last;
		r->n_nexthops = 1;
		return true;
	}
	if (r->n_nexthops == FIB_HOPS_MAX) {
		import_error(
		        im, 0, phrase("more than %u next hops", FIB_HOPS_MAX).text, NULL, "Leave some out.");
		return true;
	}
	hops = arena_take(im->l->arena, (r->n_nexthops + 1) * sizeof *hops);
	if (!hops)
		return false;
	if (r->n_nexthops)
		memcpy(hops, r->nexthops, r->n_nexthops * sizeof *hops);
	hops[r->n_nexthops++] = *hop;
	r->nexthops = hops;
	im->last = r->n_nexthops == 1 ? hops : NULL;
	return true;
}

/* Room for one more in the array of routes; NULL: no memory. */
static struct config_route *route_push(struct config *c, uint32_t *room)
{
	struct config_memory *m = c->memory;

	if (c->n_routes == *room) {
		uint32_t more = *room ? *room * 2 : 1024;
		struct config_route *list = realloc(m->routes, more * sizeof *list);

		if (!list)
			return NULL;
		m->routes = list;
		*room = more;
	}
	c->routes = m->routes;
	memset(&m->routes[c->n_routes], 0, sizeof *m->routes);
	return &m->routes[c->n_routes++];
}

/* One line; false: no memory. */
static bool read_line(struct importer *im, uint32_t *room)
{
	struct config *c = im->l->config;
	struct config_nexthop hop = {.weight = 1};
	struct config_route *r, read = {.line = im->line, .file = im->file};
	uint32_t at;

	if (im->n == 0)
		return true;
	if (word_is(im, 0, "nexthop")) {
		r = im->open ? im->open : &read;
		if (!im->open)
			import_error(im, 0, "a next hop that no route stands before", NULL,
			        "The route's own line has no `via`.");
		return !im->open || !read_attributes(im, 1, r, &hop) || add_hop(im, r, &hop);
	}
	im->open = NULL;
	at = read_destination(im, &read);
	if (!at || !read_attributes(im, at, &read, &hop))
		return true;
	r = route_push(c, room);
	if (!r)
		return false;
	*r = read;
	if (hop.via.family || hop.port.text[0])
		return add_hop(im, r, &hop);
	im->open = r->type == CONFIG_ROUTE_UNICAST ? r : NULL;
	return true;
}

static void read_lines(struct importer *im, uint32_t *room)
{
	const char *at = im->import->source.text, *end = at + im->import->source.len;

	for (im->line = 1; at < end && im->bad < IMPORT_BAD_MAX; im->line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);

		split(im, at, n);
		if (!read_line(im, room)) {
			im->l->arena->failed = true;
			return;
		}
		at += n + 1;
	}
	if (im->bad == IMPORT_BAD_MAX)
		source_error(&im->import->source, 0, 0, "a file of routes with many errors", NULL,
		        "The rest was not read.");
}

static void import_file(struct loader *l, const struct config_route *r, uint32_t *room)
{
	struct config_memory *m = l->config->memory;
	struct importer im = {
	        .l = l, .import = arena_take(l->arena, sizeof *im.import), .file = (uint16_t)++m->n_imports};
	struct source *s = im.import ? &im.import->source : NULL;
	int fault;

	if (!s)
		return;
	im.import->next = m->imports;
	m->imports = im.import;
	s->errors = l->source->errors;
	s->name = path_in_folder(l, r->import);
	fault = s->name ? file_read(s->name, (char **)(uintptr_t)&s->text, &s->len) : -ENOMEM;
	if (fault == -ENOMEM)
		l->arena->failed = true;
	else if (fault)
		item_error(l, &r->item, "file",
		        phrase("the file '%s', which cannot be read: %s", s->name, strerror(-fault)).text,
		        NULL, "Paths are relative to the folder of the configuration.");
	else
		read_lines(&im, room);
}

/* `file` stands alone. */
static void check_alone(struct loader *l, const struct config_route *r)
{
	if (r->item.given & (r->item.given - 1))
		item_error(l, &r->item, "file", "'file' beside other keys of a route",
		        "nothing else in this entry", "The lines of the file say all of the routes.");
}

void import_routes(struct loader *l)
{
	struct config *c = l->config;
	const struct config_route *given = c->routes;
	uint32_t n = c->n_routes, room = 0, imports = 0;

	for (uint32_t i = 0; i < n; i++)
		imports += given[i].import != NULL;
	if (!imports)
		return;
	c->n_routes = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct config_route *r = given[i].import ? NULL : route_push(c, &room);

		if (given[i].import) {
			check_alone(l, &given[i]);
			import_file(l, &given[i], &room);
		}
		if (r)
			*r = given[i];
	}
}
