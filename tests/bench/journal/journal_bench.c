/* journal: what crash safety costs `forward`: this build beside the one without it (SLUICE_JOURNAL=OFF),
 * whose folder SLUICE_BUILD_NOJOURNAL names: in interleaved pairs of rounds whose order alternates, and by
 * counted instructions where there is valgrind.  The value is by how many percent more it takes with it. */
#include "tests/bench/case.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS   25
#define BAR     5.0
#define TRAFFIC "64 B, 1 route"
#define PATH    4096

enum { WITH, WITHOUT, SIDES };

static char program[SIDES][PATH];

static void fail(const char *what)
{
	fprintf(stderr, "bench_journal: %s\n", what);
	exit(1);
}

/* bench_forward of both builds; ours lies beside this program. */
static void find_programs(void)
{
	const char *folder = getenv("SLUICE_BUILD_NOJOURNAL");
	char own[PATH / 2];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

	if (n < 0)
		fail("cannot find itself");
	own[n] = 0;
	*strrchr(own, '/') = 0;
	snprintf(program[WITH], PATH, "%s/../forward/bench_forward", own);
	if (folder)
		snprintf(program[WITHOUT], PATH, "%s/tests/bench/forward/bench_forward", folder);
	else
		snprintf(program[WITHOUT], PATH, "%s/../../../../nojournal/tests/bench/forward/bench_forward",
		        own);
	if (access(program[WITH], X_OK) || access(program[WITHOUT], X_OK))
		fail("bench_forward is missing in this build, or in that of the preset nojournal");
}

struct server {
	pid_t pid;
	FILE *in, *out;
};

static struct server serve(const char *path, const char *way)
{
	struct server s;
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		fail("no pipe");
	s.pid = fork();
	if (s.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (dup2(to[0], 0) >= 0 && dup2(from[1], 1) >= 0)
			execl(path, "bench_forward", "serve", TRAFFIC, way, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	s.in = fdopen(to[1], "w");
	s.out = fdopen(from[0], "r");
	if (s.pid < 0 || !s.in || !s.out)
		fail("no process");
	return s;
}

static double ask(struct server *s)
{
	char line[64], *end = line;
	double ns = 0;

	fputc('\n', s->in);
	fflush(s->in);
	if (fgets(line, sizeof line, s->out))
		ns = strtod(line, &end);
	if (end == line)
		fail("bench_forward has failed");
	return ns;
}

static void dismiss(struct server *s)
{
	int status;

	fclose(s->in);
	if (waitpid(s->pid, &status, 0) != s->pid || status)
		fail("bench_forward has failed");
	fclose(s->out);
}

static void print(const char *name, double *percent, size_t n, double *without)
{
	case_print(&(struct bench_case){
	        .bench = "journal",
	        .name = name,
	        .unit = "percent more",
	        .value = figures_of(percent, n),
	        .peer = "without journal",
	        .peer_value = figures_of(without, n),
	        .ratio = 1 + figures_of(percent, n).median / 100,
	        .bar = BAR,
	});
}

static void measure(const char *name, const char *way)
{
	struct server s[SIDES] = {serve(program[WITH], way), serve(program[WITHOUT], way)};
	double percent[PAIRS], without[PAIRS];

	for (int k = 0; k < PAIRS; k++) {
		double ns[SIDES];

		for (int i = 0; i < SIDES; i++) {
			int side = (i + k) % SIDES;

			ns[side] = ask(&s[side]);
		}
		without[k] = ns[WITHOUT];
		percent[k] = (ns[WITH] / ns[WITHOUT] - 1) * 100;
	}
	for (int side = 0; side < SIDES; side++)
		dismiss(&s[side]);
	print(name, percent, PAIRS, without);
}

/* Instructions of a run of so many packets in one process; 0: there is no valgrind. */
static double instructions(const char *path, int packets)
{
	char command[PATH + 256], line[1024];
	double sum = 0;
	FILE *f;

	snprintf(command, sizeof command,
	        "exec valgrind --tool=callgrind --callgrind-out-file=/dev/null '%s' count '" TRAFFIC
	        "' %d 2>&1",
	        path, packets);
	f = popen(command, "r");
	if (!f)
		fail("no shell");
	while (fgets(line, sizeof line, f)) {
		const char *at = strstr(line, "Collected :");

		if (at)
			sum = strtod(at + strlen("Collected :"), NULL);
	}
	return pclose(f) ? 0 : sum;
}

/* Of a packet: what a longer run takes more than a short one. */
static double instructions_a_packet(const char *path)
{
	const int few = 20000, many = 120000;
	double start = instructions(path, few), all = instructions(path, many);

	return start > 0 && all > 0 ? (all - start) / (many - few) : 0;
}

static void count(void)
{
	double without = instructions_a_packet(program[WITHOUT]), with = instructions_a_packet(program[WITH]),
	       percent;

	if (without <= 0 || with <= 0) {
		fprintf(stderr, "bench_journal: no instructions were counted: is valgrind installed?\n");
		return;
	}
	percent = (with / without - 1) * 100;
	print("instructions, one process", &percent, 1, &without);
}

int main(void)
{
	find_programs();
	measure("a process a stage", "processes");
	measure("one process", "one");
	count();
	return 0;
}
