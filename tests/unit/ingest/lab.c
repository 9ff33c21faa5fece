#include "tests/unit/ingest/lab.h"

#include "common/wire/ether.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void lab_attach(struct lab *lab)
{
	lab->f.env.params = &lab->f.params;
	cr_assert_eq(ingest_stage.attach(&lab->f.env, &lab->worker), 0);
}

void lab_init(struct lab *lab, uint32_t lanes)
{
	struct stage_params params = {.lanes = lanes, .buffers = FIXTURE_BUFFERS};

	memset(lab, 0, sizeof *lab);
	fixture_init(&lab->f, ingest_stage.state_bytes(&params));
	lab->f.params.lanes = lanes;
	ingest_stage.init(lab->f.state, &lab->f.params, 0);
	snprintf(lab->dir, sizeof lab->dir, "/tmp/sl-ingest-XXXXXX");
	cr_assert(mkdtemp(lab->dir));
	lab_attach(lab);
}

void lab_free(struct lab *lab)
{
	DIR *d = opendir(lab->dir);
	const struct dirent *e;
	char path[512];

	ingest_stage.detach(lab->worker);
	while (lab->n_dead)
		ingest_stage.detach(lab->dead[--lab->n_dead]);
	fixture_free(&lab->f);
	free(lab->region);
	while ((e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", lab->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(lab->dir);
}

const char *lab_path(const struct lab *lab, const char *name)
{
	static char path[4][128];
	static uint32_t next;
	char *p = path[next++ % ARRAY_LEN(path)];

	snprintf(p, sizeof path[0], "%s/%s", lab->dir, name);
	return p;
}

void lab_port(struct lab *lab, uint32_t port, enum epoch_driver driver, const char *text, ...)
{
	struct epoch_port *p = &lab->port[port];
	va_list args;

	*p = (struct epoch_port){
	        .kind = EPOCH_PORT_PHYSICAL,
	        .driver = (uint8_t)driver,
	        .phys = {(uint16_t)port},
	        .flags = EPOCH_PORT_UP,
	        .mtu = 1500,
	        .mac = {{0x02, 0, 0, 0, 1, (uint8_t)port}},
	        .queues = 1,
	};
	snprintf(p->name, sizeof p->name, "p%u", port);
	va_start(args, text);
	vsnprintf(lab->text[port], LAB_TEXT, text, args);
	va_end(args);
	if (lab->text[port][0] && !strstr(lab->text[port], "poll.")) { /* as many as a test asks for */
		size_t n = strlen(lab->text[port]);

		snprintf(lab->text[port] + n, LAB_TEXT - n, "%spoll.weight=256",
		        lab->text[port][n - 1] == ';' ? "" : ";");
	}
}

void lab_publish(struct lab *lab)
{
	uint64_t text_off = sizeof(struct epoch_header) + sizeof lab->port,
	         bytes = text_off + sizeof lab->text;
	struct epoch_header *h;

	free(lab->region);
	h = lab->region = calloc(1, bytes);
	cr_assert(h);
	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = bytes,
	        .number = ++lab->number,
	        .ports = {sizeof *h, EPOCH_PHYS_MAX},
	        .text = {(uint32_t)text_off, sizeof lab->text},
	};
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		lab->port[i].driver_text = lab->text[i][0] ? (uint32_t)text_off + i * LAB_TEXT : 0;
	memcpy(h + 1, lab->port, sizeof lab->port);
	memcpy((uint8_t *)h + text_off, lab->text, sizeof lab->text);
	cr_assert_eq(epoch_attach(h, bytes, &lab->epoch), 0);
}

static void run_steps(
        struct lab *lab, bool (*step)(void *, const struct epoch *, nanos_t, struct burst *), nanos_t now)
{
	bool done = false;

	while (!done) {
		fixture_begin(&lab->f, INPUT_CALL, now);
		done = step(lab->worker, &lab->epoch, now, &lab->f.burst);
		fixture_end(&lab->f);
	}
}

void lab_adopt(struct lab *lab, nanos_t now)
{
	lab_publish(lab);
	run_steps(lab, ingest_stage.adopt, now);
}

void lab_retire(struct lab *lab, nanos_t now)
{
	run_steps(lab, ingest_stage.retire, now);
}

uint32_t lab_receive(struct lab *lab, nanos_t now, uint32_t max)
{
	struct port_id port;
	uint32_t n = ingest_stage.port_ready(lab->worker, &lab->epoch, now, max, &port);

	cr_assert_leq(n, max);
	if (!n)
		return 0;
	fixture_begin(&lab->f, INPUT_PORT, now);
	for (uint32_t i = 0; i < n; i++)
		fixture_add(&lab->f, "", 0, PORT_NONE);
	ingest_stage.port_rx(lab->worker, &lab->epoch, now, port, &lab->f.burst);
	ingest_stage.burst(lab->worker, &lab->epoch, now, &lab->f.burst);
	return n;
}

void lab_begin_tx(struct lab *lab, nanos_t now)
{
	fixture_begin(&lab->f, INPUT_TX, now);
}

uint32_t lab_add(struct lab *lab, const void *frame, uint32_t len, uint32_t port)
{
	uint32_t i = fixture_add(&lab->f, frame, len, PORT_NONE);

	lab->f.burst.pkt[i].out = (struct port_id){(uint16_t)port};
	return i;
}

void lab_send(struct lab *lab, nanos_t now)
{
	ingest_stage.burst(lab->worker, &lab->epoch, now, &lab->f.burst);
}

void lab_timer(struct lab *lab, nanos_t now)
{
	fixture_begin(&lab->f, INPUT_TIMER, now);
	ingest_stage.timer(lab->worker, &lab->epoch, now, &lab->f.burst);
}

void lab_end(struct lab *lab)
{
	fixture_end(&lab->f);
}

void lab_die(struct lab *lab)
{
	fixture_cut(&lab->f);
	cr_assert_lt(lab->n_dead, LAB_DEATHS);
	lab->dead[lab->n_dead++] = lab->worker;
	lab_attach(lab);
}

void put(struct bytes *to, const void *bytes, size_t n)
{
	to->b = realloc(to->b, to->n + n + 1);
	cr_assert(to->b);
	memcpy(to->b + to->n, bytes, n);
	to->n += n;
}

void put16(struct bytes *to, uint16_t x)
{
	if (to->big)
		x = __builtin_bswap16(x);
	put(to, &x, sizeof x);
}

void put32(struct bytes *to, uint32_t x)
{
	if (to->big)
		x = __builtin_bswap32(x);
	put(to, &x, sizeof x);
}

void put_file(const struct bytes *from, const char *path)
{
	FILE *f = fopen(path, "wb");

	cr_assert(f);
	if (from->n)
		cr_assert_eq(fwrite(from->b, 1, from->n, f), from->n);
	fclose(f);
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->b);
	*bytes = (struct bytes){0};
}

