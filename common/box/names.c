#include "common/box/box.h"

#define WORD(name, word, ...)  word,
#define TEXT(name, word, text) text,

static const char *const step_names[] = {BOX_STEPS(WORD)};
static const char *const step_texts[] = {BOX_STEPS(TEXT)};
static const char *const culprit_names[] = {BOX_CULPRITS(WORD)};

const char *box_step_name(uint32_t step)
{
	return step < BOX_STEP_COUNT ? step_names[step] : "?";
}

const char *box_step_text(uint32_t step)
{
	return step < BOX_STEP_COUNT ? step_texts[step] : "?";
}

const char *box_culprit_name(uint32_t kind)
{
	return kind < BOX_CULPRIT_COUNT ? culprit_names[kind] : "?";
}
