#include "services/cli/cli.h"

#include "common/blueprint/blueprint.h"
#include "common/board/board.h"
#include "common/cage/cage.h"
#include "common/config/config.h"
#include "common/publish/publish.h"
#include "services/cli/cores.h"
#include "services/replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_DIR "/var/lib/sluice"

struct up {
	const struct cli_call *call;
	const char *config, *run_dir, *state_dir, *cores;
	bool apart;
};

enum { CONFIG, RUN, STATE, CORES, APART };

static int refuse(int status, const char *what, int err)
{
	fprintf(stderr, "sluice up: %s: %s\n", what, strerror(err));
	return status;
}

/* Where things are. */

static bool absolute(const char *path, char out[BLUEPRINT_PATH])
{
	char *whole = realpath(path, NULL);
	bool fits = whole && strlen(whole) < BLUEPRINT_PATH;

	if (fits)
		memcpy(out, whole, strlen(whole) + 1);
	free(whole);
	return fits;
}

/* Whatever the umask: control and those who ask it pass through. */
static bool make_run_dir(const char *dir)
{
	int err = (mkdir(dir, 0755) ? errno != EEXIST : chmod(dir, 0755)) ? -errno : run_folder_check(dir);

	if (err == -EPERM)
		fprintf(stderr,
		        "sluice up: %s is not this user's alone to write; give another with --run-dir\n",
		        dir);
	else if (err)
		fprintf(stderr, "sluice up: %s cannot be made: %s; give another with --run-dir\n", dir,
		        strerror(-err));
	return !err;
}

