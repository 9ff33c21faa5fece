/* web: one page over HTTP, or HTTPS, on a loop of libuv.
 *
 *     web_open(&web, loop, &setup, why)       listens; files and rights are needed no more afterwards
 *     web_serve(web, page, context)           from now on requests are answered
 *     web_counts(web, &counts)
 *     web_close(web)                          and run the loop until it is empty
 *
 * Made for few clients that ask seldom: WEB_CLIENTS connections at a time, the others are closed at once; a
 * request has WEB_HEADER_BYTES, and it and its answer have their time.  HTTP, TLS and their parsing are
 * libwebsockets'.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_WEB_H
#define SLUICE_SERVICES_CONTROL_WEB_H

#include "common/base/base.h"

#include <stdio.h>
#include <sys/socket.h>
#include <uv.h>

#define WEB_CLIENTS      32u
#define WEB_HEADER_BYTES 4096u
#define WEB_WHY_BYTES    256u

struct web;

struct web_setup {
	const struct sockaddr *address;
	socklen_t address_len;
	const char *path;        /* of the page: "/metrics" */
	const char *certificate; /* PEM, with those of the issuers behind it; NULL: no TLS */
	const char *key;         /* PEM */
	const char *token;       /* who asks has to bear; NULL: anybody may ask */
	uint32_t seconds;        /* that a request may take, and an answer; twice that an idle connection */
};

struct web_counts {
	uint64_t requests;     /* answered with the page */
	uint64_t errors;       /* answered, but not with the page: another path or method, out of memory */
	uint64_t unauthorized; /* without the token */
	uint64_t refused;      /* connections closed at once, since there were too many */
	uint64_t incomplete; /* connections that ended without a request answered whole: too slow, too large,
	                        no HTTP, no TLS */
	uint64_t clients;    /* connections now */
};

/* Writes the page for a request with the header Accept (at most 255 bytes of it; "" where there is none);
 * returns the answer's Content-Type, or NULL where it cannot. */
typedef const char *web_page(void *context, const char *accept, FILE *to);

/* Until web_serve, who asks waits.  Strings are copied.  0; or a negative errno with a sentence in `why`
 * (WEB_WHY_BYTES). */
[[nodiscard]] int web_open(struct web **out, uv_loop_t *loop, const struct web_setup *setup, char *why);
void web_serve(struct web *web, web_page *page, void *context);
void web_counts(const struct web *web, struct web_counts *counts);
void web_close(struct web *web);

#endif
