#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/unit/wire/exercise.h"
#include "tests/unit/wire/guard.h"

/* A neighbour that writes into a frame while it is read, at every moment and not by chance: the page of the
 * frame can not be read, so that each instruction that reads it faults and is let through alone (the
 * processor's trap flag).  After the k-th of them, for every k, what was just read changes.  Whoever loads
 * something twice gets two values.  Nothing is asserted about what is read: that no view leaves the buffer is
 * asserted by the exercise, and no read does, or the page behind the frame would tell. */

#define PAGE      4096u
#define TRAP_FLAG 0x100

/* How what was read changes: so many bytes from there on, to this value or, at -1, to anything.  Large values
 * alone do not do: a header length of IPv4 that is read twice shows when it becomes 0. */
static const struct change {
	uint32_t width;
	int value;
} changes[] = {{1, 0xff}, {8, 0xff}, {2, 0}, {8, -1}};

static struct {
	uint8_t *page;
	uint8_t *accessed;
	uint32_t accesses_left; /* before the change */
	const struct change *change;
	uint64_t seed;
} neighbour;

static void page_set(int protection)
{
	if (mprotect(neighbour.page, PAGE, protection) != 0)
		abort();
}

/* A fault elsewhere is a true one: without the handler it comes again, and ends the test. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	uint8_t *at = info->si_addr;

	if (at < neighbour.page || at >= neighbour.page + PAGE) {
		signal(number, SIG_DFL);
		return;
	}
	neighbour.accessed = at;
	page_set(PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void change_what_was_read(void)
{
	const struct change *change = neighbour.change;

	for (uint32_t i = 0; i < change->width && neighbour.accessed + i < neighbour.page + PAGE; i++) {
		uint8_t anything = (uint8_t)(random_next(&neighbour.seed) >> 56);

		neighbour.accessed[i] = change->value < 0 ? anything : (uint8_t)change->value;
	}
}

/* The access is over.  Once something has changed all may be read freely. */
static void on_step(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)number;
	(void)info;
	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (--neighbour.accesses_left == 0)
		change_what_was_read();
	else
		page_set(PROT_NONE);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	cr_assert_eq(sigaction(number, &action, NULL), 0);
}

/* Whether there was a k-th access at all. */
static bool change_after_access(uint32_t k, const struct change *change, const uint8_t *bytes, uint32_t len)
{
	uint8_t *frame = guard_copy(bytes, len);

	neighbour.page = frame + len - PAGE;
	neighbour.accesses_left = k;
	neighbour.change = change;
	page_set(PROT_NONE);
	exercise_frame(frame, len);
	page_set(PROT_READ | PROT_WRITE);
	return neighbour.accesses_left == 0;
}

static uint32_t change_after_every_access(const uint8_t *bytes, uint32_t len)
{
	uint32_t k = 1;

	for (bool reached = true; reached; k++) {
		reached = false;
		for (uint32_t i = 0; i < ARRAY_LEN(changes); i++)
			reached |= change_after_access(k, &changes[i], bytes, len);
	}
	return k;
}

/* The seeds of the fuzz target, which hold a frame of every kind. */
Test(race, never_leaves_the_buffer, .timeout = 250)
{
	static const char folder[] = SLUICE_ROOT "/tests/fuzz/wire/corpus/wire_frame";
	const struct exercise_tally *t = &exercise_tally;
	uint32_t accesses = 0, frames = 0;
	DIR *dir = opendir(folder);

	cr_assert(dir, "%s", folder);
	exercise_racing = true;
	neighbour.seed = 12;
	handle(SIGSEGV, on_fault);
	handle(SIGTRAP, on_step);
	for (struct dirent *entry; (entry = readdir(dir));) {
		uint8_t bytes[PAGE];
		char path[512];
		FILE *file;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || !(file = fopen(path, "rb")))
			continue;
		accesses += change_after_every_access(bytes, (uint32_t)fread(bytes, 1, sizeof bytes, file));
		frames++;
		fclose(file);
	}
	closedir(dir);
	cr_assert(frames >= 30 && accesses > 20 * frames, "%u frames, %u accesses", frames, accesses);
	cr_assert(t->arp && t->llc && t->vlan && t->ipv4_options && t->icmp_quote && t->igmp && t->udp);
	cr_assert(t->tcp_options && t->ipv6_options && t->icmp6_quote && t->nd && t->mld);
}
