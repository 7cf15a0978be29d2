/* gomp.c -- as much of libgomp as the engine uses, with plain threads that ThreadSanitizer
 * understands. */
#include <pthread.h>
#include <stdlib.h>

void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_num_procs(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);

struct worker {
    void (*body)(void *);
    void *data;
    int number, all;
    pthread_t thread;
};

static _Thread_local struct worker *self;

static void *work(void *state)
{
    self = state;
    self->body(self->data);
    self = NULL;
    return NULL;
}

void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags)
{
    (void)flags;
    int all = threads ? (int)threads : omp_get_num_procs();
    struct worker *worker = calloc((size_t)all, sizeof *worker);
    if (!worker)
        abort();
    for (int i = 0; i < all; i++) {
        worker[i] = (struct worker){.body = body, .data = data, .number = i, .all = all};
        if (i > 0 && pthread_create(&worker[i].thread, NULL, work, &worker[i]) != 0)
            abort();
    }
    work(&worker[0]);
    for (int i = 1; i < all; i++)
        pthread_join(worker[i].thread, NULL);
    free(worker);
}

int omp_get_num_procs(void)
{
    return 4;
}

int omp_get_num_threads(void)
{
    return self ? self->all : 1;
}

int omp_get_thread_num(void)
{
    return self ? self->number : 0;
}
