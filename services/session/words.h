/* words: the last word that the broker has said about each application (common/app), for all workers of the
 * process.
 *
 *     session_word(&word, bytes, fd, n)           the thread that receives (session.h)
 *     if (words_count() != seen) ...              a worker: something was said; the receiver then rings its
 * bell words_last(client, lane, &word)             what n = words_take(client, lane, incarnation, fd) region
 * and bell, for the one worker of that lane
 *
 * A word about an incarnation older than the last one's is not heard.
 *
 * Part of session.  Any thread; a short lock, on no packet's path.
 */
#ifndef SLUICE_SERVICES_SESSION_WORDS_H
#define SLUICE_SERVICES_SESSION_WORDS_H

#include "common/app/app.h"

/* Grows with each word. */
uint32_t words_count(void);

/* Whether the broker has said of every application that there is one. */
bool words_all(void);

/* The last word; false: none was said. */
bool words_last(uint32_t client, uint32_t lane, struct app_word *word);

/* Hands the descriptors of that open incarnation over; the caller closes them.  false: it is not open, or
 * they were taken. */
bool words_take(uint32_t client, uint32_t lane, uint64_t incarnation, int fd[2]);

/* Forgets everything, closing what was not taken: for tests that are another process by intent. */
void words_forget(void);

#endif