/* The lock that the keeper holds as long as it lives: handed on through exec.  -1: the reason is told. */
static int take_keeper_lock(const char *dir)
{
	int fd = lock_open(dir, "keeper", true), err = fd < 0 ? fd : lock_take(fd);

	if (!err && fcntl(fd, F_SETFD, 0) == 0)
		return fd;
	if (err == -EWOULDBLOCK)
		fprintf(stderr,
		        "sluice up: an appliance runs in %s already (keeper %d); end it, or give another "
		        "folder with --run-dir\n",
		        dir, lock_holder(fd));
	else
		fprintf(stderr, "sluice up: %s/keeper.lock: %s\n", dir, strerror(err ? -err : errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Gives control one of its two folders; absolute in out.  The reason is told where it fails. */
static bool give_control(const char *path, uint32_t mode, const char *option, char out[BLUEPRINT_PATH])
{
	const uid_t uid = CAGE_UID_BASE + ROLE_CONTROL;
	int err = cage_give_folder(path, uid, mode);

	if (!err && absolute(path, out))
		return true;
	fprintf(stderr, "sluice up: %s cannot be given to control, whose user is %u: ", path, uid);
	if (err == -EACCES)
		fprintf(stderr, "it may not pass through all folders above; ");
	else if (err == -ENOTEMPTY)
		fprintf(stderr, "it holds what is not control's; ");
	else
		fprintf(stderr, "%s; ", strerror(err ? -err : errno));
	fprintf(stderr, "give another folder with %s\n", option);
	return false;
}

/* Where they are for control, in whose container they are its own already. */
static bool name_folders(const struct up *up, struct blueprint *b)
{
	const char *state = up->state_dir ? up->state_dir : STATE_DIR;
	size_t n = (size_t)snprintf(b->sockets_dir, sizeof b->sockets_dir, "%.*s/" BLUEPRINT_SOCKETS,
	        BLUEPRINT_PATH - 16, b->run_dir);

	if (n < sizeof b->sockets_dir &&
	        (size_t)snprintf(b->state_dir, sizeof b->state_dir, "%s", state) < sizeof b->state_dir)
		return true;
	fprintf(stderr, "sluice up: the paths of run and state folder are too long\n");
	return false;
}

static bool give_folders(const struct up *up, struct blueprint *b)
{
	char sockets[BLUEPRINT_PATH + 16], state[BLUEPRINT_PATH + 16];

	snprintf(sockets, sizeof sockets, "%s/" BLUEPRINT_SOCKETS, b->run_dir);
	if (up->state_dir)
		snprintf(state, sizeof state, "%s", up->state_dir);
	else if (!strcmp(up->run_dir, CLI_RUN_DIR))
		snprintf(state, sizeof state, STATE_DIR);
	else
		snprintf(state, sizeof state, "%s/state", b->run_dir);
	return give_control(sockets, 0755, "--run-dir", b->sockets_dir) &&
	       give_control(state, 0700, "--state-dir", b->state_dir);
}

/* The blueprint. */

static int lay_out(const struct config *config, struct appliance *a)
{
	struct stage_params params;
	uint64_t epoch_bytes, fib_bytes;
	int err = publish_sizes(config, &epoch_bytes, &fib_bytes);

	config_params(config, &params);
	if (!params.hash_key &&
	        getrandom(&params.hash_key, sizeof params.hash_key, 0) != (ssize_t)sizeof params.hash_key)
		return -EIO;
	return err ? err : appliance_layout(a, &params, replay_stages, epoch_bytes, fib_bytes);
}

/* A sealed blueprint's descriptor; negative: an exit code, the reason is told. */
static int make_blueprint(const struct up *up, const struct config *config)
{
	static struct appliance a;
	static struct blueprint b;
	int fd, status, err = lay_out(config, &a);

	if (err) {
		fprintf(stderr, "sluice up: %s cannot be laid out in memory: %s\n", up->config,
		        strerror(-err));
		return -CLI_NO;
	}
	blueprint_init(&b, &a);
	if (!absolute(up->run_dir, b.run_dir) || !absolute(up->config, b.config))
		return -refuse(CLI_SYSTEM, "the paths of run folder and configuration", errno);
	status = cores_place(up->call, up->cores, config, &b);
	if (status)
		return -status;
	if (!(up->apart ? name_folders(up, &b) : give_folders(up, &b)))
		return -CLI_SYSTEM;
	fd = blueprint_seal(&b);
	if (fd >= 0 && fcntl(fd, F_SETFD, 0) == 0)
		return fd;
	return -refuse(CLI_SYSTEM, "the blueprint", fd < 0 ? -fd : errno);
}

/* Becoming the keeper. */

/* Where the other programs are: beside this one, or where a distribution puts them; $SLUICE_LIBEXEC goes
 * before both. */
static void find_keeper(char *path, size_t size)
{
	const char *given = getenv("SLUICE_LIBEXEC");
	char own[2048];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	int folder;

	own[MAX(n, (ssize_t)0)] = 0;
	folder = strrchr(own, '/') ? (int)(strrchr(own, '/') - own) : 0;
	if (given) {
		snprintf(path, size, "%s/sluice-keeper", given);
		return;
	}
	snprintf(path, size, "%.*s/sluice-keeper", folder, own);
	if (access(path, X_OK))
		snprintf(path, size, "%.*s/../libexec/sluice/sluice-keeper", folder, own);
}

static int run_keeper(int blueprint, int lock, bool apart)
{
	char path[4096], fds[2][16];

	find_keeper(path, sizeof path);
	snprintf(fds[0], sizeof fds[0], "%d", blueprint);
	snprintf(fds[1], sizeof fds[1], "%d", lock);
	execl(path, "sluice-keeper", fds[0], fds[1], apart ? "apart" : (char *)NULL, (char *)NULL);
	return refuse(CLI_SYSTEM, path, errno);
}

/* What `sluice replay` makes of such a port a running appliance does not: a process in its cage opens no
 * files. */
static const char *why_down(enum epoch_driver driver)
{
	switch (driver) {
	case EPOCH_DRIVER_NONE:
		return "has no driver, which says whose packets it gets (driver: af_xdp, af_packet or tap)";
	case EPOCH_DRIVER_PCAP:
		return "plays a capture (driver: pcap), whose file a running appliance cannot open";
	case EPOCH_DRIVER_LOOP:
	case EPOCH_DRIVER_AF_XDP:
	case EPOCH_DRIVER_AF_PACKET:
	case EPOCH_DRIVER_TAP: break;
	}
	return NULL;
}

static void warn_of_ports(const struct config *config)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		const char *why = why_down((enum epoch_driver)config->ports[i].driver);

		if (why)
			fprintf(stderr,
			        "sluice up: the port '%s' %s: it stays down; sluice replay plays captures\n",
			        config->ports[i].name.text, why);
	}
}

static int up_with(const struct up *up, const struct config *config)
{
	int lock, blueprint;

	if (geteuid() != 0 && !up->apart) {
		fprintf(stderr,
		        "sluice up: only root can own interfaces and give its processes users of their own; "
		        "run it as root (deploy/sluice.service shows the capabilities that it needs)\n");
		return CLI_SYSTEM;
	}
	lock = make_run_dir(up->run_dir) ? take_keeper_lock(up->run_dir) : -1;
	if (lock < 0)
		return CLI_SYSTEM;
	warn_of_ports(config);
	blueprint = make_blueprint(up, config);
	if (blueprint >= 0)
		return run_keeper(blueprint, lock, up->apart);
	close(lock);
	return -blueprint;
}

static int load_and_up(const struct up *up)
{
	struct config_errors errors = {0};
	struct config *config = NULL;
	int err = config_load(up->config, &config, &errors), status;

	if (err)
		status = cli_fail_config(
		        up->call, err == -EINVAL ? RPC_FAILED_PRECONDITION : RPC_UNAVAILABLE, &errors);
	else
		status = up_with(up, config);
	config_errors_free(&errors);
	config_free(config);
	return status;
}

static int run(const struct cli_call *call)
{
	const struct up up = {
	        .call = call,
	        .config = cli_text(call, CONFIG),
	        .run_dir = cli_flag(call, RUN) ? cli_text(call, RUN) : CLI_RUN_DIR,
	        .state_dir = cli_text(call, STATE),
	        .cores = cli_text(call, CORES),
	        .apart = cli_flag(call, APART),
	};

	return load_and_up(&up);
}

const struct cli_command command_up = {
        .name = "up",
        .what = "run an appliance on this machine's interfaces, in the foreground",
        .about = "Runs the appliance that FILE describes, in the foreground, until SIGINT or SIGTERM. It "
                 "needs the rights to own interfaces: root, or the capabilities in deploy/sluice.service.",
        .options = {[CONFIG] = {.name = "config",
                            .needed = true,
                            .takes = {"FILE", CLI_FILE},
                            .meaning = "the configuration (`sluice check` tells whether it is right)"},
                [RUN] = {.name = "run-dir",
                        .takes = {"DIR", CLI_FOLDER},
                        .meaning = "where its sockets are; one appliance a folder (" CLI_RUN_DIR ")"},
                [STATE] = {.name = "state-dir",
                        .takes = {"DIR", CLI_FOLDER},
                        .meaning = "what outlives it, for control alone (" STATE_DIR
                                   "; with another run folder: state "
                                   "in it)"},
                [CORES] = {.name = "cores",
                        .takes = {"LIST", CLI_TEXT},
                        .meaning = "processor of each lane: 2,3; any: they are moved about by the system; "
                                   "spread: one each; in place of what the configuration says "
                                   "(appliance.cores)"},
                [APART] = {.name = "apart",
                        .meaning = "the keeper alone, in a container of its own: the other processes are "
                                   "started by `sluice-keeper attend ROLE`, and meet it in DIR/attend/ROLE "
                                   "(docker-compose.yml)"}},
        .examples = {{"sluice up --config /etc/sluice.yaml", "until Ctrl-C"}},
        .exits = {"it was ended", "the configuration is wrong, or cannot be laid out in memory",
                [CLI_SYSTEM] =
                        "the system refuses: rights, folders, memory, an appliance that runs there already"},
        .run = run,
};
