/* web: one page over HTTP, or HTTPS, on a loop of libuv.
 *
 *     web_open(&web, loop, "/metrics", seconds)   the library, while the process may load what it needs
 *     web_prepare(&site, web, &setup, why)        an address is bound and files are read: nobody is heard yet
 *     web_switch(web, site)                       there, and nowhere else, connections are taken
 *     web_serve(web, page, context)               from now on requests are answered
 *     web_counts(web, &counts)
 *     web_close(web)                              and run the loop until it is empty
 *
 * Made for few clients that ask seldom: WEB_CLIENTS connections at a time, the others are closed at once; a
 * request has WEB_HEADER_BYTES, and it and its answer have their time.  HTTP, TLS and their parsing are
 * libwebsockets'.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_METRICS_WEB_H
#define SLUICE_SERVICES_CONTROL_METRICS_WEB_H

#include "common/base/base.h"

#include <stdio.h>
#include <sys/socket.h>
#include <uv.h>

#define WEB_CLIENTS      32u
#define WEB_HEADER_BYTES 4096u
#define WEB_WHY_BYTES    256u

struct web;
struct web_site;

struct web_setup {
	const struct sockaddr *address;
	socklen_t address_len;
	const char *certificate; /* PEM, with those of the issuers behind it; NULL: no TLS */
	const char *key;         /* PEM */
	const char *token;       /* who asks has to bear; NULL: anybody may ask */
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

/* For a page at `path`.  A request may take `seconds`, an answer too; an idle connection twice that.  0 or
 * -ENOMEM. */
[[nodiscard]] int web_open(struct web **out, uv_loop_t *loop, const char *path, uint32_t seconds);
/* The address may be the one where connections are taken now.  Strings are copied.  0; or a negative errno
 * with a sentence in `why` (WEB_WHY_BYTES): of the address, or -EINVAL of certificate and key. */
[[nodiscard]] int web_prepare(
        struct web_site **out, struct web *web, const struct web_setup *setup, char *why);
/* Prepared in vain; NULL: nothing. */
void web_discard(struct web_site *site);
/* Takes the site over; NULL: connections are taken nowhere.  Who came to the one before gets the rest of an
 * answer that is under way; then, or at once, the connection ends. */
void web_switch(struct web *web, struct web_site *site);
/* Until then who asks waits. */
void web_serve(struct web *web, web_page *page, void *context);
void web_counts(const struct web *web, struct web_counts *counts);
void web_close(struct web *web);

#endif
