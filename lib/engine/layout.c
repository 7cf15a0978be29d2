/* layout.c -- the memory of a plan: buffers that are not in use at the same time share it.

   Time goes by turns: ops of a chain, and ops that start together, have the same turn, for their
   jobs may run in any order. A buffer lives from the first turn that uses it to the last. A buffer
   of images that only one chain uses is local: it has room for a block of images, once for each
   thread, behind the scratch memory of that thread. So it stays in the cache and need not be
   written to memory. There, time goes by ops.

   The largest buffers are placed first, each at the lowest offset that is free while it lives
   (Y. Pisarchyk and J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020,
   arXiv:2001.03288: greedy by size). */
#include "engine/builder.h"

/* Buffer 0 is a line that nothing uses, so that offset 0 can mean none. */
enum { NOTHING = 16 };

size_t fm_operand(const struct fm_op *op, unsigned i)
{
    const size_t view[FM_VIEWS] = {op->in.buffer, op->other.buffer, op->out.buffer,
                                   op->grad_in.buffer, op->grad_out.buffer};
    return i < FM_VIEWS ? view[i] : op->room[i - FM_VIEWS];
}

static bool uses(const struct fm_op *op, size_t buffer)
{
    for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++)
        if ((op->reads | op->writes) >> i & 1 && fm_operand(op, i) == buffer)
            return true;
    return false;
}

/* The turn of each op. */
static void count_turns(const struct fm_plan *plan, size_t *turn)
{
    size_t chained = 0, now = 0;
    for (size_t k = 0; k < plan->op_count; k++) {
        if (k > 0 && !chained && !plan->op[k].together)
            now++;
        if (chained)
            chained--;
        else if (plan->op[k].chain)
            chained = plan->op[k].chain - 1;
        turn[k] = now;
    }
}

static void use_at(struct fm_buffer *buffer, size_t turn)
{
    if (!buffer->used || buffer->first > turn)
        buffer->first = turn;
    if (!buffer->used || buffer->last < turn)
        buffer->last = turn;
    buffer->used = true;
}

/* To be looked at, outputs stay until the forward ops have ended. */
static void find_lifetimes(struct fm_builder *builder, const size_t *turn)
{
    const struct fm_plan *plan = builder->plan;
    for (size_t k = 0; k < plan->op_count; k++) {
        const struct fm_op *op = &plan->op[k];
        for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++)
            if ((op->reads | op->writes) >> i & 1)
                use_at(&builder->buffer[fm_operand(op, i)], turn[k]);
        if (builder->keep && k < plan->forward_ops && op->writes & FM_OUT) {
            use_at(&builder->buffer[op->out.buffer], turn[plan->forward_ops - 1]);
            builder->buffer[op->out.buffer].by_block = false;
        }
    }
}

/* The floats of a block of a local buffer. In the Winograd domain there are spare rows. */
static size_t floats_of_block(const struct fm_op *op, unsigned i, const struct fm_buffer *buffer)
{
    size_t floats = buffer->image * op->block;
    if (1u << i == FM_INPUTS)
        floats =
            fm_winograd_rows(op->winograd, op->block) * (buffer->image / op->winograd->products);
    return (floats + 15) / 16 * 16;
}

/* The buffers that one chain alone uses become local; for them, time goes by ops. */
static void find_locals(struct fm_builder *builder)
{
    const struct fm_plan *plan = builder->plan;
    for (size_t k = 0; k < plan->op_count; k++) {
        struct fm_op *op = &plan->op[k];
        for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++) {
            struct fm_buffer *buffer = &builder->buffer[fm_operand(op, i)];
            bool one_chain = buffer->local || buffer->first == buffer->last;
            if (!((op->reads | op->writes) >> i & 1) || !buffer->by_block || !op->block ||
                !one_chain)
                continue;
            if (!buffer->local)
                buffer->first = k;
            buffer->last = k;
            buffer->local = true;
            buffer->floats = floats_of_block(op, i, buffer);
            op->local |= 1u << i;
        }
    }
}

