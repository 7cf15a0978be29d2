/* write-seeds.c -- writes the seeds of all targets: write-seeds DIRECTORY, which holds a directory
   for each. */
#include "fuzz.h"

struct place {
    const char *directory, *target;
};

static void write_file(void *state, const char *name, const uint8_t *bytes, size_t count)
{
    const struct place *place = state;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", place->directory, place->target, name);
    FILE *stream = fopen(path, "wb");
    if (!stream || fwrite(bytes, 1, count, stream) != count || fclose(stream) != 0) {
        perror(path);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (size_t i = 0; fuzz_targets[i]; i++) {
        struct place place = {argv[1], fuzz_targets[i]};
        fuzz_seeds(fuzz_targets[i], write_file, &place);
    }
    return 0;
}
