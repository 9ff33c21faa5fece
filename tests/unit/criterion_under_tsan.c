/* Linked into every unit test under ThreadSanitizer, which Criterion 2.4 does not start under otherwise.
 *
 * Criterion keeps what parent and child share in an arena at a random address, 0x200000000000 and 16 MiB
 * times what rand_r() gives; ThreadSanitizer refuses mappings outside its own ranges, of which 0x550000000000
 * to 0x567fffffffff is the one within the arena's reach.  This rand_r() takes the C library's place in the
 * test's executable and leads the arena there, behind where an executable and its heap are loaded.  Tests
 * bring a generator of their own and never call it.
 */
#include <stdlib.h>

enum {
	FIRST_16_MIB = 0x358000, /* of 0x558000000000, counted from where the arena's range starts */
	RANDOM_BITS = 0x7fff,
};

int rand_r(unsigned int *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return (int)(FIRST_16_MIB | (*seed >> 16 & RANDOM_BITS));
}
