/* What control's own handlers do with requests that can be read and make no sense: every method of every
 * service in proto/, with fields made of the input (tests/fuzz/rpc/made.h), beside an appliance of the real
 * stages with packets under way; calls that are cancelled, clients that leave or take nothing, deadlines,
 * time that passes.
 *
 * Input: a byte that says what happens, then what that takes (step).  At any time each call that is known to
 * the server is one that a client waits for and the other way round, what is answered can be read as what the
 * method answers, nothing comes after a call's end, and a reader's call leaves control as it was.  When all
 * clients are gone and their time is over, nothing is left of them, and all packets are accounted for. ZeroMQ
 * is played by wire.c, the machine by machine.c. */
#include "common/rpc/internal.h"
#include "common/tap/tap.h"
#include "services/control/internal.h"
#include "tests/fuzz/control/machine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rpc/made.h"
#include "tests/fuzz/rpc/wire.h"
#include "tests/unit/whole/whole.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PEERS      6u /* of which every other one is an administrator */
#define ASKED_MAX  256u
#define ROUNDS_MAX 64u
#define FOREVER_MS (CONFIRM_MAX_S * UINT64_C(1000) + 1000)

/* A call as its client has it. */
struct asked {
	bool open; /* its answer, or the end of its stream, is to come */
	bool stream;
	uint8_t peer;
	const ProtobufCMessageDescriptor *output;
};

struct peer {
	bool gone, slow;
	bool deaf; /* it was, so that answers may have been lost */
};

static struct whole whole;
static struct control *control;
static uv_loop_t loop;
static bool halted;
static struct peer peer[PEERS];
static struct asked asked[ASKED_MAX];
static uint32_t n_asked;
static char folder[64];

static const char appliance_text[] =
        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
        "ports:\n"
        "  in: {driver: pcap, ipv6: false, mac: \"02:00:00:00:00:02\", addresses: [192.0.2.1/24]}\n"
        "  out: {driver: pcap, ipv6: false, addresses: [198.51.100.1/24]}\n";
static const char vlan_text[] =
        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
        "ports:\n"
        "  in: {driver: pcap, addresses: [192.0.3.1/24, \"2001:db8::1/64\"]}\n"
        "  wan: {driver: pcap, addresses: [198.51.100.1/24]}\n"
        "vlans: {wan.7: {parent: wan, id: 7, addresses: [203.0.113.1/24]}}\n"
        "routes: [{to: default, via: 198.51.100.9}, {to: 10.0.0.0/8, nexthops: [{via: 198.51.100.2, "
        "weight: 2}, {via: 198.51.100.3}]}, {to: 10.66.0.0/16, type: blackhole}]\n"
        "neighbors: [{address: 192.0.3.9, mac: \"02:00:00:00:00:09\"}]\n";
static const char rules_text[] =
        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
        "ports: {in: {driver: pcap, addresses: [192.0.2.1/24]}}\n"
        "rules: {ingress: {policy: drop, rules: [{name: arp, ethertype: arp, action: pass}, {name: "
        "\"\\e[2J\", in: in, from: 192.0.2.0/24, protocol: udp, to_port: 53-99, action: count}]}}\n"
        "dynamic_routes: {limit: 64, netlink: {}, fpm: {listen: \"127.0.0.1:2620\"}}\n";
static const char keys_text[] = "appliance: {lanes: 1, buffers: 1024, ring_slots: 512, cores: [0]}\n"
                                "ports: {in: {driver: pcap}}\n"
                                "control: {listen: \"127.0.0.1:7788\", keys: {a: {key: "
                                "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\", role: administer}}}\n"
                                "metrics: {listen: \"127.0.0.1:9101\"}\n";

/* What the handlers know, so that the fuzzer need not guess it. */
static const struct made_word known[] = {MADE_WORD(""), MADE_WORD("in"), MADE_WORD("out"), MADE_WORD("wan.7"),
        MADE_WORD("ingress"), MADE_WORD("egress"), MADE_WORD("drop"), MADE_WORD("no_route"),
        MADE_WORD("port"), MADE_WORD("process"), MADE_WORD("config"), MADE_WORD("neighbor"),
        MADE_WORD("route"), MADE_WORD("client"), MADE_WORD("router"), MADE_WORD("control"),
        MADE_WORD("192.0.2.1"), MADE_WORD("192.0.2.0/24"), MADE_WORD("::ffff:192.0.2.1"),
        MADE_WORD("2001:db8::1"), MADE_WORD("2001:db8::/32"), MADE_WORD("0.0.0.0/0"), MADE_WORD("new.yaml"),
        MADE_WORD("../../etc/passwd"), MADE_WORD("/etc/shadow"), MADE_WORD("\033[2J\033]0;x\007"),
        MADE_WORD("\xff\xfe"),
        MADE_WORD("\xc2\x9b"
                  "2J"),
        MADE_WORD("%s%n%99999d"), MADE_WORD("a\0b\nc"),
        MADE_WORD("\x28\0\0\0\x0c\0\0\0\x06\0\0\0\xff\xff\0\0"), /* ldh [12]; ret #65535 */
        MADE_WORD(appliance_text), MADE_WORD(vlan_text), MADE_WORD(rules_text), MADE_WORD(keys_text),
        MADE_WORD("ports: {in: {driver: pcap, mtu: 7}}\n")};
