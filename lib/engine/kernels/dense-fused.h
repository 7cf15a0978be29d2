/* dense-fused.h -- the fused backward pass of a large dense layer: backward data, backward weights
   and the optimizer step in one pass over the weights. Shapes as in dense-gradients.h.

   The weights of such a layer lie in memory, not in a cache: cnn's largest has 103 MB of weights,
   and each of Adam's moments is as large. A job has some inputs. Backward data loads their weights
   into the cache, where the update finds them. The gradient is summed tile by tile; meanwhile the
   pending update of the tile before is done, and its slots for the next panel are prefetched. */
#include "base/internal.h"

/* A register tile of the weights' gradient over a group of images.
   in         (images, inputs), in_image floats apart, from the tile's first input on
   grad_out   (images, 32), grad_image floats apart: a panel of outputs */
struct fused {
    const float *in, *grad_out;
    size_t in_image, grad_image, images;
};

#define FUSED_TERM(rows)                                                                           \
    vec b0 = v_load(b), b1 = v_load(b + VL);                                                       \
    ROWS_##rows(STREAM_COLUMN) n++;                                                                \
    a += t->in_image;                                                                              \
    b += t->grad_image;

/* c (rows,32), NR lanes from `lane` on, += the sum over the images; one vector of the pending
   update after each image's term. */
#define DEFINE_FUSED_TILE(rows)                                                                    \
    static void fused_tile_##rows(const struct fused *t, size_t lane, struct pending *work,        \
                                  float *c)                                                        \
    {                                                                                              \
        struct pending pending = *work;                                                            \
        const float *a = t->in, *b = t->grad_out + lane;                                           \
        size_t n = 0;                                                                              \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_ZERO) while (n < t->images && pending.at < pending.end)                   \
        {                                                                                          \
            FUSED_TERM(rows)                                                                       \
            FM_PREFETCH(pending.next[0] + pending.at);                                             \
            FM_PREFETCH(pending.next[1] + pending.at);                                             \
            sink_next(&pending);                                                                   \
        }                                                                                          \
        while (n < t->images) {                                                                    \
            FUSED_TERM(rows)                                                                       \
        }                                                                                          \
        ROWS_##rows(TILE_END) work->at = pending.at;                                               \
    }

DEFINE_FUSED_TILE(1)
DEFINE_FUSED_TILE(2)
DEFINE_FUSED_TILE(4)
DEFINE_FUSED_TILE(8)

static inline void fused_tile(const struct fused *t, size_t rows, size_t lane,
                              struct pending *pending, float *c)
{
    if (rows == 8)
        fused_tile_8(t, lane, pending, c);
    else if (rows == 4)
        fused_tile_4(t, lane, pending, c);
    else if (rows == 2)
        fused_tile_2(t, lane, pending, c);
    else
        fused_tile_1(t, lane, pending, c);
}

/* Rows of the next register tile: fewer than MR, because the optimizer needs registers, too. */
static inline size_t fused_rows(size_t left)
{
    enum { LIMIT = MR < 8 ? 4 : 8 };
    return left >= LIMIT ? LIMIT : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* A job: inputs input .. input + rows - 1, and the update of the last tile. */
struct fused_job {
    const struct fm_plan *plan;
    const struct fm_op *op;
    const struct fm_run *run;
    size_t input, rows;
    struct pending pending;
};

/* The gradient of the job's weights of a panel, over all images, to the sink: each tile becomes
   pending as soon as it is complete. tile (rows,32): zero at first. next: the parameters, in stored
   order, whose slots are prefetched. */
static void fused_weights(struct fused_job *job, size_t panel, size_t next, float *tile)
{
    const struct fm_op *op = job->op;
    const struct fm_run *run = job->run;
    size_t weight = (panel * op->taps + job->input) * FM_PANEL;
    size_t lanes = lanes_of_panel(op->units, panel), n;
    for (size_t r = 0; r < job->rows; r += n) {
        n = fused_rows(job->rows - r);
        float *c = tile + r * FM_PANEL;
        struct fused t = {.in_image = op->in.stride_n, .grad_image = op->grad_out.stride_n};
        for (size_t first = 0; first < run->images; first += t.images) {
            t.images = run->images - first < FM_KC ? run->images - first : FM_KC;
            t.in = run->workspace + op->in.offset + first * op->in.stride_n + job->input + r;
            t.grad_out = run->workspace + op->grad_out.offset + first * op->grad_out.stride_n +
                         panel * FM_PANEL;
            for (size_t lane = 0; lane < lanes; lane += NR)
                fused_tile(&t, n, lane, &job->pending, c);
        }
        clear_spare(c, n, lanes);
        sink_rest(job->pending);
        job->pending =
            sink_pending(job->plan, run, op->weight, weight + r * FM_PANEL, c, n * FM_PANEL);
        for (size_t i = 0; i < PREFETCHED; i++)
            job->pending.next[i] = run->slots[i] ? run->slots[i] + next + r * FM_PANEL : c;
    }
}

/* grad_in = weight * transposed for the job's inputs. */
static void fused_data(const struct fused_job *job)
{
    const struct fm_op *op = job->op;
    const struct fm_run *run = job->run;
    float tile[FM_MC * FM_PANEL]; /* (rows, 32 images) */
    size_t panels = fm_panels(op->units), rows = job->rows;
    const float *weight = run->weights + op->weight->offset + job->input * FM_PANEL;
    for (size_t first = 0; first < run->images; first += FM_PANEL) {
        size_t images = run->images - first < FM_PANEL ? run->images - first : FM_PANEL;
        multiply_rows(weight, weight + rows * FM_PANEL, op->taps * FM_PANEL, panels, rows,
                      run->workspace + op->transposed + first * panels * FM_PANEL, images, tile);
        store_dense_backward(op, run, job->input, rows, first, images, tile);
    }
}

/* grad_in, and the gradients of weight and bias to the sink.
   Jobs: blocks of op->rows inputs; the first also does the bias. */
static void job_dense_backward(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t number)
{
    size_t input = number * op->rows, panels = fm_panels(op->units);
    size_t rows = op->taps - input < op->rows ? op->taps - input : op->rows;
    float tiles[2][FM_MC * FM_PANEL]; /* of this panel, and of the one before, still pending */
    struct fused_job job = {.plan = plan, .op = op, .run = run, .input = input, .rows = rows};
    fused_data(&job);
    for (size_t panel = 0; panel < panels; panel++) {
        size_t next =
            op->weight->offset +
            (panel + 1 < panels ? (panel + 1) * op->taps + input : input + rows) * FM_PANEL;
        memset(tiles[panel % 2], 0, rows * FM_PANEL * sizeof **tiles);
        fused_weights(&job, panel, next, tiles[panel % 2]);
        if (number == 0)
            bias_gradient(plan, op, run, panel);
    }
    sink_rest(job.pending);
}
