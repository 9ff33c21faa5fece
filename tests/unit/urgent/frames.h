/* frames: random frames that are often of the control class, or nearly, and whether they are, found out in
 * the plainest way. */
#ifndef SLUICE_TESTS_UNIT_URGENT_FRAMES_H
#define SLUICE_TESTS_UNIT_URGENT_FRAMES_H

#include "common/base/base.h"

#define FRAMES_MAX 96u /* bytes of the longest */

/* Bytes of the frame that `random` makes, at least 14. */
uint32_t frames_make(uint8_t frame[FRAMES_MAX], uint64_t *random);

/* Whether it is of the class whose lowest DSCP that is. */
bool frames_urgent(const uint8_t *frame, uint32_t len, uint32_t dscp);

#endif