static const struct made_words words = {known, ARRAY_LEN(known)};

static uint8_t take(struct made_bytes *in)
{
	return made_take(in);
}

/* ---- clients ---- */

static size_t id_of(uint32_t i, uint8_t id[PEER_MAX])
{
	memset(id, (int)i, 5);
	return 5;
}

static int takes(const uint8_t *id, size_t len)
{
	struct peer *p = &peer[id[0]];

	REQUIRE(len == 5 && id[0] < PEERS);
	return p->gone ? EHOSTUNREACH : p->slow ? EAGAIN : 0;
}

static void judge_body(const struct asked *a, const struct rpc_response *r)
{
	ProtobufCMessage *body = r->body_len ? rpc_unpack(a->output, r->body, r->body_len) : NULL;

	REQUIRE(body || !r->body_len);
	rpc_free(body);
}

static void sent(const uint8_t *id, size_t id_len, const uint8_t *bytes, size_t len)
{
	struct rpc_response r;
	struct asked *a;

	REQUIRE(id_len == 5 && len <= RPC_REPLY_MAX && rpc_response_decode(&r, bytes, len) == 0);
	REQUIRE(r.id < n_asked);
	a = &asked[r.id];
	REQUIRE(a->open && a->peer == id[0] && (a->stream || !r.more));
	REQUIRE(r.status == RPC_OK || (!r.more && *r.message));
	judge_body(a, &r);
	a->open = r.more;
	rpc_response_free(&r);
}

/* As the loop would, without any time. */
static void look(void)
{
	control->rpc->prepare.prepare_cb(&control->rpc->prepare);
}

static void deliver(uint32_t from, const struct rpc_request *r)
{
	struct rpc_listener *l = &control->rpc->listener[from % 2];
	struct wire_part parts[2];
	uint8_t id[PEER_MAX], *bytes;
	size_t len;

	REQUIRE(rpc_request_encode(r, &bytes, &len) == 0);
	parts[0] = (struct wire_part){id, id_of(from, id), "localhost:0:0:77", NULL};
	parts[1] = (struct wire_part){bytes, len, "localhost:0:0:77", NULL};
	wire_put(l->calls.socket, parts, 2);
	free(bytes);
}

/* All that a change would change; of calls under way only whether there are any. */
struct standing {
	struct publisher publisher;
	struct control_block block;
	const struct config *config, *before, *on_its_way;
	struct history history;
	uint32_t change, phase, number;
	bool applies, held;
	char problem[CONTROL_WHY_BYTES], tcp[LISTEN_TEXT];
};

static struct standing standing(void)
{
	struct standing s;

	memset(&s, 0, sizeof s);
	memcpy(&s.publisher, &control->publisher, sizeof s.publisher);
	memcpy(&s.block, appliance_control(control->appliance), sizeof s.block);
	memcpy(&s.history, &control->state.history, sizeof s.history);
	s.config = control->config;
	s.before = control->before;
	s.on_its_way = control->apply.config;
	s.change = control->apply.change;
	s.phase = control->apply.phase;
	s.number = control->apply.number;
	s.applies = control->apply.call;
	s.held = control->hold.call;
	memcpy(s.problem, control->problem, sizeof s.problem);
	memcpy(s.tcp, control->tcp, sizeof s.tcp);
	return s;
}

/* The n-th of all methods that there are. */
static const struct rpc_method *method_at(uint32_t n, const struct rpc_service **of)
{
	const struct rpc_server *s = control->rpc;

	for (uint32_t k = 0;; k = (k + 1) % s->n_services) {
		*of = &s->service[k];
		if (n < s->service[k].n_methods)
			return &s->service[k].methods[n];
		n -= s->service[k].n_methods;
	}
}

static void ask(struct made_bytes *in, uint32_t from)
{
	const struct rpc_service *service;
	const struct rpc_method *method = method_at(take(in), &service);
	const ProtobufCMethodDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
	        service->descriptor, method->name);
	struct rpc_request r = {.id = n_asked, .deadline_ms = (uint32_t)take(in) * 100};
	struct standing before, after;

	if (n_asked == ASKED_MAX)
		return;
	snprintf(r.method, sizeof r.method, "%s/%s", service->descriptor->name, method->name);
	r.body = made_message(d->input, &words, in, &r.body_len);
	asked[n_asked++] = (struct asked){true, method->stream, (uint8_t)from, d->output};
	deliver(from, &r);
	before = standing();
	look();
	after = standing();
	/* Both were zero before they were filled, between their members too. */
	if (service->role == RPC_READER)
		REQUIRE(!memcmp(
		        &before, &after, sizeof before)); /* NOLINT(bugprone-suspicious-memory-comparison) */
	free(r.body);
}

