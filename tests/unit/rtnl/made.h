/* made: messages of rtnetlink, made attribute by attribute as a kernel makes them.
 *
 *     made_route(&m, AF_INET, 24, RTN_UNICAST);  made_attribute32(&m, RTA_OIF, 3);  made_end(&m);
 */
#ifndef SLUICE_TESTS_UNIT_RTNL_MADE_H
#define SLUICE_TESTS_UNIT_RTNL_MADE_H

#include "common/rtnl/rtnl.h"

#include <sys/socket.h>

struct made {
	_Alignas(8) uint8_t bytes[8192];
	uint32_t n;
};

static inline void made_put(struct made *m, const void *bytes, uint32_t n)
{
	memcpy(m->bytes + m->n, bytes, n);
	m->n += (uint32_t)NLMSG_ALIGN(n);
}

static inline void made_begin(struct made *m, uint16_t type, const void *head, uint32_t head_bytes)
{
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_seq = 9};

	memset(m, 0, sizeof *m);
	made_put(m, &h, sizeof h);
	made_put(m, head, head_bytes);
}

static inline void made_attribute(struct made *m, uint16_t type, const void *value, uint32_t bytes)
{
	struct rtattr a = {(uint16_t)RTA_LENGTH(bytes), type};

	made_put(m, &a, sizeof a);
	made_put(m, value, bytes);
}

static inline void made_attribute32(struct made *m, uint16_t type, uint32_t value)
{
	made_attribute(m, type, &value, sizeof value);
}

/* Writes the length down: the message is m->n bytes now. */
static inline void made_end(struct made *m)
{
	memcpy(m->bytes, &m->n, sizeof m->n);
}

static inline void made_route(struct made *m, uint8_t family, uint8_t len, uint8_t type)
{
	struct rtmsg head = {.rtm_family = family,
	        .rtm_dst_len = len,
	        .rtm_table = RT_TABLE_MAIN,
	        .rtm_protocol = RTPROT_BGP,
	        .rtm_type = type};

	made_begin(m, RTM_NEWROUTE, &head, sizeof head);
}

#endif
