/* list_stage: what every caged process keeps, what a stage keeps, and what ingest does.
 *
 * Not among them, on purpose: open and all that makes a descriptor or a process; execve; kill, ptrace and
 * whatever reaches another process; ftruncate, fallocate, mremap and madvise other than MADV_DONTNEED, which
 * would reach through the seals of the regions; executable mappings. */
#include "common/cage/internal.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define MAPS (MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS)

static const struct cage_rule of_all[] = {
        CAGE_CALL(read),
        CAGE_CALL(write),
        CAGE_CALL(writev),
        CAGE_CALL(ppoll),
        CAGE_CALL(futex),
        CAGE_CALL(clock_gettime),
        CAGE_CALL(recvmsg),
        /* MSG_FASTOPEN connects. */
        {SYS_sendmsg, 1, {{2, MSG_FASTOPEN, 0}}},
        CAGE_CALL(close),
        CAGE_CALL(munmap),
        CAGE_CALL(brk),
        CAGE_CALL(rt_sigprocmask),
        CAGE_CALL(rt_sigaction),
        CAGE_CALL(rt_sigreturn),
        CAGE_CALL(restart_syscall),
        CAGE_CALL(sched_yield),
        CAGE_CALL(getpid),
        CAGE_CALL(gettid),
        CAGE_CALL(exit),
        CAGE_CALL(exit_group),
        CAGE_CALL(epoll_pwait),
        CAGE_CALL(epoll_pwait2),
        CAGE_CALL(epoll_ctl),
#ifdef SYS_poll
        CAGE_CALL(poll),
        CAGE_CALL(epoll_wait),
#endif
        {SYS_mprotect, 1, {{2, PROT_EXEC, 0}}},
        {SYS_madvise, 1, {{2, UINT32_MAX, MADV_DONTNEED}}},
};

/* realloc falls back on copying. */
static const struct cage_refusal refused_to_all[] = {{SYS_mremap, ENOMEM}};

static const struct cage_rule of_stage[] = {
        {SYS_mmap, 2, {{2, PROT_EXEC, 0}, {3, MAPS, MAP_PRIVATE | MAP_ANONYMOUS}}},
};

/* Memory that it is handed, and bells. */
static const struct cage_rule of_session[] = {
        {SYS_mmap, 1, {{2, PROT_EXEC, 0}}},
        CAGE_CALL(epoll_create1),
};

/* The kernel's rings are mapped from a socket; frames are read from and written to a TAP. */
static const struct cage_rule of_ingest[] = {
        {SYS_mmap, 1, {{2, PROT_EXEC, 0}}},
        CAGE_CALL(readv),
        CAGE_CALL(sendto),
        CAGE_CALL(recvfrom),
        CAGE_CALL(getsockopt),
};

const struct cage_list cage_of_all = {of_all, ARRAY_LEN(of_all), refused_to_all, ARRAY_LEN(refused_to_all)};
const struct cage_list cage_of_stage = {of_stage, ARRAY_LEN(of_stage), NULL, 0};
const struct cage_list cage_of_session = {of_session, ARRAY_LEN(of_session), NULL, 0};
const struct cage_list cage_of_ingest = {of_ingest, ARRAY_LEN(of_ingest), NULL, 0};
