/* list_control: what control keeps: libuv, ZeroMQ and servers of its kind make sockets, threads and files.
 *
 * Not among them, on purpose: execve and new processes; kill, ptrace, pidfd_* and whatever reaches another
 * process; connect; sockets of other families than local and TCP ones; a change of owner, links, devices;
 * executable mappings.  Which files may be opened and written is Landlock's part, and the user's. */
#include "common/cage/internal.h"

#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SOCK_KIND 0xfu /* of socket's second argument; the rest are flags */
#define CLONE_APART                                                                                          \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
	        CLONE_NEWNET)

static const struct cage_rule of_control[] = {
        /* Sockets. */
        {SYS_socket, 1, {{0, UINT32_MAX, AF_UNIX}}},
        {SYS_socket, 2, {{0, UINT32_MAX, AF_INET}, {1, SOCK_KIND, SOCK_STREAM}}},
        {SYS_socket, 2, {{0, UINT32_MAX, AF_INET6}, {1, SOCK_KIND, SOCK_STREAM}}},
        {SYS_socketpair, 1, {{0, UINT32_MAX, AF_UNIX}}},
        CAGE_CALL(bind),
        CAGE_CALL(listen),
        CAGE_CALL(accept4),
        CAGE_CALL(accept),
        CAGE_CALL(getsockname),
        CAGE_CALL(getpeername),
        CAGE_CALL(getsockopt),
        CAGE_CALL(setsockopt),
        CAGE_CALL(shutdown),
        {SYS_sendto, 1, {{3, MSG_FASTOPEN, 0}}},
        CAGE_CALL(recvfrom),
        {SYS_ioctl, 1, {{1, UINT32_MAX, FIONBIO}}},
        {SYS_ioctl, 1, {{1, UINT32_MAX, FIONREAD}}},
        {SYS_ioctl, 1, {{1, UINT32_MAX, FIOCLEX}}},
        {SYS_ioctl, 1, {{1, UINT32_MAX, SIOCGIFHWADDR}}},

        /* Waiting. */
        CAGE_CALL(epoll_create1),
        CAGE_CALL(eventfd2),
        CAGE_CALL(timerfd_create),
        CAGE_CALL(timerfd_settime),
        CAGE_CALL(pipe2),
        CAGE_CALL(clock_nanosleep),
        CAGE_CALL(nanosleep),

        /* Files. */
        CAGE_CALL(openat),
        CAGE_CALL(readv),
        CAGE_CALL(pread64),
        CAGE_CALL(pwrite64),
        CAGE_CALL(lseek),
        CAGE_CALL(fstat),
        CAGE_CALL(newfstatat),
        CAGE_CALL(statx),
        CAGE_CALL(fstatfs),
        CAGE_CALL(getdents64),
        CAGE_CALL(readlinkat),
        CAGE_CALL(faccessat),
        CAGE_CALL(faccessat2),
        CAGE_CALL(getcwd),
        CAGE_CALL(fsync),
        CAGE_CALL(fdatasync),
        CAGE_CALL(ftruncate),
        CAGE_CALL(renameat),
        CAGE_CALL(renameat2),
        CAGE_CALL(unlinkat),
        CAGE_CALL(mkdirat),
        CAGE_CALL(fchmod),
        CAGE_CALL(fchmodat),
        CAGE_CALL(umask),
        CAGE_CALL(flock),
        CAGE_CALL(fcntl),
        CAGE_CALL(dup),
        CAGE_CALL(dup3),

        /* Memory and threads. */
        {SYS_mmap, 1, {{2, PROT_EXEC, 0}}},
        {SYS_madvise, 1, {{2, UINT32_MAX, MADV_REMOVE}}}, /* zeroes what it may write: an old FIB */
        /* Keys stay out of swap and core dumps. */
        {SYS_madvise, 1, {{2, UINT32_MAX, MADV_DONTDUMP}}},
        {SYS_madvise, 1, {{2, UINT32_MAX, MADV_DODUMP}}},
        CAGE_CALL(mlock),
        CAGE_CALL(munlock),
        {SYS_clone, 1, {{0, CLONE_THREAD | CLONE_APART, CLONE_THREAD}}},
        CAGE_CALL(set_robust_list),
        CAGE_CALL(rseq),
        {SYS_prctl, 1, {{0, UINT32_MAX, PR_SET_NAME}}},

        /* What the machine and the process are. */
        CAGE_CALL(sched_getaffinity),
        CAGE_CALL(sched_getscheduler),
        CAGE_CALL(sched_getparam),
        {SYS_sched_setscheduler, 1, {{1, UINT32_MAX, SCHED_OTHER}}},
        CAGE_CALL(getrandom),
        CAGE_CALL(uname),
        CAGE_CALL(sysinfo),
        CAGE_CALL(getrusage),
        CAGE_CALL(getppid),
        CAGE_CALL(getuid),
        CAGE_CALL(geteuid),
        CAGE_CALL(getgid),
        CAGE_CALL(getegid),
        CAGE_CALL(gettimeofday),
        CAGE_CALL(clock_getres),
        /* One's own, within the hard limits. */
        {SYS_prlimit64, 1, {{0, UINT32_MAX, 0}}},

#if defined(__x86_64__) /* by these names glibc calls some of the above there */
        CAGE_CALL(open),
        CAGE_CALL(stat),
        CAGE_CALL(lstat),
        CAGE_CALL(access),
        CAGE_CALL(readlink),
        CAGE_CALL(rename),
        CAGE_CALL(unlink),
        CAGE_CALL(rmdir),
        CAGE_CALL(mkdir),
        CAGE_CALL(chmod),
        CAGE_CALL(dup2),
        CAGE_CALL(pipe),
        CAGE_CALL(time),
#endif
};

/* What libraries try, and have another way. */
static const struct cage_refusal refused_to_control[] = {
        {SYS_connect, EACCES}, /* getpwnam asks a cache */
        {SYS_socket, EAFNOSUPPORT},
        {SYS_clone3, ENOSYS}, /* its flags lie in memory, where no filter sees them: clone is used */
        {SYS_mmap, EACCES},   /* a library to be loaded */
        {SYS_io_uring_setup, ENOSYS},
        {SYS_prctl, EINVAL},
        {SYS_sched_setaffinity, EPERM},
        {SYS_ioctl, ENOTTY},
};

const struct cage_list cage_of_control = {
        of_control, ARRAY_LEN(of_control), refused_to_control, ARRAY_LEN(refused_to_control)};
