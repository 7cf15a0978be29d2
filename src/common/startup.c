/* startup.c -- the environment that all programs start in. */
#include "common/common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* If 0, 1 or 2 were closed, a file opened later would get its number and be written to. */
static void reserve_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* Opened for the wrong direction, so that using it fails with EBADF, as it should. */
            int got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
            if (got != fd)
                _exit(EXIT_TROUBLE);
        }
}

void program_start(const struct program *program)
{
    options_start(program);
    xalloc_json();
    reserve_standard_streams();
    signal(SIGXFSZ, SIG_IGN); /* exceeding the file size limit is a failed write like any other */
    messages_start(program->name);
}

double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}
