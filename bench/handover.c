/*
 * What does handing every exchange to a writer thread cost the loop thread?
 *
 *   handover PORT UPSTREAM-URL own|plain|held FILE
 *
 * A gateway on PORT. `own`: it answers every request itself with 2 KB, the cost of the listening half alone. `plain`: it
 * forwards, and answers stream through. `held`: an answer is handed to a writer thread, which burns 45 us of CPU per event
 * (about what encoding one costs), calls fdatasync on FILE once per batch and acknowledges the batch with one wake-up; only
 * then does the answer go to the client. The loop hands over once per turn.
 * bench/handover.sh compares the CPU of the thread named "loop" with nginx's. This is a load driver, not a recorder: it
 * forgets what it forwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "gateway/gateway.h"
#include "gateway/upstream.h"

#define EVENT_CPU_NS 45000u
#define OWN_BYTES 2048u

struct job {
    struct job *next;
    struct rn_exchange *exchange; /* NULL once the client is gone */
    struct rn_transfer *transfer; /* NULL once it ended */
    struct rn_buffer request;
    struct rn_buffer head;
    struct rn_buffer body;
    struct rn_answer answer;
    bool started;
    bool queued;
};

struct list {
    struct job *first;
    struct job **end;
};

static struct {
    struct rn_loop *loop;
    struct rn_gateway *gateway;
    struct rn_upstreams *upstreams;
    const struct rn_upstream *upstream;
    struct rn_wake *wake;
    struct rn_turn *turn;
    struct list ready; /* of this turn */
    bool own;
    bool held;
    int file;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list queue;     /* under lock: to the writer */
    struct list committed; /* under lock: back to the loop */
    bool writer_waits;     /* under lock */
} bench = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static void list_clear(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct list *list, struct job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

/* Everything of `from` goes behind what `to` has. */
static void list_move(struct list *to, struct list *from)
{
    if (from->first != NULL) {
        *to->end = from->first;
        to->end = from->end;
        list_clear(from);
    }
}

static void job_free(struct job *job)
{
    rn_buffer_free(&job->request);
    rn_buffer_free(&job->head);
    rn_buffer_free(&job->body);
    rn_free(job);
}

/* --- the writer ------------------------------------------------------------------------------ */

static uint64_t thread_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static volatile uint64_t sink;

static void spin(uint64_t steps)
{
    uint64_t x = sink;
    for (uint64_t i = 0; i < steps; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
    }
    sink = x;
}

/* Steps of spin per event: asking the clock all the time would be a load of another kind. */
static uint64_t calibrate(void)
{
    const uint64_t steps = 100000000;
    uint64_t begin = thread_ns();
    spin(steps);
    return steps * EVENT_CPU_NS / (thread_ns() - begin);
}

static void write_batch(const struct list *batch, uint64_t steps)
{
    size_t bytes = 0;
    for (const struct job *job = batch->first; job != NULL; job = job->next) {
        spin(steps);
        bytes += job->request.len + job->body.len;
    }
    static const char zeros[65536];
    size_t len = bytes / 4 < sizeof zeros ? bytes / 4 : sizeof zeros;
    if (pwrite(bench.file, zeros, len, 0) != (ssize_t)len || fdatasync(bench.file) != 0) {
        perror("handover: write");
        exit(1);
    }
}

static void *write_for_ever(void *self)
{
    (void)self;
    (void)pthread_setname_np(pthread_self(), "writer");
    const uint64_t steps = calibrate();
    struct list batch;
    list_clear(&batch);
    for (;;) {
        (void)pthread_mutex_lock(&bench.lock);
        while (bench.queue.first == NULL) {
            bench.writer_waits = true;
            (void)pthread_cond_wait(&bench.work, &bench.lock);
        }
        bench.writer_waits = false;
        list_move(&batch, &bench.queue);
        (void)pthread_mutex_unlock(&bench.lock);
        write_batch(&batch, steps);
        (void)pthread_mutex_lock(&bench.lock);
        list_move(&bench.committed, &batch);
        (void)pthread_mutex_unlock(&bench.lock);
        rn_wake_send(bench.wake);
    }
    return NULL;
}

/* --- the loop's side ------------------------------------------------------------------------- */

static void on_turn(void *self)
{
    (void)self;
    if (bench.ready.first == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&bench.lock);
    list_move(&bench.queue, &bench.ready);
    bool wake = bench.writer_waits;
    bench.writer_waits = false;
    (void)pthread_mutex_unlock(&bench.lock);
    if (wake) {
        (void)pthread_cond_signal(&bench.work);
    }
}

static void release(struct job *job)
{
    if (job->exchange != NULL) {
        rn_exchange_set_context(job->exchange, NULL);
        rn_exchange_start(job->exchange, rn_buffer_bytes(&job->head), job->answer.framing,
                          job->answer.length);
        (void)rn_exchange_write(job->exchange, rn_buffer_bytes(&job->body));
        rn_exchange_finish(job->exchange, RN_LIT(""));
    }
    job_free(job);
}

static void on_committed(void *self)
{
    (void)self;
    struct list done;
    list_clear(&done);
    (void)pthread_mutex_lock(&bench.lock);
    list_move(&done, &bench.committed);
    (void)pthread_mutex_unlock(&bench.lock);
    for (struct job *job = done.first, *next; job != NULL; job = next) {
        next = job->next;
        release(job);
    }
}

static void on_interim(void *self, struct rn_bytes head)
{
    (void)self;
    (void)head;
}

static void on_head(void *self, struct rn_bytes head)
{
    struct job *job = self;
    struct rn_client client = rn_exchange_client(job->exchange);
    if (rn_answer_compose(&job->head, head, client, &job->answer) != RN_OK) {
        abort();
    }
    if (!bench.held) {
        rn_exchange_start(job->exchange, rn_buffer_bytes(&job->head), job->answer.framing,
                          job->answer.length);
    }
}

static bool on_body(void *self, struct rn_bytes piece)
{
    struct job *job = self;
    if (!bench.held) {
        return rn_exchange_write(job->exchange, piece);
    }
    if (rn_buffer_add(&job->body, piece) != RN_OK) {
        abort();
    }
    return true;
}

static void fail(struct job *job, const struct rn_transfer_end *end)
{
    fprintf(stderr, "handover: %s\n", end->sentence);
    rn_exchange_set_context(job->exchange, NULL);
    rn_exchange_cut(job->exchange);
    job_free(job);
}

static void on_done(void *self, const struct rn_transfer_end *end)
{
    struct job *job = self;
    job->transfer = NULL;
    if (!end->complete) {
        fail(job, end);
    } else if (bench.held) {
        job->queued = true;
        list_add(&bench.ready, job);
        rn_turn_again(bench.turn);
    } else {
        rn_exchange_set_context(job->exchange, NULL);
        rn_exchange_finish(job->exchange, end->trailers);
        job_free(job);
    }
}

static const struct rn_transfer_handler transfer_handler = {
    .on_interim = on_interim, .on_head = on_head, .on_body = on_body, .on_done = on_done};

static void answer_ourselves(struct rn_exchange *exchange)
{
    static const uint8_t body[OWN_BYTES];
    rn_exchange_answer(exchange, 200, RN_LIT("X-Request-Id: Req-1\r\n"), "application/json",
                       rn_bytes_of(body, sizeof body), NULL);
}

static void on_request(void *self, struct rn_exchange *exchange, const struct rn_request *request)
{
    (void)self;
    if (bench.own) {
        answer_ourselves(exchange);
        return;
    }
    struct job *job = rn_calloc(1, sizeof *job);
    if (job == NULL) {
        abort();
    }
    job->exchange = exchange;
    rn_exchange_set_context(exchange, job);
    struct rn_forward forward = {.method = request->head->method,
                                 .target = request->route.target,
                                 .head = request->head,
                                 .body = request->body,
                                 .spill = request->spill,
                                 .body_bytes = request->body_bytes,
                                 .has_body = request->head->framing != RN_FRAMING_NONE};
    job->request = rn_exchange_take_request(exchange);
    job->transfer =
        rn_transfer_start(bench.upstreams, bench.upstream, &forward, &transfer_handler, job);
    if (job->transfer == NULL) {
        abort();
    }
}

static void on_drained(void *self, struct rn_exchange *exchange)
{
    (void)self;
    struct job *job = rn_exchange_context(exchange);
    if (job != NULL && job->transfer != NULL) {
        rn_transfer_resume(job->transfer);
    }
}

static void on_delivered(void *self, struct rn_exchange *exchange)
{
    (void)self;
    (void)exchange;
}

static void on_gone(void *self, struct rn_exchange *exchange)
{
    (void)self;
    struct job *job = rn_exchange_context(exchange);
    if (job == NULL) {
        return;
    }
    job->exchange = NULL;
    if (!job->queued) {
        rn_transfer_cancel(job->transfer);
        job_free(job);
    }
}

/* --- starting -------------------------------------------------------------------------------- */

static bool prepare(const char *url, uint16_t port)
{
    const struct rn_handler handler = {.on_request = on_request,
                                       .on_drained = on_drained,
                                       .on_delivered = on_delivered,
                                       .on_gone = on_gone};
    struct rn_error error = {0};
    uint16_t bound = 0;
    list_clear(&bench.ready);
    list_clear(&bench.queue);
    list_clear(&bench.committed);
    bench.loop = rn_loop_new();
    bench.upstreams = bench.loop == NULL ? NULL : rn_upstreams_new(bench.loop);
    bench.gateway = bench.upstreams == NULL ? NULL : rn_gateway_new(bench.loop, &handler);
    if (bench.gateway == NULL) {
        return false;
    }
    bench.wake = rn_wake_new(bench.loop, on_committed, NULL);
    bench.turn = rn_turn_new(bench.loop, on_turn, NULL);
    if (bench.wake == NULL || bench.turn == NULL ||
        rn_upstreams_add(bench.upstreams, "bench", url, &error) != RN_OK ||
        rn_gateway_listen(bench.gateway, port, "bench", &bound, &error) != RN_OK) {
        fprintf(stderr, "handover: %s\n", error.text);
        return false;
    }
    bench.upstream = rn_upstreams_find(bench.upstreams, RN_LIT("bench"));
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: handover PORT UPSTREAM-URL own|plain|held FILE\n");
        return 2;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    bench.own = strcmp(argv[3], "own") == 0;
    bench.held = strcmp(argv[3], "held") == 0;
    bench.file = open(argv[4], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (bench.file < 0 || !prepare(argv[2], (uint16_t)strtoul(argv[1], NULL, 10))) {
        fprintf(stderr, "handover: cannot start (%s)\n", strerror(errno));
        return 2;
    }
    (void)pthread_setname_np(pthread_self(), "loop");
    pthread_t writer;
    if (bench.held && pthread_create(&writer, NULL, write_for_ever, NULL) != 0) {
        return 2;
    }
    rn_loop_run(bench.loop);
    return 0;
}
