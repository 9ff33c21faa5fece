/* ports: the opener's ports without a keeper and without ingest; says what ingest would be told.
 *
 *     drivers_ports RUNDIR
 *
 * Reads commands: `want INTERFACE DRIVER MODE MTU ADOPT`, `none`, `resume` (another opener takes up what the
 * keeper holds), `end`.  Says a line for each grant and for each change of the board. */
#include "services/keeper/opener/adopt.h"
#include "services/keeper/opener/port.h"

#include "common/wire/text.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLOTS  (LANES_MAX + 1)
#define POOL_N 1024u

struct kept {
	uint8_t body[1024];
	size_t bytes;
	int fd[16];
	uint32_t n_fds;
};

struct ports {
	struct netlink nl, watch;
	struct pool pool;
	struct port port;
	struct port_host host;
	struct board_port board, said;
	struct board_adopted adopted;
	uint32_t said_adopted;
	struct board_links links;
	struct kept kept[SLOTS];
	char path[256];
	const char *dir;
};

static nanos_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nanos_t)t.tv_sec * NANOS_PER_SEC + (nanos_t)t.tv_nsec;
}

static int say(void *context, const struct grant *g, const int *fd, uint32_t n_fds)
{
	static const char *const words[] = {"", "OPEN", "LINK", "CLOSE", "GONE"};
	const char *wrong = grant_check(g, sizeof *g, n_fds);

	(void)context, (void)fd;
	printf("%s queue %u incarnation %lu link %u mtu %u%s%s\n", words[g->what], g->queue, g->incarnation,
	        g->link, g->mtu, wrong ? " WRONG " : "", wrong ? wrong : "");
	return 0;
}

static void keep(void *context, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	struct ports *p = context;
	struct kept *k = &p->kept[MIN(key & 0xff, LANES_MAX)];

	while (k->n_fds)
		close(k->fd[--k->n_fds]);
	if (!n_fds)
		return;
	memcpy(k->body, body, bytes);
	k->bytes = bytes;
	for (; k->n_fds < n_fds; k->n_fds++)
		k->fd[k->n_fds] = fcntl(fd[k->n_fds], F_DUPFD_CLOEXEC, 0);
}

static const char *file_of(void *context, const char *interface)
{
	struct ports *p = context;

	snprintf(p->path, sizeof p->path, "%s/%s.had", p->dir, interface);
	return p->path;
}

static struct board_port *board_of(void *context, uint32_t phys)
{
	struct ports *p = context;

	(void)phys;
	return &p->board;
}

static struct board_adopted *adopted_of(void *context, uint32_t phys)
{
	struct ports *p = context;

	(void)phys;
	return &p->adopted;
}

/* A line where it is lost, or back. */
static void link_is(void *context, uint32_t phys, uint64_t link)
{
	struct ports *p = context;

	if (board_link_set(&p->links, phys, link))
		printf("the link is %s\n", link & BOARD_LINK_UP ? "up" : "lost");
}

static void set_up(struct ports *p)
{
	void *memory = mmap(NULL, pool_bytes(POOL_N, PKT_STRIDE_DEFAULT), PROT_READ | PROT_WRITE,
	        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || pool_view(&p->pool, memory, POOL_N, PKT_STRIDE_DEFAULT, 1) ||
	        netlink_open(&p->nl, 0) || netlink_open(&p->watch, NETLINK_LINKS))
		exit(1);
	port_init(&p->port, 0, 0);
	p->host = (struct port_host){p, &p->nl, &p->pool, say, keep, file_of, board_of, adopted_of, link_is};
}

