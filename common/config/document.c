#include "common/config/document.h"

#include <stdlib.h>
#include <yaml.h>

/* The reading of one document. */
struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the present one */
	struct source *source;
	struct arena *arena;
	uint32_t nodes;
	bool stopped; /* an error after which nothing more can be read */
};

const struct node *node_get(const struct node *mapping, const char *key)
{
	const struct node *n = mapping && mapping->kind == NODE_MAPPING ? mapping->first : NULL;

	while (n && strcmp(n->key->text, key) != 0)
		n = n->next;
	return n;
}

const struct node *node_at(const struct node *list, uint32_t i)
{
	const struct node *n = list && list->kind != NODE_SCALAR ? list->first : NULL;

	while (n && i--)
		n = n->next;
	return n;
}

bool node_is_nothing(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted &&
	       (n->n == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

const char *node_describe(const struct node *n, char *buffer, size_t size)
{
	if (n->kind == NODE_MAPPING)
		return "a mapping";
	if (n->kind == NODE_LIST)
		return "a list";
	if (node_is_nothing(n))
		return "nothing";
	snprintf(buffer, size, n->n > 60 ? "'%.57s...'" : "'%s'", n->text);
	return buffer;
}

static void stop(struct reader *r, uint32_t line, uint32_t column, const char *found, const char *hint)
{
	source_error(r->source, line, column, found, NULL, hint);
	r->stopped = true;
}

static void refuse(struct reader *r, const yaml_mark_t *at, const char *found, const char *hint)
{
	source_error(r->source, (uint32_t)at->line + 1, (uint32_t)at->column + 1, found, NULL, hint);
}

/* What helps with an error of syntax, told from the text at its place. */
static const char *syntax_hint(const struct reader *r, const yaml_mark_t *at)
{
	const char *text = r->source->text;
	size_t index = MIN(at->index, r->source->len);
	size_t start = index;

	while (start > 0 && text[start - 1] != '\n')
		start--;
	if (memchr(text + start, '\t', MIN(index + 1, r->source->len) - start))
		return "YAML is indented with spaces: replace the tab.";
	if (r->source->len - index >= 2 && (memcmp(text + index, "::", 2) == 0))
		return "An address that starts with a colon stands in quotes, as in \"::/0\".";
	if (r->source->len - index >= 1 && strchr("@`%", text[index]))
		return "A text that starts with this character stands in quotes.";
	if (strstr(r->parser.problem, "mapping values are not allowed"))
		return "Is this line indented as its neighbours are, and is a text with ': ' in it in "
		       "quotes?";
	if (strstr(r->parser.problem, "could not find expected ':'"))
		return "A key has a colon and a space behind it: `key: value`.";
	if (strstr(r->parser.problem, "did not find expected") || strstr(r->parser.problem, "end") ||
	        strstr(r->parser.problem, "expected ','"))
		return "Look for a bracket, brace or quote that was opened and not closed, a comma that is "
		       "missing, or a line that is indented otherwise than its neighbours.";
	return "Look at the indentation of this line and the one before it, and for a colon or space that is "
	       "missing.";
}

/* For an error that libyaml places by its offset in bytes alone. */
static void stop_at_offset(struct reader *r, size_t offset, const char *problem)
{
	const char *text = r->source->text;
	uint32_t line = 1, column = 1;

	for (size_t i = 0; i < MIN(offset, r->source->len); i++) {
		column = text[i] == '\n' ? 1 : column + (((uint8_t)text[i] & 0xc0) != 0x80);
		line += text[i] == '\n';
	}
	stop(r, line, column, phrase("this is not YAML: %s", problem).text, "Take the character out.");
}

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct phrase found;

	if (p->error == YAML_MEMORY_ERROR || !p->problem) {
		r->arena->failed = true;
		r->stopped = true;
		return;
	}
	if (p->error == YAML_READER_ERROR) {
		stop_at_offset(r, p->problem_offset, p->problem);
		return;
	}
	found = phrase(
	        "this is not YAML: %s%s%s", p->context ? p->context : "", p->context ? ", " : "", p->problem);
	stop(r, (uint32_t)p->problem_mark.line + 1, (uint32_t)p->problem_mark.column + 1, found.text,
	        syntax_hint(r, &p->problem_mark));
}

static bool next_event(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (r->stopped)
		return false;
	if (yaml_parser_parse(&r->parser, &r->event))
		return true;
	memset(&r->event, 0, sizeof r->event);
	syntax_error(r);
	return false;
}

static struct node *node_new(struct reader *r, enum node_kind kind)
{
	const yaml_mark_t *at = &r->event.start_mark;
	struct node *n;

	if (++r->nodes > DOCUMENT_NODES_MAX) {
		stop(r, (uint32_t)at->line + 1, (uint32_t)at->column + 1, "the file has too many parts",
		        "Put routes into a file of their own and name it with `file:` in `routes`.");
		return NULL;
	}
	n = arena_take(r->arena, sizeof *n);
	if (!n) {
		r->stopped = true;
		return NULL;
	}
	n->kind = (uint8_t)kind;
	n->line = (uint32_t)at->line + 1;
	n->column = (uint32_t)at->column + 1;
	return n;
}

/* Anchors and tags, on any event that may bear them. */
static void check_properties(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		refuse(r, &r->event.start_mark, phrase("the anchor '&%s'", (const char *)anchor).text,
		        "Anchors and aliases are not supported: write the value out where it is needed.");
	if (tag)
		refuse(r, &r->event.start_mark, phrase("the tag '%s'", (const char *)tag).text,
		        "Tags are not supported, and never needed: each key knows the type of its value.");
}

static struct node *read_scalar(struct reader *r)
{
	const typeof(r->event.data.scalar) *s = &r->event.data.scalar;
	struct node *n = node_new(r, NODE_SCALAR);

	if (!n)
		return NULL;
	check_properties(r, s->anchor, s->quoted_implicit || s->plain_implicit ? NULL : s->tag);
	if (memchr(s->value, 0, s->length))
		refuse(r, &r->event.start_mark, "a text with a zero byte in it", "Take out the \\0.");
	n->quoted = s->style != YAML_PLAIN_SCALAR_STYLE;
	n->n = (uint32_t)strlen((const char *)s->value);
	n->text = arena_text(r->arena, (const char *)s->value, n->n);
	r->stopped |= !n->text;
	return n->text ? n : NULL;
}

static struct node *read_node(struct reader *r, uint32_t depth);

/* The key that the present event holds; the event after it is the value's.  NULL: skip the pair, or stopped.
 */
static struct node *read_key(struct reader *r)
{
	struct node *key;

	if (r->event.type != YAML_SCALAR_EVENT) {
		refuse(r, &r->event.start_mark, "a key that is no plain word",
		        "A key is a word before a colon.");
		r->stopped = true;
		return NULL;
	}
	key = read_scalar(r);
	if (key && strcmp(key->text, "<<") == 0 && !key->quoted)
		refuse(r, &r->event.start_mark, "the merge key '<<'",
		        "Merge keys are not supported: write the values out where they are needed.");
	return key && next_event(r) ? key : NULL;
}

static int key_compare(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	int c = strcmp(x->key->text, y->key->text);

	if (c)
		return c;
	if (x->key->line != y->key->line)
		return x->key->line < y->key->line ? -1 : 1;
	return x->key->column < y->key->column ? -1 : x->key->column > y->key->column;
}

static void check_duplicates(struct reader *r, const struct node *mapping)
{
	const struct node **by_key = mapping->n > 1 ? malloc(mapping->n * sizeof *by_key) : NULL;
	uint32_t n = 0;

	if (!by_key) {
		r->arena->failed |= mapping->n > 1;
		return;
	}
	for (const struct node *c = mapping->first; c; c = c->next)
		by_key[n++] = c;
	qsort(by_key, n, sizeof *by_key, key_compare);
	for (uint32_t i = 1; i < n; i++) {
		const struct node *a = by_key[i - 1]->key, *b = by_key[i]->key;

		if (strcmp(a->text, b->text) != 0)
			continue;
		source_error(r->source, b->line, b->column,
		        phrase("the key '%.60s' for the second time", b->text).text, NULL,
		        phrase("It stands in line %u already: join the two, or rename one.", a->line).text);
	}
	free(by_key);
}

static void append(struct node *parent, struct node *child, struct node **last)
{
	if (*last)
		(*last)->next = child;
	else
		parent->first = child;
	*last = child;
	parent->n++;
}

static void read_children(struct reader *r, struct node *parent, yaml_event_type_t end, uint32_t depth)
{
	struct node *last = NULL;

	while (next_event(r) && r->event.type != end) {
		struct node *key = parent->kind == NODE_MAPPING ? read_key(r) : NULL;
		struct node *child;

		if (r->stopped)
			return;
		child = read_node(r, depth + 1);
		if (!child)
			return;
		child->key = key;
		append(parent, child, &last);
	}
	if (!r->stopped && parent->kind == NODE_MAPPING)
		check_duplicates(r, parent);
}

static struct node *read_collection(struct reader *r, uint32_t depth)
{
	bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
	struct node *n = node_new(r, mapping ? NODE_MAPPING : NODE_LIST);

	if (!n)
		return NULL;
	if (depth == DOCUMENT_DEPTH_MAX) {
		stop(r, n->line, n->column, "a level of nesting too many",
		        "No setting lies this deep: look for a stray bracket.");
		return NULL;
	}
	if (mapping) {
		check_properties(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
		read_children(r, n, YAML_MAPPING_END_EVENT, depth);
	} else {
		check_properties(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
		read_children(r, n, YAML_SEQUENCE_END_EVENT, depth);
	}
	return r->stopped ? NULL : n;
}

/* The node that starts with the present event; its last event is the present one afterwards.  NULL: stopped.
 */
static struct node *read_node(struct reader *r, uint32_t depth)
{
	struct node *n;

	switch ((int)r->event.type) {
	case YAML_SCALAR_EVENT: return read_scalar(r);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT: return read_collection(r, depth);
	case YAML_ALIAS_EVENT:
		refuse(r, &r->event.start_mark,
		        phrase("the alias '*%s'", (const char *)r->event.data.alias.anchor).text,
		        "Anchors and aliases are not supported: write the value out where it is needed.");
		n = node_new(r, NODE_SCALAR);
		if (n)
			n->text = "";
		return n;
	}
	r->stopped = true;
	return NULL;
}

/* libyaml tells a bad byte's offset and not its place, and takes UTF-16: so bytes are looked at first. */
static bool bytes_ok(struct source *s)
{
	uint32_t line = 1, column = 1;

	for (size_t i = 0; i < s->len;) {
		uint32_t step = utf8_bytes(s->text + i, s->len - i);
		uint8_t c = (uint8_t)s->text[i];

		if (!step || c == 0) {
			source_error(s, line, column, phrase("the byte 0x%02x", c).text, "a text in UTF-8",
			        step ? "Is this a text file?" : "Save the file as UTF-8.");
			return false;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			source_error(s, line, column, phrase("the control character 0x%02x", c).text, NULL,
			        "Take it out.");
			return false;
		}
		column = c == '\n' ? 1 : column + 1;
		line += c == '\n';
		i += step;
	}
	return true;
}

static const struct node *read_document(struct reader *r)
{
	const struct node *root;

	if (!next_event(r)) /* the stream's start */
		return NULL;
	if (!next_event(r)) /* the document's */
		return NULL;
	if (r->event.type != YAML_DOCUMENT_START_EVENT) {
		stop(r, 1, 1, "an empty file",
		        "At least `ports:` is needed; deploy/examples/router.yaml is a beginning.");
		return NULL;
	}
	if (!next_event(r))
		return NULL;
	root = read_node(r, 0);
	if (!root || !next_event(r)) /* the document's end */
		return NULL;
	if (!next_event(r)) /* and what is behind it */
		return NULL;
	if (r->event.type != YAML_STREAM_END_EVENT)
		refuse(r, &r->event.start_mark, "a second document",
		        "One file describes one appliance: take out the `---`.");
	return root;
}

const struct node *document_parse(struct arena *arena, struct source *source)
{
	struct reader r = {.source = source, .arena = arena};
	const struct node *root;

	if (source->len > DOCUMENT_BYTES_MAX) {
		source_error(source, 0, 0, "a file of more than 256 MiB", NULL,
		        "Put routes into a file of their own and name it with `file:` in `routes`.");
		return NULL;
	}
	if (!bytes_ok(source))
		return NULL;
	if (!yaml_parser_initialize(&r.parser)) {
		arena->failed = true;
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)source->text, source->len);
	root = read_document(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return root;
}
