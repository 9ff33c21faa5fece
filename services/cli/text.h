/* text: paragraphs on a screen of 80 columns. */
#ifndef SLUICE_SERVICES_CLI_TEXT_H
#define SLUICE_SERVICES_CLI_TEXT_H

#include "common/base/base.h"

#include <stdio.h>

#define TEXT_COLUMNS 80u

/* Words with lines broken before TEXT_COLUMNS, every line but the first indented; the first begins at column
 * `at`.  A line feed stays one.  Ends with a line feed. */
void text_wrap(FILE *to, const char *text, uint32_t at, uint32_t indent);
/* The same word by word: one word that is not broken, with a space before it unless it is the line's first.
 */
void text_piece(FILE *to, const char *word, uint32_t *at, uint32_t indent);

#endif
