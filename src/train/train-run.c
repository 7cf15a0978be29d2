/* train-run.c -- trains a net, and writes what comes of it even if the training is interrupted. */
#include "train/fm-train.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* ---- signals */

static volatile sig_atomic_t caught; /* the signal that asks for an early end */
static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

/* A second signal, of whatever kind, ends the program at once. */
static void on_signal(int number)
{
    struct sigaction now;
    caught = number;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == on_signal)
            signal(ends[i], output_die);
}

static void catch_signals(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction action;
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            continue; /* nohup */
        action = (struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(ends[i], &action, NULL);
    }
}

void die_if_interrupted(void)
{
    if (!caught)
        return;
    fflush(stdout);
    signal(caught, SIG_DFL);
    raise(caught);
}

/* ---- files */

static void save_weights(const char *path, const struct fmnn_net *net)
{
    struct fmnn_error error;
    struct output *output = output_open(path, true);
    if (fmnn_net_write(net, output_stream(output), &error) != 0)
        die("%s: %s", path, error.message);
    output_commit(output);
}

/* A checkpoint that is not committed yet; NULL and an error without a path if it cannot be made. */
static struct output *write_checkpoint(const char *path, const struct fmnn_trainer *trainer,
                                       struct fmnn_error *error)
{
    struct output *output = output_try(path, true);
    if (!output) {
        error->status = FMNN_SYSTEM;
        snprintf(error->message, sizeof error->message, "%s", strerror(errno));
    } else if (fmnn_trainer_save(trainer, output_stream(output), error) != 0) {
        output_abandon(output);
        output = NULL;
    }
    return output;
}

/* A checkpoint that cannot be written, for example because the disk is full, does not end the
   training: the previous checkpoint remains, and the next one is tried. */
static bool save_checkpoint(const char *path, const struct fmnn_trainer *trainer, bool told)
{
    struct fmnn_error error;
    struct output *output = write_checkpoint(path, trainer, &error);
    if (output && output_try_commit(output))
        return true;
    if (!told)
        warn("%s: %s; the training continues", path, output ? strerror(errno) : error.message);
    return false;
}

/* The checkpoint of an interrupted training, not committed yet. NULL if none is wanted or possible,
   or if the last step spoilt the weights: then the previous checkpoint stays, and is as complete as
   it was. */
static struct output *prepare_checkpoint(const char *path, const struct fmnn_trainer *trainer,
                                         bool *complete)
{
    struct fmnn_error error;
    if (!caught || !path)
        return NULL;
    struct output *checkpoint = write_checkpoint(path, trainer, &error);
    if (!checkpoint && error.status == FMNN_DATA) {
        warn("%s", error.message);
        return NULL;
    }
    *complete = checkpoint != NULL;
    if (checkpoint)
        output_keep(checkpoint); /* even if the weights cannot be written */
    else
        warn("%s: %s", path, error.message);
    return checkpoint;
}

static bool commit_checkpoint(struct output *checkpoint, const char *path)
{
    bool done = output_try_commit(checkpoint);
    if (!done)
        warn("%s: %s", path, strerror(errno));
    return done;
}

/* ---- training */

/* The history while it grows. */
struct history {
    const char *path;
    struct output *output;
    FILE *stream;
    bool lost; /* it cannot be written any more */
};

/* What is left in the stream's buffer must not fail again when the program ends. */
static void give_up(struct history *h)
{
    int null = h->stream == stdout ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0)
        clearerr(stdout);
    if (null >= 0)
        close(null);
    h->lost = true;
}

/* Readers want to see the history grow: standard output and pipes get each line at once. A file,
   which must be whole or not there, appears at the end. A reader that leaves, such as head, or a
   full disk costs the history, but not the weights. */
static void flush_history(struct history *h)
{
    const char *name = h->stream == stdout ? "standard output" : h->path;
    if (h->lost || (fflush(h->stream) == 0 && !ferror(h->stream)))
        return;
    if (errno == EPIPE)
        warn("%s: the reader of the history has left; the training continues without it", name);
    else
        warn("%s: %s; the training continues without a history", name, strerror(errno));
    give_up(h);
}

/* Prints the epochs that were trained before a checkpoint; returns their number. */
static unsigned begin_history(struct history *h, const struct fmnn_trainer *trainer)
{
    const struct fmnn_epoch *epoch;
    unsigned printed = 0;
    print_history_header(h->stream);
    while ((epoch = fmnn_trainer_epoch(trainer, printed + 1)) != NULL) {
        print_epoch(h->stream, epoch);
        printed++;
    }
    flush_history(h);
    return printed;
}

