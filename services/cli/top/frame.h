/* frame: a picture of characters that is drawn first and shown at once, so that nothing flickers. */
#ifndef SLUICE_SERVICES_CLI_TOP_FRAME_H
#define SLUICE_SERVICES_CLI_TOP_FRAME_H

#include "common/base/base.h"

#include <stdio.h>

#define FRAME_COLUMNS_MAX 512u
#define FRAME_LINES_MAX   256u

enum frame_look {
	FRAME_PLAIN,
	FRAME_DIM,
	FRAME_BOLD,
	FRAME_TITLE,
	FRAME_GOOD,
	FRAME_WARN,
	FRAME_BAD,
	FRAME_LOOKS
};

struct frame_cell {
	uint16_t glyph; /* Unicode, of one column's width */
	uint8_t look;   /* enum frame_look */
};

struct frame {
	uint32_t lines, columns;
	struct frame_cell cell[]; /* line by line */
};

/* All blank.  NULL: no memory.  free() it. */
struct frame *frame_new(uint32_t lines, uint32_t columns);

/* Writes ASCII from a column on; what is beyond the frame is cut off.  The column behind it. */
uint32_t frame_print(struct frame *f, uint32_t line, uint32_t column, enum frame_look look,
        const char *format, ...) __attribute__((format(printf, 5, 6)));
void frame_put(struct frame *f, uint32_t line, uint32_t column, enum frame_look look, uint16_t glyph);

/* Columns of a line up to the last that is not blank. */
uint32_t frame_width(const struct frame *f, uint32_t line);

/* The first `lines` of it as UTF-8, a line each; in colours where that is wanted. */
void frame_write(const struct frame *f, uint32_t lines, bool colours, FILE *to);

/* All of it onto a terminal of at least its size, over what stood there. */
void frame_screen(const struct frame *f, bool colours, FILE *to);

#endif
