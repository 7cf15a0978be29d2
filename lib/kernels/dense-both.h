/* dense-both.h -- the whole way back through a large dense layer, in one pass over its weights: the
   gradient of its input, and that of its weights, which changes them.

   Such a layer is bound by memory: cnn's largest has 103 MB of weights and as much of each of Adam's
   moments. A job has some inputs; their weights are in the cache when the gradient comes, and what
   the optimizer will want is fetched while that is summed up. */

/* The inputs of pictures first .. first + count - 1, in panels of 32 side by side: (panel, picture,
   32). */
static void gather_inputs(const struct fm_step *step, const struct fm_run *run, size_t input,
                          size_t rows, size_t first, size_t count, float *to)
{
    for (size_t r = 0; r < rows; r += FM_PANEL)
        for (size_t n = 0; n < count; n++, to += FM_PANEL)
            memcpy(to,
                   run->workspace + step->in.origin + (first + n) * step->in.picture + input + r,
                   (rows - r < FM_PANEL ? rows - r : FM_PANEL) * sizeof *to);
}

/* A panel of the output's gradient, pictures side by side. */
static void gather_outputs(const struct fm_step *step, const struct fm_run *run, size_t panel,
                           size_t lanes, size_t first, size_t count, float *to)
{
    for (size_t n = 0; n < count; n++, to += FM_PANEL) {
        memcpy(to,
               run->workspace + step->back.origin + (first + n) * step->back.picture +
                   panel * FM_PANEL,
               lanes * sizeof *to);
        for (size_t l = lanes; l < FM_PANEL; l++)
            to[l] = 0;
    }
}

/* Adds the gradient of a panel's weights over some pictures, K_GROUP at most, to a tile of rows;
   fetches what the optimizer will want of them. */
static void multiply_both(const struct fm_run *run, const float *inputs, const float *outputs,
                          size_t rows, size_t count, size_t lanes, size_t weight, float *tile)
{
    struct stream s = {.b = outputs, .taps = 1, .inner = count};
    size_t n, lines = 0;
    for (size_t r = 0; r < rows; r += n, lines += count * LINE) {
        size_t panel = r / FM_PANEL, left = (panel + 1) * FM_PANEL - r;
        n = tile_rows(left < rows - r ? left : rows - r);
        size_t ahead = weight + (lines < rows * FM_PANEL ? lines : 0);
        s.a = inputs + panel * count * FM_PANEL + r % FM_PANEL;
        s.next_a = run->slots[0] && !run->gradients ? run->slots[0] + ahead : outputs;
        s.next_b = run->slots[1] && !run->gradients ? run->slots[1] + ahead : outputs;
        for (size_t lane = 0; lane < lanes; lane += 2 * VL)
            column_tile(&s, n, lane, tile + r * FM_PANEL);
    }
}

static void both_input_gradient(const struct fm_step *step, const struct fm_run *run, size_t input,
                                size_t rows)
{
    float tile[FM_ROWS * FM_PANEL];
    size_t panels = fm_panels(step->units);
    const float *weight = run->weights + step->weight + input * FM_PANEL;
    for (size_t first = 0; first < run->pictures; first += FM_PANEL) {
        size_t pictures = run->pictures - first < FM_PANEL ? run->pictures - first : FM_PANEL;
        multiply_rows(weight, weight + rows * FM_PANEL, step->taps * FM_PANEL, panels, rows,
                      run->workspace + step->scratch + first * panels * FM_PANEL, pictures, tile);
        store_dense_back(step, run, input, rows, first, pictures, tile);
    }
}

/* Jobs: blocks of step->rows inputs; the first also does the bias. */
static void job_dense_both(const struct fm_plan *plan, const struct fm_step *step,
                           const struct fm_run *run, size_t job)
{
    size_t input = job * step->rows, panels = fm_panels(step->units), part;
    size_t rows = step->taps - input < step->rows ? step->taps - input : step->rows;
    float tile[FM_ROWS * FM_PANEL], *outputs;
    outputs = run->own + FM_ROWS * (plan->batch < K_GROUP ? plan->batch : K_GROUP);
    both_input_gradient(step, run, input, rows);
    for (size_t panel = 0; panel < panels; panel++) {
        size_t lanes = lanes_of_panel(step->units, panel);
        size_t weight = step->weight + (panel * step->taps + input) * FM_PANEL;
        memset(tile, 0, rows * FM_PANEL * sizeof *tile);
        for (size_t first = 0; first < run->pictures; first += part) {
            part = run->pictures - first < K_GROUP ? run->pictures - first : K_GROUP;
            if (panel == 0 || run->pictures > K_GROUP)
                gather_inputs(step, run, input, rows, first, part, run->own);
            gather_outputs(step, run, panel, lanes, first, part, outputs);
            multiply_both(run, run->own, outputs, rows, part, lanes, weight, tile);
        }
        sink(plan, run, weight, tile, rows * FM_PANEL);
        if (job == 0)
            bias_gradient(plan, step, run, panel, lanes);
    }
}
