/* order.c -- the order in which ops start, and chains of them.

   A chain is a number of ops that follow each other and go block by block of images: each job takes
   a block through all of them. So no thread waits between these ops, and what one of them writes
   is still in the cache when the next one reads it. An op breaks the chain if it needs all images
   (the statistics of bn, the weights' gradients), or has too many weights to stay in the cache
   beside a block. Ops that would break it without need are moved: transformed filters in front of
   it, the weights' gradients behind it, where they start together with the op that does break it.

   No bit depends on all this: an image's values do not depend on its block. */
#include "engine/builder.h"

struct order {
    const struct fm_builder *builder;
    struct fm_op *op; /* [count], in order */
    size_t count;
    size_t chain, block, max_block; /* of the open chain: ops, the last ones; images */
    size_t forward;                 /* forward ops; SIZE_MAX: there will be more */
    struct fm_op **late;            /* [lates]: that are still to be added */
    size_t lates;
};

/* The floats of an op's operands that do not depend on the block, and those of an image. */
static size_t operand_floats(const struct fm_builder *builder, const struct fm_op *op,
                             size_t *image)
{
    size_t shared = (size_t)(op->bytes / sizeof(float));
    *image = 0;
    for (unsigned i = 0; i < FM_VIEWS + FM_ROOMS; i++) {
        const struct fm_buffer *buffer = &builder->buffer[fm_operand(op, i)];
        if (!((op->reads | op->writes) >> i & 1))
            continue;
        *image += buffer->image;
        shared += buffer->image ? 0 : buffer->floats;
    }
    return shared;
}

bool fm_fits(const struct fm_builder *builder, const struct fm_op *op, size_t block)
{
    size_t image, shared = operand_floats(builder, op, &image);
    return shared <= FM_CACHED && image <= (FM_CACHED - shared) / block;
}

/* The largest block, a power of two, that an op can be given in a chain. */
static size_t max_block(const struct fm_builder *builder, const struct fm_op *op)
{
    size_t block = op->block, max = builder->training ? FM_BLOCK : FM_WIDE_BLOCK;
    if (op->max_block)
        max = op->max_block;
    while (2 * block <= max && fm_fits(builder, op, 2 * block))
        block *= 2;
    return block;
}

/* ---- */

static void end_chain(struct order *o)
{
    size_t batch = o->builder->plan->batch;
    struct fm_op *first = o->op + o->count - o->chain;
    for (size_t i = 0; i < o->chain; i++) {
        first[i].block = o->block;
        first[i].jobs = (batch + o->block - 1) / o->block;
    }
    if (o->chain)
        first->chain = o->chain;
    o->chain = 0;
}

static void add_to_chain(struct order *o, const struct fm_op *op)
{
    size_t most = max_block(o->builder, op), block = op->block;
    if (o->builder->plan->net->unchained || op->block > o->max_block || o->block > most)
        end_chain(o);
    if (o->chain && most > o->max_block)
        most = o->max_block;
    if (o->chain && block < o->block)
        block = o->block;
    o->max_block = most;
    o->block = block;
    o->op[o->count++] = *op;
    o->chain++;
}

static struct fm_op *insert(struct order *o, size_t at, const struct fm_op *op)
{
    memmove(o->op + at + 1, o->op + at, (o->count - at) * sizeof *op);
    o->op[at] = *op;
    o->count++;
    return &o->op[at];
}

/* An early op goes in front of the open chain, and starts with the op before if that is no chain.
   Backward ops stay behind all forward ops, which some runs do without them. */
static void add_early(struct order *o, const struct fm_op *op)
{
    if (o->count - o->chain < o->forward && o->forward != SIZE_MAX)
        end_chain(o);
    size_t at = o->count - o->chain;
    insert(o, at, op)->together = at > o->builder->plan->once_ops && !o->op[at - 1].block;
}

/* The ops that are done once start together. */
static void add_once(struct order *o, const struct fm_op *op)
{
    size_t at = o->builder->plan->once_ops++;
    insert(o, at, op)->together = at > 0;
}

/* The late ops whose turn it is; those of the first layers, usually the largest, first. */
static void add_late(struct order *o, bool together)
{
    size_t kept = 0;
    for (size_t i = o->lates; i-- > 0;) {
        if (o->late[i]->late > 1)
            continue;
        o->op[o->count] = *o->late[i];
        o->op[o->count++].together = together;
        together = true;
    }
    for (size_t i = 0; i < o->lates; i++)
        if (o->late[i]->late-- > 1)
            o->late[kept++] = o->late[i];
    o->lates = kept;
}

static void add(struct order *o, struct fm_op *op)
{
    if (op->late) {
        o->late[o->lates++] = op;
    } else if (op->once) {
        add_once(o, op);
    } else if (op->early) {
        add_early(o, op);
    } else if (op->block) {
        add_to_chain(o, op);
    } else {
        end_chain(o);
        o->op[o->count++] = *op;
        add_late(o, true);
    }
}

static void order_ops(struct order *o)
{
    struct fm_plan *plan = o->builder->plan;
    for (size_t i = 0; i < plan->op_count; i++) {
        if (i == plan->forward_ops)
            o->forward = o->count;
        add(o, &plan->op[i]);
    }
    end_chain(o);
    while (o->lates > 0)
        add_late(o, false);
    if (o->forward != SIZE_MAX)
        plan->forward_ops = o->forward;
}

int fm_order(struct fm_builder *builder, struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    struct order o = {.builder = builder, .forward = SIZE_MAX};
    o.op = fm_alloc(plan->op_count, sizeof *o.op, err);
    o.late = fm_alloc(plan->op_count, sizeof *o.late, err);
    bool good = o.op && o.late;
    if (good)
        order_ops(&o);
    free(o.late);
    free(good ? plan->op : o.op);
    if (good) {
        plan->op = o.op;
        plan->op_capacity = plan->op_count;
    }
    return good ? 0 : -1;
}
