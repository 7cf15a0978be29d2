/* ends.h -- where pictures come in and where the loss comes out. */

/* Bytes to floats in 0..1. Jobs: pictures. */
static void job_gather(const struct fm_plan *plan, const struct fm_step *step,
                       const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->pictures)
        return;
    float table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (float)i / 255.0f;
    const uint8_t *pixels = run->pixels[job];
    for (size_t y = 0; y < step->out_shape.h; y++) {
        float *row =
            run->workspace + step->out.origin + job * step->out.picture + y * step->out.row;
        for (size_t x = 0; x < step->out_shape.w; x++)
            row[x] = table[*pixels++];
    }
}

/* Lanes c .. c+15 of a row of classes, those beyond the last a huge negative number: e^that is
   nothing. */
static inline void load16(float *f, const float *row, size_t c, size_t classes)
{
    for (size_t l = 0; l < 16; l++)
        f[l] = c + l < classes ? row[c + l] : -3e38f;
}

static float greatest(const float *row, size_t classes)
{
    float most = row[0];
    for (size_t c = 1; c < classes; c++)
        if (row[c] > most)
            most = row[c];
    return most;
}

/* e^(x - most) of a row to e[0..classes), and their sum. */
static float exponentials(const float *row, size_t classes, float most, float *e)
{
    float sums[16] = {0};
    const vec shift = v_splat(most);
    for (size_t c = 0; c < classes; c += 16) {
        float f[16];
        load16(f, row, c, classes);
        for (size_t l = 0; l < 16; l += VL) {
            vec x = v_sub(v_load(f + l), shift);
            vec power = v_select(v_greater(v_splat(-87.0f), x), v_splat(0), v_exp(x));
            v_store(f + l, power);
            v_store(sums + l, v_add(v_load(sums + l), power));
        }
        memcpy(e + c, f, (classes - c < 16 ? classes - c : 16) * sizeof *e);
    }
    return sum16(sums);
}

/* Softmax, cross-entropy against the label, and the gradient of the batch's mean. */
static void one_loss(const struct fm_step *step, const struct fm_run *run, size_t n)
{
    size_t classes = step->in_shape.c;
    const float *row = run->workspace + step->in.origin + n * step->in.picture;
    float *e = run->workspace + step->scratch + n * classes;
    float most = greatest(row, classes);
    float sum = exponentials(row, classes, most, e);
    for (size_t c = 0; c < classes; c++)
        e[c] /= sum;
    if (run->probabilities)
        memcpy(run->probabilities + n * classes, e, classes * sizeof *e);
    if (!run->labels)
        return;
    size_t label = run->labels[n];
    run->loss[n] = fm_log((double)sum) - ((double)row[label] - (double)most);
    run->correct[n] = fmnn_best_class(e, classes) == label;
    if (!run->backward)
        return;
    float *back = run->workspace + step->in_back.origin + n * step->in_back.picture;
    float share = 1.0f / (float)run->pictures;
    for (size_t c = 0; c < classes; c++)
        back[c] = (e[c] - (c == label ? 1.0f : 0.0f)) * share;
}

/* Jobs: sixteen pictures each. */
static void job_loss(const struct fm_plan *plan, const struct fm_step *step,
                     const struct fm_run *run, size_t job)
{
    (void)plan;
    for (size_t n = job * 16; n < job * 16 + 16 && n < run->pictures; n++)
        one_loss(step, run, n);
}
