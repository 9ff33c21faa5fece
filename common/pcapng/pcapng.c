#include "common/pcapng/pcapng.h"

/* Block types and options: draft-ietf-opsawg-pcapng 4.1 to 4.6. */
enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_TSRESOL = 9,
	PACKET_FLAGS = 2,
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
};

#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define BLOCK_FRAME       12u /* type, and the length twice */
#define OPTION_BYTES(len) (4u + ALIGN_UP((uint32_t)(len), 4u))

static const uint8_t zeros[4];

/* A block under way; everything but packets' bytes stands in here until its length is known. */
struct block {
	uint32_t len;
	uint8_t bytes[64 + 3 * OPTION_BYTES(PCAPNG_TEXT_MAX)];
};

static void put(struct block *b, const void *bytes, uint32_t len)
{
	assert(len <= sizeof b->bytes - b->len);
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void put_u16(struct block *b, uint32_t v)
{
	uint16_t x = (uint16_t)v;

	put(b, &x, sizeof x);
}

static void put_u32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof v);
}

/* Times stand with their upper half first, whatever the byte order. */
static void put_time(struct block *b, nanos_t t)
{
	put_u32(b, (uint32_t)(t >> 32));
	put_u32(b, (uint32_t)t);
}

static void put_option(struct block *b, uint32_t code, const void *value, uint32_t len)
{
	put_u16(b, code);
	put_u16(b, len);
	put(b, value, len);
	put(b, zeros, (4 - len % 4) % 4);
}

static void put_text(struct block *b, uint32_t code, const char *text)
{
	if (text && *text)
		put_option(b, code, text, (uint32_t)strnlen(text, PCAPNG_TEXT_MAX));
}

static void put_count(struct block *b, uint32_t code, uint64_t n)
{
	put_option(b, code, &n, sizeof n);
}

/* An error stays with the file, for pcapng_flush. */
static void write_all(struct pcapng *p, const void *bytes, uint32_t len)
{
	if (len)
		(void)fwrite(bytes, 1, len, p->to);
}

/* Type, length, what stands before the data, the data, and the options. */
static void write_block(struct pcapng *p, uint32_t type, const struct block *head, const uint8_t *data,
        uint32_t len, const struct block *options)
{
	uint32_t padding = (4 - len % 4) % 4, all = BLOCK_FRAME + head->len + len + padding + options->len;

	write_all(p, &type, sizeof type);
	write_all(p, &all, sizeof all);
	write_all(p, head->bytes, head->len);
	write_all(p, data, len);
	write_all(p, zeros, padding);
	write_all(p, options->bytes, options->len);
	write_all(p, &all, sizeof all);
}

static void end_options(struct block *options)
{
	if (options->len)
		put_u32(options, OPTION_END);
}

void pcapng_start(struct pcapng *p, FILE *to, uint32_t snap_bytes, const char *application)
{
	struct block head, options;
	uint64_t unknown_length = UINT64_MAX;

	head.len = options.len = 0;
	*p = (struct pcapng){.to = to, .snap_bytes = snap_bytes};
	put_u32(&head, BYTE_ORDER_MAGIC);
	put_u16(&head, 1); /* version 1.0 */
	put_u16(&head, 0);
	put(&head, &unknown_length, sizeof unknown_length);
	put_text(&options, SECTION_APPLICATION, application);
	end_options(&options);
	write_block(p, BLOCK_SECTION, &head, NULL, 0, &options);
}

uint32_t pcapng_interface(struct pcapng *p, const char *name, const char *description)
{
	struct block head, options;
	uint8_t nanoseconds = 9;

	head.len = options.len = 0;
	put_u16(&head, LINKTYPE_ETHERNET);
	put_u16(&head, 0);
	put_u32(&head, p->snap_bytes);
	put_text(&options, INTERFACE_NAME, name);
	put_text(&options, INTERFACE_DESCRIPTION, description);
	put_option(&options, INTERFACE_TSRESOL, &nanoseconds, sizeof nanoseconds);
	end_options(&options);
	write_block(p, BLOCK_INTERFACE, &head, NULL, 0, &options);
	return p->n_interfaces++;
}

void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet)
{
	uint32_t have = MIN(packet->have, p->snap_bytes), direction = (uint32_t)packet->direction;
	struct block head, options;

	head.len = options.len = 0;
	assert(packet->interface < p->n_interfaces);
	put_u32(&head, packet->interface);
	put_time(&head, packet->time);
	put_u32(&head, have);
	put_u32(&head, packet->len);
	if (direction)
		put_option(&options, PACKET_FLAGS, &direction, sizeof direction);
	put_text(&options, OPTION_COMMENT, packet->comment);
	end_options(&options);
	write_block(p, BLOCK_PACKET, &head, packet->bytes, have, &options);
}

void pcapng_statistics(struct pcapng *p, const struct pcapng_statistics *s)
{
	struct block head, options, times;

	head.len = options.len = 0;
	assert(s->interface < p->n_interfaces);
	put_u32(&head, s->interface);
	put_time(&head, s->end);
	times.len = 0;
	put_time(&times, s->start);
	put_option(&options, STATISTICS_START, times.bytes, times.len);
	times.len = 0;
	put_time(&times, s->end);
	put_option(&options, STATISTICS_END, times.bytes, times.len);
	put_count(&options, STATISTICS_RECEIVED, s->captured);
	put_count(&options, STATISTICS_DROPPED, s->missed);
	put_text(&options, OPTION_COMMENT, s->comment);
	end_options(&options);
	write_block(p, BLOCK_STATISTICS, &head, NULL, 0, &options);
}

int pcapng_flush(struct pcapng *p)
{
	if (fflush(p->to) == 0 && !ferror(p->to))
		return 0;
	return errno ? -errno : -EIO;
}
