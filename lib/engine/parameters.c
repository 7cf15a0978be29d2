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

/* A parameter is copied by tiles: some elements of each unit of a panel. In canonical order the
   elements of a unit, (c,h,w), are side by side, in stored order the panel's units are. */
enum { TILE = 128, TILE_ROW = TILE + 16 }; /* rows that do not all begin in one set of the cache */

static size_t unit_elements(const struct fm_parameter *p)
{
    return p->c * p->h * p->w;
}

static size_t tiles_of(const struct fm_parameter *p)
{
    return (unit_elements(p) + TILE - 1) / TILE;
}

/* Elements from .. from + count - 1 of each unit. */
struct tile {
    size_t from, count;
};

static struct tile tile_at(const struct fm_parameter *p, size_t number)
{
    size_t from = number * TILE, left = unit_elements(p) - from;
    return (struct tile){from, left < TILE ? left : TILE};
}

/* The stored places of a tile's elements, one by one: the lanes of (h,w,c). */
struct places {
    size_t pixels, channels, pixel, channel;
};

static struct places places_of(const struct fm_parameter *p, struct tile tile)
{
    size_t pixels = p->h * p->w;
    return (struct places){pixels, p->c, tile.from % pixels, tile.from / pixels};
}

static inline size_t next_place(struct places *at)
{
    size_t place = (at->pixel * at->channels + at->channel) * FM_PANEL;
    if (++at->pixel == at->pixels) {
        at->pixel = 0;
        at->channel++;
    }
    return place;
}

/* The first n units of a panel, whose lanes `stored` points to. */
static void put_tile(const struct fm_parameter *p, struct tile tile, float *stored, size_t n,
                     float (*restrict values)[TILE_ROW])
{
    struct places at = places_of(p, tile);
    for (size_t i = 0; i < tile.count; i++) {
        float *to = stored + next_place(&at);
        for (size_t u = 0; u < n; u++)
            to[u] = values[u][i];
    }
}

static void take_tile(const struct fm_parameter *p, struct tile tile, const float *stored, size_t n,
                      float (*restrict values)[TILE_ROW])
{
    struct places at = places_of(p, tile);
    for (size_t i = 0; i < tile.count; i++) {
        const float *from = stored + next_place(&at);
        for (size_t u = 0; u < n; u++)
            values[u][i] = from[u];
    }
}

/* How many of the units first .. first+count-1 lie in the panel of the first. */
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

/* The lanes of the last panel behind the last unit. They must be zero, but a training that failed
   may have left something else there. */
static void clear_spare_lanes(const struct fm_parameter *p, float *block)
{
    size_t used = p->units % FM_PANEL;
    for (size_t k = 0; used && k < unit_elements(p); k++)
        memset(block + lane(p, p->units) + k * FM_PANEL, 0, (FM_PANEL - used) * sizeof *block);
}

void fm_parameter_get_units(const struct fm_parameter *p, const float *block, size_t first,
                            size_t count, float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    size_t row = unit_elements(p);
    for (size_t n; count; first += n, count -= n, canonical += n * row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < tiles_of(p); i++) {
            struct tile tile = tile_at(p, i);
            take_tile(p, tile, block + lane(p, first), n, values);
            for (size_t u = 0; u < n; u++)
                memcpy(canonical + u * row + tile.from, values[u], tile.count * sizeof(float));
        }
    }
}

void fm_parameter_set_units(const struct fm_parameter *p, float *block, size_t first, size_t count,
                            const float *canonical)
{
    float values[FM_PANEL][TILE_ROW];
    size_t row = unit_elements(p);
    if (first + count == p->units)
        clear_spare_lanes(p, block);
    for (size_t n; count; first += n, count -= n, canonical += n * row) {
        n = units_in_panel(first, count);
        for (size_t i = 0; i < tiles_of(p); i++) {
            struct tile tile = tile_at(p, i);
            for (size_t u = 0; u < n; u++)
                memcpy(values[u], canonical + u * row + tile.from, tile.count * sizeof(float));
            put_tile(p, tile, block + lane(p, first), n, values);
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
                            size_t job)
{
    float values[FM_PANEL][TILE_ROW];
    size_t first = job / tiles_of(p) * FM_PANEL;
    size_t n = units_in_panel(first, p->units - first);
    struct tile tile = tile_at(p, job % tiles_of(p));
    double deviation = sqrt(2.0 / (double)unit_elements(p));
    for (size_t u = 0; u < n; u++)
        fm_random_normals(values[u], tile.count, deviation, seed, FM_RNG_INIT,
                          (uint64_t)(p - net->parameter) << 40 |
                              ((first + u) * unit_elements(p) + tile.from));
    put_tile(p, tile, net->weights + lane(p, first), n, values);
}

/* A job draws a run of tiles. */
struct init_job {
    struct fmnn_net *net;
    const struct fm_parameter *parameter;
    uint64_t seed;
    size_t count, jobs; /* tiles, jobs */
};

static void draw_tiles(void *state, unsigned thread, size_t job)
{
    const struct init_job *i = state;
    (void)thread;
    fm_float_state before = fm_float_enter();
    for (size_t k = i->count * job / i->jobs; k < i->count * (job + 1) / i->jobs; k++)
        initialise_tile(i->net, i->seed, i->parameter, k);
    fm_float_leave(before);
}

static void draw_normals(struct fmnn_net *net, uint64_t seed, const struct fm_parameter *p,
                         unsigned threads)
{
    struct init_job i = {.net = net, .parameter = p, .seed = seed};
    i.count = fm_panels(p->units) * tiles_of(p);
    if (i.count <= 4) /* takes less time than starting a thread */
        threads = 1;
    i.jobs = i.count < 16 * threads ? i.count : 16 * threads;
    fm_team_do(draw_tiles, &i, i.jobs, threads);
    clear_spare_lanes(p, net->weights);
}

/* The spare lanes of the last panel stay zero. */
static void set_ones(struct fmnn_net *net, const struct fm_parameter *p)
{
    memset(net->weights + p->offset, 0, p->stored * sizeof *net->weights);
    for (size_t unit = 0; unit < p->units; unit++)
        for (size_t k = 0; k < unit_elements(p); k++)
            net->weights[lane(p, unit) + k * FM_PANEL] = 1;
}

/* The first filters of a convolution, one for each channel that it reads, become identities: 1 at
   the centre of their channel, else 0. Even kernels have their centre before the middle, because
   padding adds the odd row and column at the end. */
static void set_identities(struct fmnn_net *net, const struct fm_parameter *p)
{
    size_t tap = ((p->h - 1) / 2 * p->w + (p->w - 1) / 2) * p->c;
    for (size_t unit = 0; unit < p->c; unit++) {
        float *to = net->weights + lane(p, unit);
        for (size_t k = 0; k < unit_elements(p); k++)
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
