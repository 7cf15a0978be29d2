/* pool.h -- pools of squares without overlap. Jobs: pictures. */

struct pool_cell {
    const float *in;      /* the cell's first pixel */
    const float *out;     /* what was pooled (backward) */
    const float *back;    /* its gradient (backward) */
    float *to;            /* out, or the gradient of the cell's first pixel */
};

static inline const float *pixel_at(const float *origin, const struct fm_place *place, size_t y,
                                    size_t x)
{
    return origin + y * place->row + x * place->pixel;
}

/* Channels c .. c+VL-1 of a pixel, or what there is of them. */
static inline vec load_channels(const float *pixel, size_t c, size_t channels)
{
    return c + VL <= channels ? v_load(pixel + c) : v_load_part(pixel + c, channels - c, 0);
}

static inline void store_channels(float *pixel, size_t c, size_t channels, vec a)
{
    if (c + VL <= channels)
        v_store(pixel + c, a);
    else
        v_store_part(pixel + c, a, channels - c);
}

static inline vec cell_sum(const struct fm_step *step, const float *in, size_t side, size_t c)
{
    vec sum = v_splat(0);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            sum = v_add(sum, load_channels(pixel_at(in, &step->in, y, x), c, step->in_shape.c));
    return sum;
}

static void job_avgpool(const struct fm_plan *plan, const struct fm_step *step,
                        const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->pictures)
        return;
    const float *in = run->workspace + step->in.origin + job * step->in.picture;
    float *out = run->workspace + step->out.origin + job * step->out.picture;
    size_t side = step->window.stride, channels = step->in_shape.c;
    const vec share = v_splat(1.0f / (float)(side * side));
    for (size_t y = 0; y < step->out_shape.h; y++)
        for (size_t x = 0; x < step->out_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL)
                store_channels(out + y * step->out.row + x * step->out.pixel, c, channels,
                               v_mul(cell_sum(step, pixel_at(in, &step->in, y * side, x * side),
                                              side, c),
                                     share));
}

static void job_avgpool_back(const struct fm_plan *plan, const struct fm_step *step,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->pictures)
        return;
    const float *in = run->workspace + step->in.origin + job * step->in.picture;
    const float *back = run->workspace + step->back.origin + job * step->back.picture;
    float *to = run->workspace + step->in_back.origin + job * step->in_back.picture;
    size_t side = step->window.stride, channels = step->in_shape.c;
    const vec share = v_splat(1.0f / (float)(side * side));
    for (size_t y = 0; y < step->in_shape.h; y++)
        for (size_t x = 0; x < step->in_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL) {
                bool dropped = y / side >= step->out_shape.h || x / side >= step->out_shape.w;
                vec g = dropped ? v_splat(0)
                                : v_mul(load_channels(pixel_at(back, &step->back, y / side, x / side),
                                                      c, channels),
                                        share);
                vec value = load_channels(pixel_at(in, &step->in, y, x), c, channels);
                store_channels(to + y * step->in_back.row + x * step->in_back.pixel, c, channels,
                               activate_back(step->activation, g, value));
            }
}

/* The greatest of a cell, the first of equals, and which it was. */
static inline vec cell_most(const struct fm_step *step, const float *in, size_t side, size_t c,
                            vec *which)
{
    vec most = load_channels(in, c, step->in_shape.c);
    *which = v_splat(0);
    for (size_t i = 1; i < side * side; i++) {
        vec x = load_channels(pixel_at(in, &step->in, i / side, i % side), c, step->in_shape.c);
        mask greater = v_greater(x, most);
        most = v_select(greater, x, most);
        *which = v_select(greater, v_splat((float)i), *which);
    }
    return most;
}

static void job_maxpool(const struct fm_plan *plan, const struct fm_step *step,
                        const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->pictures)
        return;
    const float *in = run->workspace + step->in.origin + job * step->in.picture;
    float *out = run->workspace + step->out.origin + job * step->out.picture;
    size_t side = step->window.stride, channels = step->in_shape.c;
    vec which;
    for (size_t y = 0; y < step->out_shape.h; y++)
        for (size_t x = 0; x < step->out_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL)
                store_channels(out + y * step->out.row + x * step->out.pixel, c, channels,
                               cell_most(step, pixel_at(in, &step->in, y * side, x * side), side, c,
                                         &which));
}

static void job_maxpool_back(const struct fm_plan *plan, const struct fm_step *step,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->pictures)
        return;
    const float *in = run->workspace + step->in.origin + job * step->in.picture;
    const float *back = run->workspace + step->back.origin + job * step->back.picture;
    float *to = run->workspace + step->in_back.origin + job * step->in_back.picture;
    size_t side = step->window.stride, channels = step->in_shape.c;
    const vec zero = v_splat(0);
    for (size_t y = 0; y < step->in_shape.h; y++)
        for (size_t x = 0; x < step->in_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL) {
                size_t cell_y = y / side, cell_x = x / side;
                vec g = zero, which;
                if (cell_y < step->out_shape.h && cell_x < step->out_shape.w) {
                    const float *cell = pixel_at(in, &step->in, cell_y * side, cell_x * side);
                    cell_most(step, cell, side, c, &which);
                    vec mine = v_splat((float)(y % side * side + x % side));
                    g = load_channels(pixel_at(back, &step->back, cell_y, cell_x), c, channels);
                    g = v_select(v_greater(mine, which), zero, g);
                    g = v_select(v_greater(which, mine), zero, g);
                }
                vec value = load_channels(pixel_at(in, &step->in, y, x), c, channels);
                store_channels(to + y * step->in_back.row + x * step->in_back.pixel, c, channels,
                               activate_back(step->activation, g, value));
            }
}
