/* parameters.c -- the canonical and the stored order of parameters, and their initial values. */
#include "base/internal.h"

#include <math.h>

#include "base/float.h"
#include "base/rng.h"
#include "base/threads.h"
#include "engine/net.h"
#include "engine/optim/recipe.h"

/* ---- the two orders */

size_t fm_parameter_count(const struct fm_parameter *p)
{
    return p->units * p->c * p->h * p->w;
}

/* A parameter is copied by tiles: of one panel, one channel, and some pixels of its window. In
   canonical order these pixels are side by side, in stored order the panel's units are. */
enum { TILE = 256, TILE_ROW = TILE + 16 }; /* rows that do not all begin in one set of the cache */

struct tiles {
    size_t row;             /* canonical elements of a unit */
    size_t rows, pixels;    /* channels, and pixels of each */
    size_t stride, channel; /* between the stored taps of two pixels, of two channels */
    size_t tiles;           /* for each channel */
};

/* Where the window is one pixel, the channels are side by side in both orders. */
static struct tiles tiles_of(const struct fm_parameter *p)
{
    size_t pixels = p->h * p->w;
    struct tiles t = {p->c * pixels, p->c, pixels, p->c, 1, 0};
    if (pixels == 1)
        t = (struct tiles){p->c, 1, p->c, 1, 1, 0};
    t.tiles = (t.pixels + TILE - 1) / TILE;
    return t;
}

struct tile {
    size_t from, pixels; /* canonical place in a unit, how many */
    size_t stored;       /* of the first pixel, from the panel's begin */
};

static struct tile tile_at(const struct tiles *t, size_t i)
{
    size_t channel = i / t->tiles, pixel = i % t->tiles * TILE, left = t->pixels - pixel;
    return (struct tile){.from = channel * t->pixels + pixel,
                         .pixels = left < TILE ? left : TILE,
                         .stored = (pixel * t->stride + channel * t->channel) * FM_PANEL};
}

/* The units first .. first+n-1 lie within one panel, whose lanes `stored` points to. */
static void put_tile(const struct tiles *t, const struct tile *tile, float *stored, size_t n,
                     float (*restrict values)[TILE_ROW])
{
    float *to = stored + tile->stored;
    for (size_t i = 0; i < tile->pixels; i++, to += t->stride * FM_PANEL)
        for (size_t u = 0; u < n; u++)
            to[u] = values[u][i];
}

static void take_tile(const struct tiles *t, const struct tile *tile, const float *stored, size_t n,
                      float (*restrict values)[TILE_ROW])
{
    const float *from = stored + tile->stored;
    for (size_t i = 0; i < tile->pixels; i++, from += t->stride * FM_PANEL)
        for (size_t u = 0; u < n; u++)
            values[u][i] = from[u];
}

/* Of the units first .. first+count-1 those that lie in the panel of the first. */
static size_t units_in_panel(size_t first, size_t count)
{
    size_t max = FM_PANEL - first % FM_PANEL;
    return count < max ? count : max;
}

/* Where the lane of a unit begins. */
static size_t lane(const struct fm_parameter *p, size_t unit)
{
    return p->offset + unit / FM_PANEL * p->c * p->h * p->w * FM_PANEL + unit % FM_PANEL;
}

void fm_parameter_get_units(const struct fm_parameter *p, const float *block, size_t first,
                            size_t count, float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    struct tiles t = tiles_of(p);
    for (size_t n; count; first += n, count -= n, canonical += n * t.row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < t.rows * t.tiles; i++) {
            struct tile tile = tile_at(&t, i);
            take_tile(&t, &tile, block + lane(p, first), n, values);
            for (size_t u = 0; u < n; u++)
                memcpy(canonical + u * t.row + tile.from, values[u], tile.pixels * sizeof(float));
        }
    }
}

void fm_parameter_set_units(const struct fm_parameter *p, float *block, size_t first, size_t count,
                            const float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    struct tiles t = tiles_of(p);
    for (size_t n; count; first += n, count -= n, canonical += n * t.row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < t.rows * t.tiles; i++) {
            struct tile tile = tile_at(&t, i);
            for (size_t u = 0; u < n; u++)
                memcpy(values[u], canonical + u * t.row + tile.from, tile.pixels * sizeof(float));
            put_tile(&t, &tile, block + lane(p, first), n, values);
        }
    }
}

void fm_parameter_get(const struct fm_parameter *p, const float *block, float *canonical)
{
    fm_parameter_get_units(p, block, 0, p->units, canonical);
}