/* Trains to the end, a signal or an error; returns the last status. */
static int run(const struct arguments *a, struct fmnn_trainer *trainer, struct history *history,
               bool *complete, struct fmnn_error *error)
{
    struct progress progress = {.wanted = progress_wanted()};
    int status = FMNN_BATCH;
    unsigned epochs = fmnn_trainer_epochs(trainer);
    unsigned printed = begin_history(history, trainer);
    while (!caught && (status = fmnn_trainer_advance(trainer, error)) >= 0 && status != FMNN_DONE) {
        show_training(&progress, trainer, epochs);
        if (status != FMNN_EPOCH)
            continue;
        clear_progress();
        if (!history->lost)
            print_epoch(history->stream, fmnn_trainer_epoch(trainer, ++printed));
        flush_history(history);
        if (!history->lost)
            output_keep(history->output); /* even if memory runs out later */
        if (a->checkpoint)
            *complete = save_checkpoint(a->checkpoint, trainer, !*complete);
    }
    clear_progress();
    return status;
}

/* False if the history was lost; then nothing remains of it in a file. */
static bool end_history(struct history *h)
{
    if (h->lost)
        output_abandon(h->output);
    else if (h->stream == stdout)
        output_commit(h->output);
    else if (!output_try_commit(h->output)) {
        warn("%s: %s", h->path, strerror(errno));
        h->lost = true;
    }
    return !h->lost;
}

/* After a training that failed because a loss or weight is not finite. */
static _Noreturn void save_last_good(const char *path, struct fmnn_trainer *trainer,
                                     const struct fmnn_net *net, const struct fmnn_error *error)
{
    unsigned kept = fmnn_trainer_kept(trainer);
    if (error->status != FMNN_DATA || fmnn_trainer_finish(trainer, NULL) != 0)
        die_error(error);
    save_weights(path, net);
    die("%s; %s contains the weights of epoch %u", error->message, path, kept);
}

/* Writes weights, checkpoint and history; returns whether the history is whole. A checkpoint has
   the weights of the last step, so it is prepared before they give way to the best ones. But the
   weights are the first to be committed, unless they go to a pipe, where SIGPIPE may end the
   program. */
static bool save_all(const struct arguments *a, struct fmnn_trainer *trainer,
                     const struct fmnn_net *net, struct history *history, void (*on_pipe)(int),
                     bool *complete)
{
    struct fmnn_error error;
    struct output *checkpoint = prepare_checkpoint(a->checkpoint, trainer, complete);
    bool direct = output_is_direct(a->output);
    if (fmnn_trainer_finish(trainer, &error) != 0)
        die_error(&error);
    if (!direct)
        save_weights(a->output, net);
    if (checkpoint)
        *complete = commit_checkpoint(checkpoint, a->checkpoint);
    bool whole = end_history(history);
    signal(SIGPIPE, on_pipe);
    if (direct)
        save_weights(a->output, net);
    return whole;
}

static struct fmnn_trainer *make_trainer(const struct arguments *a, struct fmnn_net *net,
                                         const struct input *input)
{
    struct fmnn_error error;
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(net, input->train, input->valid, &a->training, &error);
    if (!trainer || (a->resume && fmnn_trainer_resume(trainer, a->resume, &error) != 0))
        die_error(&error);
    return trainer;
}

void train(const struct arguments *a, struct fmnn_net *net, const struct input *input)
{
    struct fmnn_error error;
    struct fmnn_trainer *trainer = make_trainer(a, net, input);
    if (fmnn_trainer_warning(trainer, &error))
        note("%s", error.message);
    catch_signals();
    struct history history = {.path = a->history, .output = output_open(a->history, false)};
    history.stream = output_stream(history.output);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    bool complete = true; /* the last checkpoint was written, if one is wanted */
    int status = run(a, trainer, &history, &complete, &error);
    if (status < 0) {
        end_history(&history);
        signal(SIGPIPE, before);
        save_last_good(a->output, trainer, net, &error);
    }
    bool whole = save_all(a, trainer, net, &history, before, &complete);
    report_result(trainer, a->output);
    if (!caught)
        note_falling_loss(trainer);
    if (!whole || !complete)
        die("%s was not written%s; %s contains the weights", whole ? a->checkpoint : "the history",
            whole ? "" : " to its end", a->output);
    if (a->training.profile)
        print_profile(trainer, verbose());
    fmnn_trainer_free(trainer);
}
