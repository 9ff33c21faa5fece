/* pkt: packet buffers, descriptors and what is known of a packet.
 *
 * One pool of buffers, in memory that every stage may write:
 *
 *     [ metadata 128 B | headroom 256 B | frame ... ]        stride: an odd number of cache lines
 *
 * A buffer has exactly one owner at any time: a slot of a ring, or an entry of a stage's state, or a driver.
 * What crosses a ring is a descriptor of 8 bytes.  What is known of a packet (struct pkt) is one cache line;
 * a stage copies it once from the buffer's metadata into its burst, checks it (pkt_check), works on the copy,
 * and writes it back where it hands the packet on.  Anything that decides where we read or write comes from
 * the checked copy: another process may change the pool under our eyes.
 *
 *     for each descriptor:  pkt_load(pool, index, &pkt) -> checked -> ... -> pkt_store(pool, index, &pkt)
 *
 * The pool's functions may be called from any process and thread; who may touch a buffer follows from
 * ownership.
 */
#ifndef SLUICE_COMMON_PKT_PKT_H
#define SLUICE_COMMON_PKT_PKT_H

#include "common/base/base.h"

#define PKT_META_BYTES     128u
#define PKT_HEADROOM_BYTES 256u
#define PKT_FRAME_OFF      (PKT_META_BYTES + PKT_HEADROOM_BYTES)
#define PKT_STRIDE_DEFAULT 2240u
#define PKT_STRIDE_MAX     65472u /* largest odd number of lines whose offsets fit 16 bits */

/* What crosses a ring: 8 bytes, one atomic word. */
#define DESC_MORE 0x01u /* the packet goes on in the next descriptor */

struct desc {
	struct pkt_index index;
	uint16_t epoch; /* low bits of the configuration epoch that the packet sees */
	uint8_t flags;  /* DESC_* */
	uint8_t unused;
};

static_assert(sizeof(struct desc) == 8, "a descriptor is one word");

static always_inline uint64_t desc_pack(struct desc d)
{
	return (uint64_t)d.index.v | (uint64_t)d.epoch << 32 | (uint64_t)d.flags << 48;
}

static always_inline struct desc desc_unpack(uint64_t w)
{
	return (struct desc){
	        .index = {(uint32_t)w}, .epoch = (uint16_t)(w >> 32), .flags = (uint8_t)(w >> 48)};
}

/* How the frame was addressed (Linux PACKET_HOST and so on). */
enum pkt_type {
	PKT_HOST,
	PKT_BROADCAST,
	PKT_MULTICAST,
	PKT_OTHERHOST,
	PKT_OUTGOING, /* made by us */
};

/* What is known of the layer-4 checksum (Linux CHECKSUM_NONE, _UNNECESSARY, _PARTIAL). */
enum pkt_csum {
	PKT_CSUM_NONE,    /* nobody has looked */
	PKT_CSUM_VALID,   /* checked, or vouched for by the NIC */
	PKT_CSUM_PARTIAL, /* holds the pseudo-header's sum only: valid on delivery, to be completed before the
	                     wire */
};

#define PKT_F_ICMP_ERROR  0x0001u /* an ICMP error that we made: rate-limited, never answered by another */
#define PKT_F_FRAGMENT    0x0002u /* an IP fragment */
#define PKT_F_REASSEMBLED 0x0004u /* was several fragments */
#define PKT_F_HASHED      0x0008u /* hash is set */
#define PKT_F_LOCAL       0x0010u /* made by us, the source address is ours */
#define PKT_F_TAGGED      0x0020u /* vlan_outer was on the wire */
#define PKT_F_TAGGED2     0x0040u /* vlan_inner too */
#define PKT_F_REPLY                                                                                          \
	0x0080u /* answers a packet: leaves by the port in `out` without a route lookup (ARP, ND) */
#define PKT_F_SHOWN 0x0100u /* a tap has seen it leave; its driver has it still */
#define PKT_F_VOUCHED                                                                                        \
	0x0200u /* an ICMP error that a socket of ours may have caused: from the session back                \
	         */

/* What is known of a packet: the hot line of a buffer's metadata, and a burst's private copy of it.  Offsets
 * are in bytes; layer offsets count from the frame's first byte and are 0 where not known.  Host byte order.
 */
