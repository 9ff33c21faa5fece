/* ingest: what the stage itself costs a packet, without the frame around it: from a capture in memory into
 * buffers, checked and steered; and from buffers to a port that forgets. */
#include "common/trace/trace.h"
#include "services/ingest/ingest.h"
#include "tests/bench/ingest/rounds.h"

#include <unistd.h>

#define BURST   64u
#define BURSTS  60000u
#define BUFFERS 4096u
#define FLOWS   1024u

static struct {
	struct stage_params params;
	struct stage_env env;
	struct pool pool;
	struct journal journal;
	struct trace_log trace;
	struct spare spare;
	struct burst burst;
	struct epoch epoch;
	void *worker;
	uint32_t next;
} lab;

static void *zeroed(uint64_t bytes)
{
	void *p = aligned_alloc(4096, ALIGN_UP(bytes, UINT64_C(4096)));

	if (!p)
		exit(1);
	memset(p, 0, ALIGN_UP(bytes, UINT64_C(4096)));
	return p;
}

static void write_bytes(FILE *f, const void *bytes, size_t n)
{
	if (fwrite(bytes, n, 1, f) != 1)
		exit(1);
}

/* A classic capture of UDP packets of `len` bytes over IPv4, of FLOWS flows. */
static void write_capture(const char *path, uint32_t len)
{
	uint32_t head[6] = {0xa1b23c4d, 0x00040002, 0, 0, 65535, 1}, record[4] = {1, 0, len, len};
	uint8_t frame[2048] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, (uint8_t)((len - 14) >> 8),
	        (uint8_t)(len - 14), 0, 0, 0, 0, 64, 17};
	FILE *f = fopen(path, "wb");

	if (!f)
		exit(1);
	write_bytes(f, head, sizeof head);
	for (uint32_t i = 0; i < FLOWS; i++) {
		memcpy(frame + 26, &i, sizeof i);
		write_bytes(f, record, sizeof record);
		write_bytes(f, frame, len);
	}
	fclose(f);
}

static void begin(enum input_kind input, uint32_t n)
{
	struct burst *b = &lab.burst;

	burst_reset(b, input, n);
	for (uint32_t i = 0; i < n; i++) {
		b->index[i] = (struct pkt_index){lab.next++ % BUFFERS};
		b->frame[i] = pool_buffer(&lab.pool, b->index[i]) + PKT_FRAME_OFF;
		b->pkt[i] = (struct pkt){.data_off = PKT_FRAME_OFF, .out = PORT_NONE};
	}
	journal_open(&lab.journal, 0, 0, (uint16_t)n);
}

static void receive(void)
{
	for (uint32_t k = 0; k < BURSTS; k++) {
		struct port_id port;
		uint32_t n = ingest_stage.port_ready(lab.worker, &lab.epoch, 1, BURST, &port);

		begin(INPUT_PORT, n);
		ingest_stage.port_rx(lab.worker, &lab.epoch, 1, port, &lab.burst);
		ingest_stage.burst(lab.worker, &lab.epoch, 1, &lab.burst);
		journal_commit(&lab.journal);
	}
}

static void buffers_alone(void)
{
	for (uint32_t k = 0; k < BURSTS; k++) {
		begin(INPUT_PORT, BURST);
		journal_commit(&lab.journal);
	}
}

static void transmit(void)
{
	for (uint32_t k = 0; k < BURSTS; k++) {
		begin(INPUT_TX, BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			lab.burst.pkt[i].out = (struct port_id){0};
			lab.burst.pkt[i].len = 64;
		}
		ingest_stage.burst(lab.worker, &lab.epoch, 1, &lab.burst);
		journal_commit(&lab.journal);
	}
}

/* An epoch of one port. */
static void configure(uint32_t number, const char *text)
{
	struct epoch_header *h = zeroed(8192);
	struct epoch_port *p = (struct epoch_port *)(h + 1);
	bool done = false;

	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = 8192,
	        .number = number,
	        .ports = {sizeof *h, 1},
	        .text = {4096, 4096},
	};
	*p = (struct epoch_port){.name = "p",
	        .kind = EPOCH_PORT_PHYSICAL,
	        .driver = EPOCH_DRIVER_PCAP,
	        .flags = EPOCH_PORT_UP,
	        .mtu = 1500,
	        .driver_text = 4096};
	memcpy((char *)h + 4096, text, strlen(text));
	if (epoch_attach(h, 8192, &lab.epoch))
		exit(1);
	while (!done) {
		begin(INPUT_CALL, 0);
		done = ingest_stage.adopt(lab.worker, &lab.epoch, 1, &lab.burst);
		journal_commit(&lab.journal);
	}
	if (ingest_port_error(lab.worker, (struct port_id){0})) {
		fprintf(stderr, "%s\n", ingest_port_error(lab.worker, (struct port_id){0}));
		exit(1);
	}
}

static void make(uint32_t lanes)
{
	uint64_t state = ALIGN_UP(ingest_stage.state_bytes(&lab.params), (uint64_t)CACHE_LINE);
	uint64_t bytes = state + sizeof(struct stat_block);
	uint8_t *memory = zeroed(bytes);

	lab.params = (struct stage_params){.lanes = lanes};
	if (pool_view(&lab.pool, zeroed(pool_bytes(BUFFERS, PKT_STRIDE_DEFAULT)), BUFFERS, PKT_STRIDE_DEFAULT,
	            1))
		exit(1);
	journal_attach(&lab.journal, zeroed(sizeof(struct journal_shared)), zeroed(journal_undo_bytes(4096)),
	        4096, memory, bytes);
	lab.env = (struct stage_env){
	        .params = &lab.params, .state = memory, .pool = &lab.pool, .journal = &lab.journal};
	lab.burst.lanes = (uint8_t)lanes;
	lab.burst.pool = &lab.pool;
	lab.burst.journal = &lab.journal;
	lab.burst.trace = &lab.trace;
	lab.burst.spare = &lab.spare;
	lab.burst.stats = (void *)(memory + state);
	if (ingest_stage.attach(&lab.env, &lab.worker))
		exit(1);
}

static void measure(uint32_t lanes, uint32_t len, const char *what)
{
	char path[] = "/tmp/sluice-bench-XXXXXX", text[128];
	int fd = mkstemp(path);

	if (fd < 0)
		exit(1);
	close(fd);
	write_capture(path, len);
	make(lanes);
	snprintf(text, sizeof text, "in=%s;loop=0;pace=max", path);
	configure(1, text);
	bench("ingest", what, (double)BURSTS * BURST, receive);
	if (lanes == 1 && len == 64) {
		bench("ingest", "buffers and journal alone", (double)BURSTS * BURST, buffers_alone);
		bench("ingest", "send, to nowhere", (double)BURSTS * BURST, transmit);
	}
	ingest_stage.detach(lab.worker);
	unlink(path);
}

int main(void)
{
	measure(1, 64, "receive, 64 B from memory");
	measure(4, 64, "receive, 64 B from memory, steered to 4 lanes");
	measure(1, 1500, "receive, 1,500 B from memory");
	return 0;
}