static void want(struct ports *p, char *line)
{
	struct port_want w = {
	        .wish = {.queues = 1, .rx_ring = 256, .tx_ring = 256, .control_dscp = 48, .pool = &p->pool}};
	char *rest = line + strlen("want "), *word[5];

	for (uint32_t i = 0; i < 5; i++)
		if (!(word[i] = strsep(&rest, " \n")))
			exit(2);
	snprintf(w.wish.interface, sizeof w.wish.interface, "%s", word[0]);
	memcpy(w.name, w.wish.interface, sizeof w.name);
	w.wish.mtu = (uint32_t)strtoul(word[3], NULL, 10);
	w.adopt = *word[4] == '1';
	w.wish.driver = !strcmp(word[1], "xdp")   ? EPOCH_DRIVER_AF_XDP
	                : !strcmp(word[1], "tap") ? EPOCH_DRIVER_TAP
	                                          : EPOCH_DRIVER_AF_PACKET;
	w.wish.mode = !strcmp(word[2], "generic") ? MODE_GENERIC
	              : !strcmp(word[2], "v3")    ? MODE_V3
	                                          : MODE_AUTO;
	w.wish.mac = (struct mac_addr){{2, 0, 0, 0, 0, 9}};
	w.identity = (uint64_t)w.wish.driver << 8 | (uint64_t)w.wish.mode << 4 | 1;
	port_want(&p->port, &w);
}

static void resume(struct ports *p)
{
	struct port_want w = p->port.want;

	open_close(&p->port.opened);
	port_init(&p->port, 0, 0);
	for (uint32_t k = 0; k < SLOTS; k++) {
		struct kept *kept = &p->kept[k];

		if (kept->n_fds)
			port_resume(&p->port, k == LANES_MAX ? PORT_SLOT_OWN : k, kept->body, kept->bytes,
			        kept->fd, kept->n_fds);
		kept->n_fds = 0;
	}
	port_resumed(&p->port);
	port_want(&p->port, &w);
}

/* Whether there are more. */
static bool obey(struct ports *p)
{
	static const struct port_want none;
	char line[256];

	if (!fgets(line, sizeof line, stdin) || !strncmp(line, "end", 3)) {
		port_end(&p->port, &p->host);
		return false;
	}
	if (!strncmp(line, "want ", 5))
		want(p, line);
	else if (!strncmp(line, "none", 4))
		port_want(&p->port, &none);
	else if (!strncmp(line, "resume", 6))
		resume(p);
	return true;
}

static const char *text_of(char text[TEXT_IP6_SIZE], uint8_t family, const struct ip6_addr *a)
{
	return family == 4 ? text_ipv4(text, a->w32[3]) : text_ip6(text, a);
}

static void show_adopted(const struct board_adopted *b)
{
	char text[TEXT_IP6_SIZE];

	for (uint32_t i = 0; i < b->n_addresses; i++)
		printf("adopted address %s/%u\n", text_of(text, b->address[i].family, &b->address[i].addr),
		        b->address[i].prefix_len);
	for (uint32_t i = 0; i < b->n_routes; i++) {
		const struct board_route *r = &b->route[i];

		printf("adopted route %s/%u", text_of(text, r->family, &r->to), r->prefix_len);
		if (!ip6_is_unspecified(&r->gateway))
			printf(" via %s", text_of(text, r->family, &r->gateway));
		printf(" metric %u\n", r->metric);
	}
	printf("adopted %u addresses, %u routes, %u left out\n", b->n_addresses, b->n_routes, b->left_out);
}

static void show(struct ports *p)
{
	const struct board_port *b = &p->board;

	if (p->adopted.seq != p->said_adopted)
		show_adopted(&p->adopted);
	p->said_adopted = p->adopted.seq;
	if (b->state == p->said.state && !strcmp(b->reason, p->said.reason) &&
	        b->incarnation == p->said.incarnation)
		return;
	p->said = *b;
	printf("board %s %s %s %s\n", b->name, board_port_state_name(b->state), b->mode_name, b->reason);
}

int main(int argc, char **argv)
{
	static struct ports p;
	bool more = true;

	if (argc != 2)
		return 2;
	p.dir = argv[1];
	set_up(&p);
	(void)adopt_give_back(&p.nl, file_of(&p, "m0"));
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (more) {
		struct pollfd fd[2] = {{.fd = 0, .events = POLLIN}, {.fd = p.watch.fd, .events = POLLIN}};
		nanos_t next = port_next(&p.port), t = now();
		int ms = next == NANOS_NEVER ? 1000
		         : next <= t         ? 1
		                             : (int)MIN((next - t) / NANOS_PER_MS + 1, 1000u);

		(void)poll(fd, 2, ms);
		netlink_drain(&p.watch);
		if (fd[0].revents)
			more = obey(&p);
		if (more)
			port_step(&p.port, &p.host, now());
		show(&p);
	}
	return 0;
}
