/* mknet.c -- writes a net with its initial weights, for tests of programs that read weights:

     mknet MODEL HEIGHT WIDTH CLASSES FILE */
#include <stdio.h>
#include <stdlib.h>

#include <fmnn.h>

static int give_up(const struct fmnn_error *error)
{
    fprintf(stderr, "mknet: %s\n", error->message);
    return 2;
}

int main(int argc, char **argv)
{
    struct fmnn_error error;
    if (argc != 6) {
        fputs("usage: mknet MODEL HEIGHT WIDTH CLASSES FILE\n", stderr);
        return 2;
    }
    struct fmnn_model *model = fmnn_model_parse(argv[1], "model", &error);
    if (!model)
        return give_up(&error);
    struct fmnn_shape shape = {1, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10)};
    struct fmnn_net *net = fmnn_net_new(model, shape, strtoul(argv[4], NULL, 10), &error);
    fmnn_model_free(model);
    if (!net)
        return give_up(&error);
    fmnn_net_initialise(net, 0, 1);
    FILE *stream = fopen(argv[5], "wb");
    int status = stream ? fmnn_net_write(net, stream, &error) : -1;
    fmnn_net_free(net);
    if (!stream || fclose(stream) != 0) {
        perror(argv[5]);
        return 2;
    }
    return status == 0 ? 0 : give_up(&error);
}