/* Whether an op of the chain before op k has used the buffer, or with `written` written it. */
static bool used_before(const struct fm_plan *plan, size_t chain, size_t k, size_t buffer,
                        bool written)
{
    for (; chain < k; chain++) {
        const struct fm_op *op = &plan->op[chain];
        for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++)
            if ((written ? op->writes : op->reads | op->writes) >> i & 1 &&
                fm_operand(op, i) == buffer)
                return true;
    }
    return false;
}

/* chain: its first op. */
static void count_traffic_of(const struct fm_builder *builder, size_t chain, size_t k)
{
    const struct fm_plan *plan = builder->plan;
    struct fm_op *op = &builder->plan->op[k];
    for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++) {
        size_t id = fm_operand(op, i);
        const struct fm_buffer *buffer = &builder->buffer[id];
        unsigned passes = (op->reads >> i & 1 && !used_before(plan, chain, k, id, false) ? 1u : 0) +
                          (op->writes >> i & 1 && !used_before(plan, chain, k, id, true) ? 1u : 0);
        if (buffer->local)
            continue;
        if (buffer->image)
            op->image_traffic += (uint64_t)passes * buffer->image * sizeof(float);
        else
            op->run_traffic += (uint64_t)passes * buffer->floats * sizeof(float);
    }
}

static void count_traffic(const struct fm_builder *builder)
{
    const struct fm_plan *plan = builder->plan;
    for (size_t k = 0, chain = 0; k < plan->op_count; k++) {
        if (plan->op[k].chain || !plan->op[k].block || k >= chain + plan->op[chain].chain)
            chain = k;
        count_traffic_of(builder, chain, k);
    }
}

/* Nothing else may lie in the place of what is written once. */
static void keep_lasting(struct fm_builder *builder)
{
    for (size_t id = 0; id < builder->buffer_count; id++)
        if (builder->buffer[id].lasting)
            builder->buffer[id].first = 0, builder->buffer[id].last = SIZE_MAX;
}

/* An op may write a gradient over the value, pixel by pixel, if from then on only ops that do the
   same read the value. */
static bool can_replace(const struct fm_plan *plan, size_t k)
{
    const struct fm_op *op = &plan->op[k];
    const struct fm_view *v = &op->in, *g = &op->grad_in;
    if (!op->in_place || !(op->writes & FM_GRAD_IN) || op->add || v->offset != g->offset ||
        v->stride_n != g->stride_n || v->stride_h != g->stride_h || v->stride_w != g->stride_w)
        return false;
    for (size_t i = k; i < plan->op_count; i++) {
        const struct fm_op *later = &plan->op[i];
        if (uses(later, v->buffer) && !(later->in_place && later->grad_in.buffer == g->buffer))
            return false;
    }
    return true;
}

/* The gradients of values whose place they can take. */
static void find_aliases(struct fm_builder *builder)
{
    const struct fm_plan *plan = builder->plan;
    for (size_t k = plan->forward_ops; k < plan->op_count; k++) {
        const struct fm_op *op = &plan->op[k];
        struct fm_buffer *gradient = &builder->buffer[op->grad_in.buffer];
        struct fm_buffer *value = &builder->buffer[op->in.buffer];
        if (gradient->alias || gradient->local || value->local || !can_replace(plan, k) ||
            value->floats < gradient->floats)
            continue;
        gradient->alias = op->in.buffer;
        if (value->last < gradient->last)
            value->last = gradient->last;
    }
}

/* ---- placing */

struct slot {
    size_t buffer, floats;
};

/* Larger ones first. */
static int compare_slots(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->floats != y->floats)
        return x->floats > y->floats ? -1 : 1;
    return x->buffer < y->buffer ? -1 : 1;
}

/* Puts a buffer into the lowest gap between buffers that live at the same time; placed: those that
   have a place, in the order of their offsets. Returns its rank among them. */
static size_t find_gap(const struct fm_builder *builder, const size_t *placed, size_t count,
                       struct fm_buffer *buffer)
{
    size_t end = NOTHING, rank = 0;
    for (size_t i = 0; i < count; i++) {
        const struct fm_buffer *other = &builder->buffer[placed[i]];
        if (other->first > buffer->last || other->last < buffer->first)
            continue;
        if (other->offset >= end && other->offset - end >= buffer->floats)
            break;
        if (other->offset + other->floats > end)
            end = other->offset + other->floats;
    }
    buffer->offset = end;
    while (rank < count && builder->buffer[placed[rank]].offset <= end)
        rank++;
    return rank;
}