void fm_parameter_set(const struct fm_parameter *p, float *block, const float *canonical)
{
    fm_parameter_set_units(p, block, 0, p->units, canonical);
}

/* ---- initial values */

/* he_normal: variance 2 / fan_in, as Keras' VarianceScaling(2, fan_in, truncated_normal).
   Numbers go by the canonical index, so that they do not depend on how the weights are stored. */
static void initialise_tile(struct fmnn_net *net, uint64_t seed, const struct fm_parameter *p,
                            const struct tiles *t, size_t job)
{
    float values[FM_PANEL][TILE_ROW];
    size_t first = job / (t->rows * t->tiles) * FM_PANEL;
    size_t n = units_in_panel(first, p->units - first);
    struct tile tile = tile_at(t, job % (t->rows * t->tiles));
    double deviation = sqrt(2.0 / (double)(p->c * p->h * p->w));
    for (size_t u = 0; u < n; u++)
        fm_random_normals(values[u], tile.pixels, deviation, seed, FM_RNG_INIT,
                          (uint64_t)(p - net->parameter) << 40 |
                              ((first + u) * t->row + tile.from));
    put_tile(t, &tile, net->weights + lane(p, first), n, values);
}

/* A job draws a run of tiles. */
struct init_job {
    struct fmnn_net *net;
    const struct fm_parameter *parameter;
    struct tiles tiles;
    uint64_t seed;
    size_t count, jobs; /* tiles, jobs */
};

static void draw_tiles(void *state, unsigned thread, size_t job)
{
    const struct init_job *i = state;
    (void)thread;
    fm_float_state before = fm_float_enter();
    for (size_t k = i->count * job / i->jobs; k < i->count * (job + 1) / i->jobs; k++)
        initialise_tile(i->net, i->seed, i->parameter, &i->tiles, k);
    fm_float_leave(before);
}

static void draw_normals(struct fmnn_net *net, uint64_t seed, const struct fm_parameter *p,
                         unsigned threads)
{
    struct init_job i = {.net = net, .parameter = p, .tiles = tiles_of(p), .seed = seed};
    i.count = fm_panels(p->units) * i.tiles.rows * i.tiles.tiles;
    if (i.count <= 16) /* takes less time than starting a thread */
        threads = 1;
    i.jobs = i.count < 16 * threads ? i.count : 16 * threads;
    fm_team_do(draw_tiles, &i, i.jobs, threads);
}

/* The spare lanes of the last panel stay zero. */
static void set_ones(struct fmnn_net *net, const struct fm_parameter *p)
{
    struct tiles t = tiles_of(p);
    memset(net->weights + p->offset, 0, p->stored * sizeof *net->weights);
    for (size_t unit = 0; unit < p->units; unit++)
        for (size_t i = 0; i < t.rows * t.tiles; i++) {
            struct tile tile = tile_at(&t, i);
            float *to = net->weights + lane(p, unit) + tile.stored;
            for (size_t k = 0; k < tile.pixels; k++)
                to[k * t.stride * FM_PANEL] = 1;
        }
}

/* The first filters of a convolution, one for each channel that it reads, become identities: 1 at
   the centre of their channel, else 0. */
static void set_identities(struct fmnn_net *net, const struct fm_parameter *p)
{
    size_t tap = (p->h / 2 * p->w + p->w / 2) * p->c;
    for (size_t unit = 0; unit < p->c; unit++) {
        float *to = net->weights + lane(p, unit);
        for (size_t k = 0; k < p->c * p->h * p->w; k++)
            to[k * FM_PANEL] = k == tap + unit ? 1 : 0;
    }
}

void fmnn_net_start(struct fmnn_net *net, const struct fmnn_recipe *recipe, uint64_t seed,
                    unsigned threads)
{
    fmnn_net_initialise(net, seed, threads);
    for (size_t id = 0; recipe && !strcmp(recipe->init, "dirac") && id < net->parameter_count; id++)
        if (net->parameter[id].rank == 4 && net->parameter[id].c <= net->parameter[id].units)
            set_identities(net, &net->parameter[id]);
}

void fmnn_net_initialise(struct fmnn_net *net, uint64_t seed, unsigned threads)
{
    threads = fm_threads(threads);
    for (size_t id = 0; id < net->parameter_count; id++) {
        const struct fm_parameter *p = &net->parameter[id];
        if (p->init == FM_INIT_HE_NORMAL)
            draw_normals(net, seed, p, threads);
        else if (p->init == FM_INIT_ONE)
            set_ones(net, p);
        else
            memset(net->weights + p->offset, 0, p->stored * sizeof *net->weights);
    }
}