struct pkt {
	nanos_t timestamp; /* when it arrived, or was made */
	uint16_t data_off; /* the frame's first byte, from the buffer's start (PKT_META_BYTES at the least) */
	uint16_t len;      /* bytes of the frame in this buffer */
	uint16_t l3_off;   /* network header */
	uint16_t l4_off;   /* transport header; behind all extension headers */
	uint32_t total_len; /* bytes over all buffers of the packet, this one first; = len for a single buffer
	                     */
	uint32_t hash;      /* flow hash, with PKT_F_HASHED */
	uint32_t mark;      /* set by rules */
	uint32_t trace;     /* 0: not traced; else the number that the trace's events bear */
	struct port_id port; /* ingress: physical until the filter has looked, then the (sub-)port */
	struct port_id out;  /* egress (sub-)port, PORT_NONE until routed; physical behind the filter */
	uint16_t ethertype;  /* of the network layer */
	uint16_t vlan_outer; /* TCI as received, with PKT_F_TAGGED */
	uint16_t vlan_inner; /* TCI as received, with PKT_F_TAGGED2 */
	uint16_t flags;      /* PKT_F_* */
	uint16_t csum_start; /* with PKT_CSUM_PARTIAL: where summing starts, from the frame's first byte */
	uint16_t csum_off;   /* with PKT_CSUM_PARTIAL: where the sum goes, from csum_start */
	uint8_t l4_proto;    /* IP protocol at l4_off */
	uint8_t type;        /* enum pkt_type */
	uint8_t csum;        /* enum pkt_csum */
	uint8_t reserved[13];
};

static_assert(sizeof(struct pkt) == CACHE_LINE, "the hot part of the metadata is one line");

/* A process's view of the pool.  Plain values: copy it freely. */
struct pool {
	uint8_t *base;   /* buffer 0 */
	uint32_t count;  /* buffers */
	uint32_t stride; /* bytes from buffer to buffer: an odd number of cache lines */
	uint32_t lanes;  /* each lane's ingest is home to count / lanes buffers, a power of two */
	uint32_t home_shift;
};

/* The bytes that a pool of `count` buffers of `stride` bytes takes. */
uint64_t pool_bytes(uint32_t count, uint32_t stride);

/* Makes a view of the pool at `base`.  0, or -EINVAL where the stride is no odd number of cache lines between
 * PKT_FRAME_OFF + 64 and PKT_STRIDE_MAX, or count / lanes is no power of two. */
[[nodiscard]] int pool_view(struct pool *pool, void *base, uint32_t count, uint32_t stride, uint32_t lanes);

static always_inline uint8_t *pool_buffer(const struct pool *pool, struct pkt_index i)
{
	return pool->base + (uint64_t)i.v * pool->stride;
}

static always_inline bool pool_has(const struct pool *pool, struct pkt_index i)
{
	return i.v < pool->count;
}

/* The lane whose ingest the buffer comes from and goes home to. */
static always_inline uint32_t pool_home(const struct pool *pool, struct pkt_index i)
{
	return i.v >> pool->home_shift;
}

/* The longest frame that a buffer holds behind the usual headroom. */
static always_inline uint32_t pool_frame_max(const struct pool *pool)
{
	return pool->stride - PKT_FRAME_OFF;
}

/* Whether a copy of metadata may be used: the frame lies within the buffer, layers within the frame.  For
 * many at once: flaws.h. */
static always_inline bool pkt_check(const struct pool *pool, const struct pkt *p)
{
	int32_t off = p->data_off, len = p->len, stride = (int32_t)pool->stride;
	int64_t slack = (int64_t)p->total_len - len;
	int32_t bad = (off - (int32_t)PKT_META_BYTES) | (stride - off - len) | (len - p->l3_off) |
	              (len - p->l4_off) | (PKT_OUTGOING - p->type) | (PKT_CSUM_PARTIAL - p->csum) |
	              (int32_t)(slack >> 32);

	return likely(bad >= 0); /* one of them is negative where anything is wrong */
}

static always_inline void pkt_load(const struct pool *pool, struct pkt_index i, struct pkt *p)
{
	copy_line(p, pool_buffer(pool, i));
}

static always_inline void pkt_store(const struct pool *pool, struct pkt_index i, const struct pkt *p)
{
	copy_line(pool_buffer(pool, i), p);
}

#endif