/* floats: where the last buffer ends. */
static int place_buffers(struct fm_builder *builder, const struct slot *slot, size_t count,
                         size_t *placed, size_t *floats, struct fmnn_error *err)
{
    *floats = NOTHING;
    for (size_t i = 0; i < count; i++) {
        struct fm_buffer *buffer = &builder->buffer[slot[i].buffer];
        size_t rank = find_gap(builder, placed, i, buffer);
        memmove(placed + rank + 1, placed + rank, (i - rank) * sizeof *placed);
        placed[rank] = slot[i].buffer;
        if (buffer->floats > fm_max_floats() - buffer->offset)
            return fm_out_of_room(builder, err);
        fm_raise_to(floats, buffer->offset + buffer->floats);
    }
    return 0;
}

static void place_aliases(struct fm_builder *builder)
{
    for (size_t id = 1; id < builder->buffer_count; id++)
        if (builder->buffer[id].alias)
            builder->buffer[id].offset = builder->buffer[builder->buffer[id].alias].offset;
}

/* Places the buffers that are local, or those that are not. */
static int place_all(struct fm_builder *builder, bool local, size_t *floats, struct fmnn_error *err)
{
    size_t count = 0;
    struct slot *slot = fm_alloc(builder->buffer_count, sizeof *slot, err);
    size_t *placed = fm_alloc(builder->buffer_count, sizeof *placed, err);
    int status = -1;
    for (size_t id = 1; slot && id < builder->buffer_count; id++)
        if (builder->buffer[id].used && !builder->buffer[id].alias &&
            builder->buffer[id].local == local)
            slot[count++] = (struct slot){id, builder->buffer[id].floats};
    if (slot && placed) {
        qsort(slot, count, sizeof *slot, compare_slots);
        status = place_buffers(builder, slot, count, placed, floats, err);
    }
    free(slot);
    free(placed);
    return status;
}

/* Scratch memory of all threads, with local buffers behind that of each. */
static int add_scratch(struct fm_builder *builder, size_t *scratch, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t local;
    if (place_all(builder, true, &local, err) != 0)
        return -1;
    for (size_t id = 1; id < builder->buffer_count; id++)
        if (builder->buffer[id].local)
            builder->buffer[id].offset += plan->scratch_floats;
    plan->scratch_floats += local;
    if (fm_new_buffer(builder, plan->threads, plan->scratch_floats, scratch, err) != 0)
        return -1;
    builder->buffer[*scratch].used = true;
    builder->buffer[*scratch].last = SIZE_MAX;
    return 0;
}

/* Buffers become offsets. Local ones are those of thread 0, for images from 0 on. */
static void resolve(const struct fm_builder *builder, struct fm_op *op)
{
    struct fm_view *view[FM_VIEWS] = {&op->in, &op->other, &op->out, &op->grad_in, &op->grad_out};
    for (unsigned i = 0; i < FM_VIEWS; i++)
        if (view[i]->buffer)
            view[i]->offset += builder->buffer[view[i]->buffer].offset;
    for (unsigned i = 0; i < FM_ROOMS; i++)
        if (op->room[i])
            op->room[i] = builder->buffer[op->room[i]].offset;
    if (op->local & FM_INPUTS)
        op->images = op->block;
}

int fm_lay_out(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    size_t scratch, *turn = fm_alloc(plan->op_count, sizeof *turn, err);
    if (!turn)
        return -1;
    count_turns(plan, turn);
    find_lifetimes(builder, turn);
    free(turn);
    find_locals(builder);
    count_traffic(builder);
    keep_lasting(builder);
    find_aliases(builder);
    if (add_scratch(builder, &scratch, err) != 0 ||
        place_all(builder, false, &plan->floats, err) != 0)
        return -1;
    place_aliases(builder);
    plan->scratch = builder->buffer[scratch].offset;
    for (size_t id = 1; id < builder->buffer_count; id++)
        if (builder->buffer[id].local)
            builder->buffer[id].offset += plan->scratch;
    for (size_t k = 0; k < plan->op_count; k++)
        resolve(builder, &plan->op[k]);
    return 0;
}
