#include "services/cli/top/frame.h"

#include <stdarg.h>
#include <stdlib.h>

struct frame *frame_new(uint32_t lines, uint32_t columns)
{
	uint32_t l = MIN(lines, FRAME_LINES_MAX), c = MIN(columns, FRAME_COLUMNS_MAX);
	struct frame *f = malloc(sizeof *f + (size_t)l * c * sizeof f->cell[0]);

	if (!f)
		return NULL;
	f->lines = l;
	f->columns = c;
	for (uint32_t i = 0; i < l * c; i++)
		f->cell[i] = (struct frame_cell){' ', FRAME_PLAIN};
	return f;
}

void frame_put(struct frame *f, uint32_t line, uint32_t column, enum frame_look look, uint16_t glyph)
{
	if (line < f->lines && column < f->columns)
		f->cell[line * f->columns + column] = (struct frame_cell){glyph, (uint8_t)look};
}

uint32_t frame_print(
        struct frame *f, uint32_t line, uint32_t column, enum frame_look look, const char *format, ...)
{
	char text[FRAME_COLUMNS_MAX + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(ap);
	for (const char *c = text; *c; c++, column++)
		frame_put(f, line, column, look, *c >= ' ' && *c < 0x7f ? (uint16_t)*c : '?');
	return column;
}

uint32_t frame_width(const struct frame *f, uint32_t line)
{
	uint32_t n = f->columns;

	while (n && f->cell[line * f->columns + n - 1].glyph == ' ')
		n--;
	return n;
}

static void write_glyph(uint16_t glyph, FILE *to)
{
	if (glyph < 0x80) {
		fputc(glyph, to);
	} else if (glyph < 0x800) {
		fputc(0xc0 | glyph >> 6, to);
		fputc(0x80 | (glyph & 0x3f), to);
	} else {
		fputc(0xe0 | glyph >> 12, to);
		fputc(0x80 | (glyph >> 6 & 0x3f), to);
		fputc(0x80 | (glyph & 0x3f), to);
	}
}

static void write_line(const struct frame *f, uint32_t line, bool colours, FILE *to)
{
	static const char *const codes[FRAME_LOOKS] = {
	        "\033[0m", "\033[0;2m", "\033[0;1m", "\033[0;7m", "\033[0;32m", "\033[0;33m", "\033[0;1;31m"};
	uint8_t look = FRAME_PLAIN;

	for (uint32_t c = 0; c < frame_width(f, line); c++) {
		const struct frame_cell *cell = &f->cell[line * f->columns + c];

		if (colours && cell->look != look)
			fputs(codes[cell->look], to);
		look = cell->look;
		write_glyph(cell->glyph, to);
	}
	if (colours && look != FRAME_PLAIN)
		fputs(codes[FRAME_PLAIN], to);
}

void frame_write(const struct frame *f, uint32_t lines, bool colours, FILE *to)
{
	for (uint32_t l = 0; l < MIN(lines, f->lines); l++) {
		write_line(f, l, colours, to);
		fputc('\n', to);
	}
}

void frame_screen(const struct frame *f, bool colours, FILE *to)
{
	for (uint32_t l = 0; l < f->lines; l++) {
		fprintf(to, "\033[%u;1H", l + 1);
		write_line(f, l, colours, to);
		fputs("\033[K", to);
	}
}
