/* bpf: the few programs, maps and links that a port needs, by bpf(2) itself.
 *
 *     map = bpf_xskmap(2 * queues);  prog = bpf_load_steer(map, insn, n, false);
 *     link = bpf_link_xdp(prog, ifindex, XDP_FLAGS_DRV_MODE);  bpf_xskmap_set(map, 2 * queue, socket);
 *
 * A link holds its program, a program its map.  A program stays attached while anybody holds the link's
 * descriptor, so that it outlives who made it; closing the last one detaches it.  For the port opener: needs
 * CAP_BPF and CAP_NET_ADMIN (or CAP_SYS_ADMIN).  All descriptors are close-on-exec; any thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_BPF_H
#define SLUICE_SERVICES_KEEPER_OPENER_BPF_H

#include "common/tap/filter.h"

struct bpf_insn;

/* A map of AF_XDP sockets.  The descriptor or a negative errno. */
[[nodiscard]] int bpf_xskmap(uint32_t sockets);

/* Frames for that place of the map go to the socket from now on.  0 or a negative errno. */
[[nodiscard]] int bpf_xskmap_set(int map, uint32_t place, int socket);

/* XDP: each frame to a socket of its queue, place 2 * queue, or the one behind it where the program of
 * classic BPF (as urgent_program's) wants the frame; dropped where there is none.  `frags`: also frames
 * that the kernel has in several pieces, without making them one first.  The program's descriptor or a
 * negative errno (-EINVAL: it has an instruction that this does not translate). */
[[nodiscard]] int bpf_load_steer(int map, const struct tap_insn *insn, uint32_t n, bool frags);

/* XDP: every frame goes on as if there were no program. */
[[nodiscard]] int bpf_load_pass(void);

/* Traffic control: every packet is dropped. */
[[nodiscard]] int bpf_load_drop(void);

/* A program of a BPF_PROG_TYPE, of n instructions, with flags of BPF_PROG_LOAD.  Its descriptor or a negative
 * errno. */
[[nodiscard]] int bpf_load(
        uint32_t type, const struct bpf_insn *insns, uint32_t n, const char *name, uint32_t flags);

/* Attaches an XDP program; `flags` is XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE.  The link or a negative errno
 * (EBUSY: there is another program). */
[[nodiscard]] int bpf_link_xdp(int program, uint32_t ifindex, uint32_t flags);

/* Attaches a program of traffic control before all others (tcx, Linux 6.6), at ingress or egress. */
[[nodiscard]] int bpf_link_tcx(int program, uint32_t ifindex, bool egress);

#endif
