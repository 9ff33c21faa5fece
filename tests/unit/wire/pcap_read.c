#include "tests/unit/wire/pcap_read.h"

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du

static uint32_t in_order(const struct pcap_file *f, uint32_t x)
{
	return f->swapped ? __builtin_bswap32(x) : x;
}

bool pcap_open(struct pcap_file *f, const char *path)
{
	uint32_t header[6];

	f->file = fopen(path, "rb");
	if (!f->file)
		return false;
	if (fread(header, sizeof header, 1, f->file) == 1) {
		f->swapped = header[0] == __builtin_bswap32(MAGIC_US) ||
		             header[0] == __builtin_bswap32(MAGIC_NS);
		f->linktype = in_order(f, header[5]) & 0xffff;
		if (in_order(f, header[0]) == MAGIC_US || in_order(f, header[0]) == MAGIC_NS)
			return true;
	}
	pcap_close(f);
	return false;
}

void pcap_close(struct pcap_file *f)
{
	fclose(f->file);
}

int32_t pcap_next(struct pcap_file *f, uint8_t *bytes, uint32_t *wire_len)
{
	uint32_t record[4], len;

	if (fread(record, sizeof record, 1, f->file) != 1)
		return -1;
	len = in_order(f, record[2]);
	*wire_len = in_order(f, record[3]);
	if (len > PCAP_FRAME_MAX || fread(bytes, 1, len, f->file) != len)
		return -1;
	return (int32_t)len;
}
