#include "services/ingest/nic/capture.h"

#include "services/ingest/nic/linktype.h"

#include <stdio.h>

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};

enum interface_option { OPTION_END, OPTION_TSRESOL = 9, OPTION_FCSLEN = 13, OPTION_TSOFFSET = 14 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define CLASSIC_HEADER   24u
#define BLOCK_MIN        12u
#define TSRESOL_MICRO    6u

static uint32_t get32(const struct capture *c, const uint8_t *p)
{
	uint32_t x = load_u32(p);

	return c->swapped ? __builtin_bswap32(x) : x;
}

static uint16_t get16(const struct capture *c, const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof x);
	return c->swapped ? __builtin_bswap16(x) : x;
}

/* Ticks of an interface's clock as nanoseconds; times before 1970 are 0, those beyond 2554 the last there is.
 */
static nanos_t to_nanos(const struct capture_interface *f, uint64_t ticks)
{
	unsigned __int128 ns = ticks, limit = UINT64_MAX;
	__int128 all;

	if (f->tsresol & 0x80)
		ns = (f->tsresol & 0x7f) < 96 ? ns * NANOS_PER_SEC >> (f->tsresol & 0x7f) : 0;
	for (uint32_t digits = f->tsresol; digits < 9; digits++)
		ns *= 10;
	for (uint32_t digits = f->tsresol; digits > 9 && digits < 0x80 && ns; digits--)
		ns /= 10;
	all = (__int128)ns + (__int128)f->tsoffset_s * (__int128)NANOS_PER_SEC;
	return all < 0 ? 0 : (unsigned __int128)all > limit ? UINT64_MAX - 1 : (nanos_t)all;
}

/* Classic. */

static bool classic_magic(struct capture *c, uint32_t magic)
{
	switch (magic) {
	case 0xa1b2c3d4: c->interface[0].tsresol = TSRESOL_MICRO, c->record_bytes = 16; return true;
	case 0xa1b23c4d: c->interface[0].tsresol = 9, c->record_bytes = 16; return true;
	case 0xa1b2cd34: c->interface[0].tsresol = TSRESOL_MICRO, c->record_bytes = 24; return true;
	}
	return false;
}

/* The link type's field has the length of the frame check sequence in its upper bits (draft-ietf-opsawg-pcap
 * 4). */
static int classic_open(struct capture *c, char *error, size_t error_size)
{
	uint32_t link = get32(c, c->bytes + 20);

	c->interface[0].link = (uint16_t)link;
	if (link & 0x04000000)
		c->interface[0].fcs_bytes = (uint8_t)(link >> 28) * 2;
	c->n_interfaces = 1;
	c->at = CLASSIC_HEADER;
	if (linktype_known((uint16_t)link))
		return 0;
	snprintf(error, error_size, "has link type %u, which is not one of those that can be played (%s)",
	        link & 0xffff, LINKTYPES_KNOWN);
	return -EINVAL;
}

static void fill_frame(struct capture *c, const struct capture_interface *f, struct capture_frame *frame,
        uint64_t at, uint32_t captured, uint32_t on_wire)
{
	uint32_t fcs = captured == on_wire ? MIN(captured, (uint32_t)f->fcs_bytes) : 0;

	*frame = (struct capture_frame){
	        .bytes = c->bytes + at,
	        .len = captured - fcs,
	        .cut = on_wire > captured ? on_wire - captured : 0,
	        .number = c->number,
	        .link = f->link,
	        .time = c->time,
	};
}

static bool classic_next(struct capture *c, struct capture_frame *frame)
{
	const struct capture_interface *f = &c->interface[0];
	const uint8_t *r = c->bytes + c->at;
	uint64_t left = c->size - c->at;
	uint32_t captured;

	if (left < c->record_bytes) {
		c->cut = left > 0;
		return false;
	}
	captured = get32(c, r + 8);
	if (captured > CAPTURE_FRAME_MAX) {
		c->broken = true;
		return false;
	}
	if (captured > left - c->record_bytes) {
		c->cut = true;
		return false;
	}
	c->time = (nanos_t)get32(c, r) * NANOS_PER_SEC +
	          (nanos_t)get32(c, r + 4) * (f->tsresol == 9 ? 1 : NANOS_PER_US);
	c->number++;
	fill_frame(c, f, frame, c->at + c->record_bytes, captured, get32(c, r + 12));
	c->at += c->record_bytes + captured;
	return true;
}

/* pcapng. */

/* A block, its bytes within the file. */
struct block {
	uint32_t type;
	uint64_t at;  /* of its body */
	uint32_t len; /* of its body */
};

static bool section_order(struct capture *c, const uint8_t *body)
{
	uint32_t magic = load_u32(body);

	if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
		return false;
	c->swapped = magic != BYTE_ORDER_MAGIC;
	return true;
}

static bool block_next(struct capture *c, struct block *b)
{
	const uint8_t *p = c->bytes + c->at;
	uint64_t left = c->size - c->at;
	uint32_t total;

	if (left < BLOCK_MIN) {
		c->cut = left > 0;
		return false;
	}
	b->type = get32(c, p);
	if (b->type == BLOCK_SECTION && !section_order(c, p + 8)) {
		c->broken = true;
		return false;
	}
	total = get32(c, p + 4);
	if (total < BLOCK_MIN || total % 4) {
		c->broken = true;
		return false;
	}
	if (total > left) {
		c->cut = true;
		return false;
	}
	b->at = c->at + 8;
	b->len = total - BLOCK_MIN;
	c->at += total;
	return true;
}