void put_classic(struct bytes *to, uint32_t magic, uint32_t link)
{
	put32(to, magic);
	put16(to, 2);
	put16(to, 4);
	put32(to, 0);
	put32(to, 0);
	put32(to, 65535);
	put32(to, link);
}

void put_record(struct bytes *to, uint32_t seconds, uint32_t fraction, const void *frame, uint32_t captured,
        uint32_t on_wire)
{
	put32(to, seconds);
	put32(to, fraction);
	put32(to, captured);
	put32(to, on_wire);
	put(to, frame, captured);
}

void make_frame(uint8_t *frame, uint32_t len, uint32_t number)
{
	static const struct mac_addr dst = {{2, 0, 0, 0, 0, 1}}, src = {{2, 0, 0, 0, 0, 2}};
	uint32_t at = ether_write(frame, &dst, &src, ETHER_TYPE_IPV4);

	cr_assert_geq(len, 46);
	memset(frame + at, 0, len - at);
	frame[at] = 0x45;
	wire_store_u16(frame + at + 2, (uint16_t)(len - at));
	frame[at + 8] = 64;
	frame[at + 9] = 17;
	wire_store_u32(frame + at + 12, 0x0a000001 + number % 7);
	wire_store_u32(frame + at + 16, 0x0a000101 + number % 5);
	wire_store_u16(frame + at + 20, (uint16_t)(1024 + number % 1000));
	wire_store_u16(frame + at + 22, 53);
	wire_store_u16(frame + at + 24, (uint16_t)(len - at - 20));
	wire_store_u32(frame + at + 28, number);
}

uint32_t frame_number(const uint8_t *frame)
{
	return wire_load_u32(frame + 42);
}

void make_capture(const char *path, uint32_t n, nanos_t gap)
{
	struct bytes b = {0};
	uint8_t frame[64];

	put_classic(&b, 0xa1b23c4d, 1);
	for (uint32_t i = 0; i < n; i++) {
		nanos_t t = LAB_START + i * gap;

		make_frame(frame, sizeof frame, i + 1);
		put_record(&b, (uint32_t)(t / NANOS_PER_SEC), (uint32_t)(t % NANOS_PER_SEC), frame, 64, 64);
	}
	put_file(&b, path);
	bytes_free(&b);
}
