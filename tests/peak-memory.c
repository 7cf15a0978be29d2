/* peak-memory.c -- runs a command and appends a line "KIB SECONDS" to a file: its peak memory, and
   the time that it took.

     peak-memory FILE COMMAND [ARGUMENT...] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(99);
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage usage;
    int status;
    if (argc < 3)
        return 99;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0) {
        execvp(argv[2], argv + 2);
        give_up(argv[2]);
    }
    if (wait4(child, &status, 0, &usage) != child)
        give_up("wait4");
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *file = fopen(argv[1], "a");
    if (!file)
        give_up(argv[1]);
    fprintf(file, "%ld %.2f\n", usage.ru_maxrss,
            (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
    if (fclose(file) != 0)
        give_up(argv[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