static void interface_option(const struct capture *c, struct capture_interface *f, uint16_t code,
        const uint8_t *value, uint32_t len)
{
	if (code == OPTION_TSRESOL && len == 1)
		f->tsresol = value[0];
	else if (code == OPTION_FCSLEN && len == 1)
		f->fcs_bytes = value[0];
	else if (code == OPTION_TSOFFSET && len == 8) {
		uint64_t seconds = load_u64(value);

		f->tsoffset_s = (int64_t)(c->swapped ? __builtin_bswap64(seconds) : seconds);
	}
}

static void interface_block(struct capture *c, const struct block *b)
{
	const uint8_t *p = c->bytes + b->at;
	struct capture_interface *f;

	if (b->len < 8 || c->n_interfaces == CAPTURE_INTERFACES_MAX)
		return;
	f = &c->interface[c->n_interfaces++];
	*f = (struct capture_interface){
	        .link = get16(c, p), .tsresol = TSRESOL_MICRO, .snaplen = get32(c, p + 4)};
	for (uint32_t at = 8; at + 4 <= b->len;) {
		uint16_t code = get16(c, p + at), len = get16(c, p + at + 2);

		at += 4;
		if (code == OPTION_END || len > b->len - at)
			return;
		interface_option(c, f, code, p + at, len);
		at += ALIGN_UP((uint32_t)len, 4u);
	}
}

/* The parts of a packet block: where its interface, its time, its lengths are. */
static bool packet_parts(
        struct capture *c, const struct block *b, uint32_t number_at, bool wide, struct capture_frame *frame)
{
	const uint8_t *p = c->bytes + b->at;
	uint32_t interface, captured;
	const struct capture_interface *f;

	if (b->len < 20)
		return false;
	interface = wide ? get32(c, p + number_at) : get16(c, p + number_at);
	captured = get32(c, p + 12);
	c->number++;
	if (interface >= c->n_interfaces || captured > b->len - 20 || captured > CAPTURE_FRAME_MAX)
		return false;
	f = &c->interface[interface];
	c->time = to_nanos(f, (uint64_t)get32(c, p + 4) << 32 | get32(c, p + 8));
	fill_frame(c, f, frame, b->at + 20, captured, get32(c, p + 16));
	return linktype_known(f->link);
}

/* A simple packet has neither a time (it takes the one before) nor an interface (the first). */
static bool simple_packet(struct capture *c, const struct block *b, struct capture_frame *frame)
{
	const struct capture_interface *f = &c->interface[0];
	uint32_t on_wire, captured;

	if (b->len < 4)
		return false;
	c->number++;
	if (!c->n_interfaces)
		return false;
	on_wire = get32(c, c->bytes + b->at);
	captured = MIN(on_wire, b->len - 4);
	if (f->snaplen)
		captured = MIN(captured, f->snaplen);
	if (captured > CAPTURE_FRAME_MAX)
		return false;
	fill_frame(c, f, frame, b->at + 4, captured, on_wire);
	return linktype_known(f->link);
}

/* false: it holds no packet that can be played. */
static bool block_packet(struct capture *c, const struct block *b, struct capture_frame *frame)
{
	uint32_t before = c->number;
	bool played = false;

	switch ((enum block_type)b->type) {
	case BLOCK_SECTION: c->n_interfaces = 0; break;
	case BLOCK_INTERFACE: interface_block(c, b); break;
	case BLOCK_PACKET: played = packet_parts(c, b, 0, false, frame); break;
	case BLOCK_SIMPLE: played = simple_packet(c, b, frame); break;
	case BLOCK_ENHANCED: played = packet_parts(c, b, 0, true, frame); break;
	}
	c->left_out += !played && c->number != before;
	return played;
}

static bool ng_next(struct capture *c, struct capture_frame *frame)
{
	struct block b;

	while (block_next(c, &b))
		if (block_packet(c, &b, frame))
			return true;
	return false;
}

int capture_open(struct capture *c, const void *bytes, uint64_t size, char *error, size_t error_size)
{
	memset(c, 0, sizeof *c);
	c->bytes = bytes;
	c->size = size;
	if (size >= BLOCK_MIN && load_u32(bytes) == BLOCK_SECTION && section_order(c, c->bytes + 8)) {
		c->ng = true;
		return 0;
	}
	if (size >= CLASSIC_HEADER) {
		if (classic_magic(c, load_u32(bytes)))
			return classic_open(c, error, error_size);
		c->swapped = true;
		if (classic_magic(c, __builtin_bswap32(load_u32(bytes))))
			return classic_open(c, error, error_size);
	}
	snprintf(error, error_size, "is neither pcap nor pcapng");
	return -EINVAL;
}

bool capture_next(struct capture *c, struct capture_frame *frame)
{
	if (c->broken || c->cut)
		return false;
	return c->ng ? ng_next(c, frame) : classic_next(c, frame);
}

uint32_t capture_frame_len(const struct capture_frame *frame)
{
	return linktype_len(frame->link, frame->bytes, frame->len);
}

void capture_frame_copy(const struct capture_frame *frame, const struct mac_addr *port, uint8_t *to)
{
	linktype_copy(frame->link, frame->bytes, frame->len, port, to);
}
