/* lab: an ingest worker on a bench: ports made by hand, frames in and out, death at will.
 *
 *     struct lab lab; lab_init(&lab, 1);
 *     lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s", path); lab_adopt(&lab, now);
 *     n = lab_receive(&lab, now, 64); look at lab.f.burst; lab_end(&lab) or lab_die(&lab)
 *     lab_free(&lab);
 */
#ifndef SLUICE_TESTS_UNIT_INGEST_LAB_H
#define SLUICE_TESTS_UNIT_INGEST_LAB_H

#include "services/ingest/nic/capture.h"
#include "services/ingest/ingest.h"
#include "tests/unit/fixture/fixture.h"

#define LAB_TEXT   1024u
#define LAB_DEATHS 2048u

struct lab {
	struct fixture f;
	struct epoch_port port[EPOCH_PHYS_MAX];
	char text[EPOCH_PHYS_MAX][LAB_TEXT];
	void *region;
	struct epoch epoch;
	uint32_t number;
	void *worker;
	void *dead[LAB_DEATHS]; /* which a real death would not have closed anything of */
	uint32_t n_dead;
	char dir[64]; /* for files; removed by lab_free */
};

void lab_init(struct lab *lab, uint32_t lanes);
void lab_free(struct lab *lab);

/* A path in the lab's folder; valid until the next but three. */
const char *lab_path(const struct lab *lab, const char *name);

/* Sets up a port, named "pN", up, with MTU 1500; change lab->port further before lab_adopt. */
void lab_port(struct lab *lab, uint32_t port, enum epoch_driver driver, const char *text, ...)
        __attribute__((format(printf, 4, 5)));

/* The ports as they now are become the next epoch, and are adopted. */
void lab_adopt(struct lab *lab, nanos_t now);
/* Nothing of an older epoch than that comes any more. */
void lab_retire(struct lab *lab, nanos_t now);
/* The same as lab_adopt without adopting it. */
void lab_publish(struct lab *lab);

/* A burst of frames from whichever port is next, at most max; the burst stays open.  Returns how many; 0: no
 * burst. */
uint32_t lab_receive(struct lab *lab, nanos_t now, uint32_t max);

/* An empty burst towards the wire, to be filled by lab_add. */
void lab_begin_tx(struct lab *lab, nanos_t now);
uint32_t lab_add(struct lab *lab, const void *frame, uint32_t len, uint32_t port);
void lab_send(struct lab *lab, nanos_t now);

/* What is due at `now`; the burst stays open. */
void lab_timer(struct lab *lab, nanos_t now);

/* Commits the burst, or kills the worker in place of it: a new one is there afterwards, which has adopted
 * nothing. */
void lab_end(struct lab *lab);
void lab_die(struct lab *lab);

/* Bytes, in the order they are put. */
struct bytes {
	uint8_t *b;
	size_t n;
	bool big; /* numbers are put with the high byte first */
};

void put(struct bytes *to, const void *bytes, size_t n);
void put16(struct bytes *to, uint16_t x);
void put32(struct bytes *to, uint32_t x);
void put_file(const struct bytes *from, const char *path);
void bytes_free(struct bytes *bytes);

/* A classic capture: header and records. */
void put_classic(struct bytes *to, uint32_t magic, uint32_t link);
void put_record(struct bytes *to, uint32_t seconds, uint32_t fraction, const void *frame, uint32_t captured,
        uint32_t on_wire);

/* A frame of `len` bytes that says its number: Ethernet, IPv4, UDP, and the number wherever there is room. */
void make_frame(uint8_t *frame, uint32_t len, uint32_t number);
uint32_t frame_number(const uint8_t *frame);

/* A capture of n such frames of 64 bytes, numbered from 1, `gap` apart, the first at 1,000 s. */
void make_capture(const char *path, uint32_t n, nanos_t gap);

#define LAB_START (1000 * NANOS_PER_SEC)

#endif
