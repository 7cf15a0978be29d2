/* sink.h -- where gradients go: into the optimizer at once, or into a block of their own. Both
   give the same bits, for a stored gradient is what the optimizer would have been given. */

/* gradient: n floats (a multiple of 16) for the parameters from offset on. */
static void sink(const struct fm_plan *plan, const struct fm_run *run, size_t offset,
                 const float *gradient, size_t n)
{
    if (run->gradients) {
        memcpy(run->gradients + offset, gradient, n * sizeof *gradient);
        return;
    }
    float *slots[FM_SLOTS];
    for (int i = 0; i < FM_SLOTS; i++)
        slots[i] = run->slots[i] ? run->slots[i] + offset : NULL;
    switch (plan->optimizer) {
#define CASE(name)                                                                                 \
    case FM_OPTIMIZER_##name:                                                                      \
        update_##name(run->update, run->weights + offset, slots, gradient, n);                     \
        break;
        FM_OPTIMIZERS(CASE)
#undef CASE
    case FM_OPTIMIZER_COUNT:
        break;
    }
}
