#include "common/sluice/internal.h"

#include <netinet/in.h>

static struct ip6_addr mapped(struct in_addr a)
{
	return ip6_addr_mapped((struct be32){a.s_addr});
}

int sluice_name_read(
        const struct sluice_socket *k, const struct sockaddr *address, socklen_t len, struct name *name)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (len < sizeof in || (address->sa_family == AF_INET6 && len < sizeof in6))
		return EINVAL;
	if (address->sa_family != k->family)
		return EAFNOSUPPORT;
	if (k->family == AF_INET) {
		memcpy(&in, address, sizeof in);
		*name = (struct name){mapped(in.sin_addr), ntohs(in.sin_port), PORT_NONE.v};
		return 0;
	}
	memcpy(&in6, address, sizeof in6);
	name->l4_port = ntohs(in6.sin6_port);
	name->port = in6.sin6_scope_id ? (uint16_t)(in6.sin6_scope_id - 1) : PORT_NONE.v;
	memcpy(&name->addr, &in6.sin6_addr, sizeof name->addr);
	return k->v6only && ip6_addr_is_mapped(&name->addr) ? ENETUNREACH : 0;
}

void sluice_name_write(uint8_t family, const struct name *name, struct sockaddr *address, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	        .sin_port = htons(name->l4_port),
	        .sin_addr.s_addr = name->addr.w32[3].raw};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
	        .sin6_port = htons(name->l4_port),
	        .sin6_scope_id = name->port == PORT_NONE.v ? 0 : name->port + 1u};
	const void *from = family == AF_INET ? (const void *)&in : &in6;
	socklen_t whole = family == AF_INET ? sizeof in : sizeof in6;

	memcpy(&in6.sin6_addr, &name->addr, sizeof in6.sin6_addr);
	if (!IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
		in6.sin6_scope_id = 0;
	memcpy(address, from, MIN(*len, whole));
	*len = whole;
}
