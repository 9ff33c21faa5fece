#include "common/blueprint/blueprint.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t state_bytes(const struct stage_params *params)
{
	(void)params;
	return 4096;
}

static const struct stage_ops stage = {.name = "some", .state_bytes = state_bytes, .lines_a_packet = 2};
static const struct stage_ops *const stages[STAGE_COUNT] = {&stage, &stage, &stage, &stage};

static struct blueprint made, read_back;

static void make(uint32_t lanes)
{
	static struct appliance a;
	struct stage_params params = {
	        .lanes = lanes, .buffers = 1024 * lanes, .stride = 2240, .ring_slots = 512};

	cr_assert_eq(appliance_layout(&a, &params, stages, 65536, 65536), 0);
	blueprint_init(&made, &a);
	strcpy(made.run_dir, "/run/some");
	strcpy(made.config, "/etc/some.yaml");
}

Test(blueprint, comes_back_as_it_was_and_cannot_be_changed)
{
	for (uint32_t lanes = 1; lanes <= LANES_MAX; lanes *= 2) {
		int fd;

		make(lanes);
		fd = blueprint_seal(&made);
		cr_assert_geq(fd, 0);
		cr_assert_lt(pwrite(fd, "x", 1, 0), 0);
		cr_assert_eq(ftruncate(fd, 0), -1);
		cr_assert_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
		cr_assert_eq(blueprint_read(fd, &read_back), 0);
		cr_assert_arr_eq((const uint8_t *)&made, (const uint8_t *)&read_back, sizeof made);
		close(fd);
	}
}

Test(blueprint, is_refused_unless_sealed_and_of_this_build)
{
	int fd = memfd_create("loose", MFD_ALLOW_SEALING);

	make(1);
	cr_assert_eq(write(fd, &made, sizeof made), (ssize_t)sizeof made);
	cr_assert_eq(blueprint_read(fd, &read_back), -EINVAL);
	close(fd);
	made.layout++;
	fd = blueprint_seal(&made);
	cr_assert_eq(blueprint_read(fd, &read_back), -ESTALE);
	close(fd);
	cr_assert_lt(blueprint_read(open("/dev/null", O_RDONLY), &read_back), 0);
}

/* Whatever is changed: what still counts as sound keeps everything inside the regions. */
static void assert_inside(const struct blueprint *b)
{
	const struct plan *p = &b->plan;

	for (uint32_t w = 0; w < p->n_workers; w++) {
		const struct worker_plan *v = &p->worker[w];

		cr_assert_leq(
		        v->journal_off + sizeof(struct journal_shared), b->bytes[REGION_PUBLIC + v->stage]);
		cr_assert_leq(v->trace_off + sizeof(struct trace_ring), b->bytes[REGION_PUBLIC + v->stage]);
		cr_assert_leq(v->state_off + v->state_bytes, b->bytes[REGION_STATE + v->stage]);
		cr_assert_leq(
		        v->undo_off + journal_undo_bytes(v->undo_lines), b->bytes[REGION_STATE + v->stage]);
	}
	for (uint32_t r = 0; r < p->n_rings; r++) {
		cr_assert_lt(p->ring[r].from, p->n_workers);
		cr_assert_lt(p->ring[r].to, p->n_workers);
		cr_assert_leq(p->ring[r].prod_off + p->ring[r].slots * sizeof(uint64_t),
		        b->bytes[REGION_PUBLIC + p->worker[p->ring[r].from].stage]);
	}
}

Test(blueprint, that_is_sound_keeps_everything_inside)
{
	uint64_t seed = 7;
	uint32_t refused = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		size_t used = offsetof(struct plan, ring) + 64 * sizeof(struct ring_plan), at;

		make(2);
		for (uint64_t k = 1 + random_next(&seed) % 2; k; k--) {
			at = random_next(&seed) % (offsetof(struct blueprint, plan) + used);
			if (random_next(&seed) % 2) /* mostly in the plan */
				at = offsetof(struct blueprint, plan) + random_next(&seed) % used;
			((uint8_t *)&made)[at] ^= (uint8_t)(1u << random_next(&seed) % 8);
		}
		if (blueprint_sound(&made))
			assert_inside(&made);
		else
			refused++;
	}
	cr_assert_gt(refused, 1000);
}

/* Locks. */

static char dir[32], path[64], other[64];

static void make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/sluice-lock-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/some.lock", dir);
	snprintf(other, sizeof other, "%s/other", dir);
}

static void remove_dir(void)
{
	(void)unlink(path);
	(void)unlink(other);
	cr_expect_eq(rmdir(dir), 0);
}

TestSuite(lock, .init = make_dir, .fini = remove_dir);

Test(lock, is_held_by_one_and_tells_its_pid)
{
	int fd = lock_open(dir, "some", true), again = lock_open(dir, "some", false);

	cr_assert(fd >= 0 && again >= 0);
	cr_expect_not(lock_is_held(again));
	close(again);
	cr_expect_eq(lock_take(fd), 0);
	again = lock_open(dir, "some", false);
	cr_expect(lock_is_held(again));
	cr_expect_eq(lock_holder(again), getpid());
	close(again);
	again = lock_open(dir, "some", true);
	cr_expect_eq(lock_take(again), -EWOULDBLOCK);
	close(fd);
	cr_expect_eq(lock_take(again), 0);
	close(again);
}

Test(lock, is_not_made_unless_asked_for)
{
	cr_expect_eq(lock_open(dir, "some", false), -ENOENT);
}

static void make_other(mode_t mode)
{
	int fd = open(other, O_RDWR | O_CREAT, mode);

	cr_assert_eq(write(fd, "precious", 8), 8);
	close(fd);
}

Test(lock, is_no_link_and_no_folder)
{
	struct stat st;

	make_other(0600);
	cr_assert_eq(symlink(other, path), 0);
	cr_expect_eq(lock_open(dir, "some", true), -ELOOP);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(link(other, path), 0);
	cr_expect_eq(lock_open(dir, "some", true), -EPERM);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(lock_open(dir, "some", true), -EPERM);
	cr_expect(stat(other, &st) == 0 && st.st_size == 8);
}

Test(lock, is_of_this_user)
{
	int fd;

	if (geteuid() != 0)
		cr_skip_test("needs root, to make a file of another user's");
	close(open(path, O_RDWR | O_CREAT, 0666));
	cr_assert_eq(chown(path, 12345, 12345), 0);
	cr_expect_eq(lock_open(dir, "some", true), -EPERM);
	fd = lock_open(dir, "some", false);
	cr_expect_geq(fd, 0, "whose it is does not matter to who looks");
	close(fd);
}

Test(lock, lies_in_a_folder_that_nobody_else_may_write)
{
	cr_expect_eq(run_folder_check(dir), 0);
	chmod(dir, 0775);
	cr_expect_eq(run_folder_check(dir), -EPERM);
	chmod(dir, 0700);
	cr_expect_eq(run_folder_check("/nonexistent"), -ENOENT);
}