static void cancel(uint32_t which)
{
	struct asked *a = n_asked ? &asked[which % n_asked] : NULL;

	if (!a)
		return;
	deliver(a->peer, &(struct rpc_request){.id = (uint64_t)(a - asked), .cancel = true});
	a->open = false;
	look();
}

/* Its calls are known to be over when something is sent to it. */
static void leave(uint32_t i)
{
	peer[i].gone = peer[i].deaf = true;
}

static void turn_slow(uint32_t i)
{
	peer[i].slow = !peer[i].slow;
	peer[i].deaf = true;
}

/* ---- the appliance, and time ---- */

/* An ARP request for nobody, and a datagram to the appliance from nobody that it knows. */
static void push(uint8_t which)
{
	static const uint8_t frame[2][60] = {
	        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,
	                0, 0, 1, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 192, 0, 2, 77},
	        {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0xf6, 0xcc,
	                192, 0, 2, 9, 192, 0, 2, 1, 0, 7, 0, 9, 0, 8, 0, 0}};

	whole_push(&whole, which % 2, 0, frame[which / 2 % 2], sizeof frame[0]);
}

static void rounds(void)
{
	whole.now = machine_now();
	appliance_control(&whole.a)->clock = whole.now;
	for (uint32_t i = 0; !halted && i < ROUNDS_MAX && whole_round(&whole); i++)
		;
}

static void pass(uint64_t ms)
{
	rounds();
	machine_pass(ms);
	uv_run(&loop, UV_RUN_NOWAIT);
	rounds();
}

/* ---- control ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void start(void)
{
	const char *temporary = getenv("TMPDIR");
	char why[CONTROL_WHY_BYTES], state[80];

	snprintf(folder, sizeof folder, "%.40s/fuzz.XXXXXX", temporary ? temporary : "/dev/shm");
	REQUIRE(mkdtemp(folder) && uv_loop_init(&loop) == 0);
	snprintf(state, sizeof state, "%s/state", folder);
	whole_setup(&whole, appliance_text);
	REQUIRE(control_open(&control, &loop,
	                &(struct control_setup){&whole.a, "/none.yaml", NULL, folder, state}, why) == 0);
	memset(peer, 0, sizeof peer);
	n_asked = 0;
	halted = false;
	wire_takes = takes;
	wire_sent = sent;
	pass(1);
}

/* Who waits for what, in agreement with the server. */
static void check(void)
{
	uint32_t waiting[PEERS] = {0}, calls[PEERS] = {0};

	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		const struct rpc_call *c = &control->rpc->call[i];

		if (!c->used)
			continue;
		REQUIRE(c->id < n_asked && asked[c->id].open);
		calls[asked[c->id].peer]++;
	}
	for (uint32_t i = 0; i < n_asked; i++)
		waiting[asked[i].peer] += asked[i].open;
	for (uint32_t p = 0; p < PEERS; p++)
		REQUIRE(peer[p].deaf || waiting[p] == calls[p]);
}

static bool taps_open(void)
{
	const struct tap_control *taps = appliance_taps(&whole.a);
	bool any = false;

	for (uint32_t i = 0; i < TAPS_MAX; i++)
		any |= taps->tap[i].number != 0;
	return any;
}

/* Nobody is left, and no time. */
static void end(void)
{
	const struct control_block *block = appliance_control(control->appliance);

	halted = false;
	for (uint32_t i = 0; i < PEERS; i++)
		leave(i);
	for (uint32_t i = 0; i < 8; i++)
		pass(i < 6 ? 1000 : FOREVER_MS);
	check();
	REQUIRE(!control->rpc->counts.calls && !control->rpc->counts.streams);
	REQUIRE(!block->hold && !control->hold.call && !control->apply.config && !block->offered);
	REQUIRE(!taps_open());
	REQUIRE(!control->state.history.waits && !control->before);
	for (uint32_t i = 0; i < RPC_STREAMS_MAX; i++)
		REQUIRE(!control->health[i].call);
	REQUIRE(whole_settle(&whole) && !whole_judge(&whole));
}

static void step(struct made_bytes *in)
{
	uint8_t what = take(in), who = take(in);

	switch (what % 12) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4: ask(in, who % PEERS); break;
	case 5: cancel(who); break;
	case 6: leave(who % PEERS); break;
	case 7: turn_slow(who % PEERS); break;
	case 8: push(who); break;
	case 9: pass((uint64_t)who * who); break;
	case 10: halted = who % 2; break;
	case 11: wire_release(); break;
	}
	if (what < 128)
		pass(1);
	check();
}

static int lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct made_bytes in = {data, data + size};
	int free_before = lowest_free();

	machine_play(true);
	start();
	while (in.at < in.end)
		step(&in);
	/* With what is under way still there, or with nothing left. */
	if (size % 2)
		end();
	control_close(control);
	uv_run(&loop, UV_RUN_DEFAULT);
	REQUIRE(uv_loop_close(&loop) == 0 && wire_open() == 0);
	whole_teardown(&whole);
	wire_release();
	REQUIRE(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	machine_play(false);
	REQUIRE(lowest_free() == free_before);
	return 0;
}
