#include "common/board/board.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

static struct board_port port;
static uint32_t stop, looks;

/* All words of what it writes are equal, so that half of an entry shows. */
static void write_all(struct board_port *p, uint8_t with)
{
	board_port_begin(p);
	for (size_t i = sizeof p->seq; i < sizeof *p; i += sizeof(uint32_t)) {
		uint32_t word = with * 0x01010101u;

		__atomic_store_n((uint32_t *)((uint8_t *)p + i), word, __ATOMIC_RELAXED);
	}
	board_port_end(p);
}

/* Writes without a pause, but after every 100 entries waits for a look to end, so that a reader on any
 * machine comes to whole ones. */
static void *writer(void *arg)
{
	uint8_t with = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t seen = __atomic_load_n(&looks, __ATOMIC_RELAXED);

		for (int i = 0; i < 100; i++)
			write_all(&port, ++with);
		while (__atomic_load_n(&looks, __ATOMIC_RELAXED) == seen &&
		        !__atomic_load_n(&stop, __ATOMIC_RELAXED))
			sched_yield();
	}
	return NULL;
}

static void expect_whole(const struct board_port *copy)
{
	const uint32_t *word = (const uint32_t *)copy;

	for (size_t k = 1; k < offsetof(struct board_port, rx_dropped) / sizeof *word; k++) {
		bool text = k * 4 < offsetof(struct board_port, driver) ||
		            k * 4 >= offsetof(struct board_port, mode_name);

		cr_assert(text || word[k] == copy->driver, "word %zu", k);
	}
	cr_assert_eq(copy->rx_dropped & UINT32_MAX, copy->driver);
}

Test(board, shows_no_reader_half_of_an_entry)
{
	struct board_port copy;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, writer, NULL), 0);
	for (uint32_t whole = 0; whole < 20000;) {
		bool read = board_port_read(&port, &copy);

		__atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED);
		if (!read)
			continue;
		whole++;
		expect_whole(&copy);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

Test(board, says_when_its_writer_died_in_the_middle_and_goes_on_with_the_next)
{
	struct board_role role = {.pid = 7}, copy;

	cr_assert(board_role_read(&role, &copy));
	board_role_begin(&role);
	role.pid = 8;
	cr_assert(!board_role_read(&role, &copy));
	board_role_begin(&role);
	role.pid = 9;
	board_role_end(&role);
	cr_assert(board_role_read(&role, &copy));
	cr_assert_eq(copy.pid, 9);
}

Test(board, ends_strings_that_a_liar_left_open)
{
	struct board_port lie, copy;

	memset(&lie, 'x', sizeof lie);
	lie.seq = 2;
	cr_assert(board_port_read(&lie, &copy));
	cr_assert_eq(strnlen(copy.name, sizeof copy.name), sizeof copy.name - 1);
	cr_assert_eq(strnlen(copy.reason, sizeof copy.reason), sizeof copy.reason - 1);
	cr_assert_eq(strnlen(copy.why_not, sizeof copy.why_not), sizeof copy.why_not - 1);
}

Test(board, bounds_what_a_liar_says_that_was_adopted)
{
	static struct board_adopted lie, copy;

	memset(&lie, 'x', sizeof lie);
	lie.seq = 2;
	cr_assert(board_adopted_read(&lie, &copy));
	cr_assert_eq(copy.n_addresses, BOARD_ADDRESSES);
	cr_assert_eq(copy.n_routes, BOARD_ROUTES);
	cr_assert_eq(strnlen(copy.name, sizeof copy.name), sizeof copy.name - 1);
}

Test(board, counts_what_changes_of_what_is_adopted)
{
	static struct board board;
	uint32_t before;

	cr_assert_eq(board_adoptions(&board), 0);
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		before = board_adoptions(&board);
		board_adopted_begin(&board.adopted[i]);
		board_adopted_end(&board.adopted[i]);
		cr_assert_neq(board_adoptions(&board), before);
	}
}

Test(board, has_a_name_for_everything)
{
	for (enum role r = 0; r < ROLE_COUNT; r++)
		cr_assert_str_neq(board_role_name(r), "?");
	for (uint32_t s = BOARD_ROLE_NONE; s <= BOARD_ROLE_STOPPED; s++)
		cr_assert_str_neq(board_role_state_name(s), "?");
	for (uint32_t s = BOARD_PORT_CLOSED; s <= BOARD_PORT_ABSENT; s++)
		cr_assert_str_neq(board_port_state_name(s), "?");
	cr_assert_str_eq(board_role_state_name(99), "?");
}

Test(board, tells_of_a_link_by_one_number)
{
	uint64_t up = board_link_make(7, 3, true), down = board_link_make(7, 3, false),
	         lost = board_link_make(7, 4, true), other = board_link_make(8, 3, true);

	cr_assert(up & BOARD_LINK_UP && !(down & BOARD_LINK_UP) && down);
	cr_assert(board_link_lasted(up, down) && !board_link_reopened(up, down));
	cr_assert(!board_link_lasted(up, lost) && !board_link_reopened(up, lost));
	cr_assert(!board_link_lasted(up, other) && board_link_reopened(up, other));
	cr_assert(!board_link_reopened(up, board_link_make(7, UINT32_MAX, true)),
	        "losses stay within their bits");
}

Test(board, counts_what_changes_of_a_link)
{
	static struct board_links links;
	uint64_t up = board_link_make(7, 3, true);

	cr_assert_eq(board_links_changes(&links), 0);
	cr_assert(board_link_set(&links, 5, up));
	cr_assert_eq(board_links_changes(&links), 1);
	cr_assert_eq(board_link(&links, 5), up);
	cr_assert_not(board_link_set(&links, 5, up), "no news");
	cr_assert_eq(board_links_changes(&links), 1);
}
