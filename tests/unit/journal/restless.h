/* restless: the journal, beside whose reader a worker never holds still: it commits once more before each
 * word that is read, which on a real machine depends on who runs where.  In place of
 * common/journal/journal.c. */
#ifndef SLUICE_TESTS_UNIT_JOURNAL_RESTLESS_H
#define SLUICE_TESTS_UNIT_JOURNAL_RESTLESS_H

#include "common/journal/journal.h"

/* That worker's; NULL: all hold still. */
extern struct journal_shared *restless;

#endif
