/* fm-train.c -- trains a net on the images that a table names. */
#include "train/fm-train.h"
#include "common/class-pairs.h"

static struct fmnn_net *make_net(const struct fmnn_model *model, const struct input *input)
{
    struct fmnn_error error;
    struct fmnn_net *net = fmnn_net_new(model, input->how.shape, input->classes, &error);
    if (!net || fmnn_net_set_input(net, &input->how, &error) != 0 ||
        (input->names && fmnn_net_set_names(net, input->names, &error) != 0))
        die_error(&error);
    return net;
}

static void start_from(const struct arguments *a, const struct fmnn_net *init, struct fmnn_net *net)
{
    struct fmnn_error error;
    struct fmnn_names *anew;
    if (fmnn_net_take(net, init, a->freeze, &anew, &error) != 0)
        die("%s: %s", a->init, error.message);
    for (size_t i = 0; i < anew->count; i++)
        note("%s: %s", a->init, anew->name[i]);
    /* The outputs of another order are taken all the same; training has to exchange them. */
    if (fmnn_net_names(net) && fmnn_net_names(init) &&
        fmnn_net_classes(net) == fmnn_net_classes(init))
        note_other_order(a->init, fmnn_net_names(init), "that net", fmnn_net_names(net),
                         "this one");
    fmnn_names_free(anew);
}

/* The net of --init; NULL: only the model that --model gives says what its tensors are. */
static struct fmnn_net *open_init(const struct arguments *a)
{
    struct fmnn_error error;
    struct fmnn_net *init = fmnn_net_read_any(a->init, NULL, &error);
    bool like_model = !init && error.status == FMNN_USAGE;
    if (like_model && option_given("model"))
        return NULL;
    if (like_model)
        die("%s, with --model", error.message);
    if (!init)
        die_of_file(a->init, "a weights file", false, NULL, &error);
    return init;
}

/* The file of --init that another program wrote, now that the net is known. */
static struct fmnn_net *open_init_like(const struct arguments *a, const struct fmnn_net *net)
{
    struct fmnn_error error;
    struct fmnn_net *init = fmnn_net_read_any(a->init, net, &error);
    if (!init)
        die_error(&error);
    return init;
}

static void summarize(const struct arguments *a, const struct fmnn_net *net, size_t rows)
{
    struct fmnn_error warning;
    print_summary(net, a->training.exact);
    if (fmnn_recipe_warning(a->training.recipe, rows, &warning))
        note("%s", warning.message);
}

int main(int argc, char **argv)
{
    program_start(fm_train());
    struct arguments a = parse_arguments(argc, argv);
    struct fmnn_net *init = a.init ? open_init(&a) : NULL;
    struct fmnn_model *model = find_model(&a, init);
    struct fmnn_recipe *recipe = make_recipe(model, &a.settings);
    a.training.recipe = recipe;
    const struct fmnn_input *how = init ? fmnn_net_input(init) : NULL;
    struct input input = a.summary ? read_shape(&a, how) : read_input(&a, how);
    struct fmnn_net *net = make_net(model, &input);
    if (a.summary) {
        summarize(&a, net, input.rows);
    } else {
        fmnn_net_start(net, recipe, a.training.seed, a.training.threads);
        if (a.init && !init)
            init = open_init_like(&a, net);
        if (init)
            start_from(&a, init, net);
        fmnn_net_free(init);
        init = NULL; /* before memory is taken for the training */
        train(&a, net, &input);
    }
    fmnn_net_free(init);
    fmnn_net_free(net);
    fmnn_model_free(model);
    fmnn_recipe_free(recipe);
    int status = input.status;
    free_input(&input);
    die_if_interrupted();
    return status;
}
