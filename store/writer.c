/*
 * The writer's thread and the two queues in front of and behind it. What an entry turns into is prepare.c's, how a group
 * is committed batch.c's; here it is decided when.
 *
 * A group is what queued while the last one was committed, and what still comes while it is prepared, for GROUP_NS at most.
 * Whoever waits longest waits for two commits. When nothing comes for IDLE_NS, the indexes are brought up in small steps.
 */
#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "index.h"
#include "recording.h"
#include "store_internal.h"

#define GROUP_NS UINT64_C(4000000)
#define IDLE_NS UINT64_C(50000000)
#define GAP_RETRY_NS UINT64_C(1000000000)
/* Above, index steps are made between commits too: what a reader would have to catch up with takes a third of a second. */
#define UNINDEXED_ROWS_MAX 16384u
#define INDEX_ROWS_STEP 512u

struct entry_queue {
    struct rn_entry *head;
    struct rn_entry *tail;
};

struct rn_writer {
    struct rn_store *store;
    void (*wake)(void *self);
    void *wake_self;
    struct rn_buffer credentials_key;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* over the next seven */
    pthread_cond_t more;
    struct entry_queue queue;
    struct entry_queue done;
    bool is_stopping;
    bool has_missed;                 /* some recording has */
    struct rn_recording *recordings; /* all that are open */
    char last_error[RN_ERROR_BYTES_MAX];
    _Atomic uint64_t backlog_bytes;
    /* The thread's own. */
    struct rn_batch batch;
    uint64_t rows_indexed_until; /* batch.rows when the indexes were last complete */
    uint64_t gap_tried_ns;
};

/* --- queues --------------------------------------------------------------------------------------------------------- */

static void queue_add(struct entry_queue *queue, struct rn_entry *first, struct rn_entry *last)
{
    if (queue->tail == NULL) {
        queue->head = first;
    } else {
        queue->tail->next = first;
    }
    queue->tail = last;
}

static struct rn_entry *queue_take(struct entry_queue *queue)
{
    struct rn_entry *entry = queue->head;
    if (entry != NULL) {
        queue->head = entry->next;
        queue->tail = queue->head == NULL ? NULL : queue->tail;
        entry->next = NULL;
    }
    return entry;
}

static uint64_t entry_bytes(const struct rn_entry *entry)
{
    uint64_t bytes = sizeof *entry;
    for (uint64_t left = entry->event.fields; left != 0; left &= left - 1) {
        bytes += entry->event.field[__builtin_ctzll(left)].len;
    }
    return bytes;
}

void rn_writer_submit(struct rn_writer *writer, struct rn_entry *entry)
{
    entry->next = NULL;
    entry->held_bytes = entry_bytes(entry);
    atomic_fetch_add(&writer->backlog_bytes, entry->held_bytes);
    pthread_mutex_lock(&writer->lock);
    bool was_empty = writer->queue.head == NULL;
    queue_add(&writer->queue, entry, entry);
    pthread_mutex_unlock(&writer->lock);
    if (was_empty) {
        pthread_cond_signal(
            &writer->more); /* not before: it would wake up to find the lock taken */
    }
}

void rn_writer_miss(struct rn_writer *writer, struct rn_recording *recording, const char *reason)
{
    struct rn_pending_gap *missed = &recording->missed;
    uint64_t now = rn_clock_wall_ns();
    pthread_mutex_lock(&writer->lock);
    missed->first_wall_ns = missed->count == 0 ? now : missed->first_wall_ns;
    missed->last_wall_ns = now;
    missed->count++;
    (void)snprintf(missed->reason, sizeof missed->reason, "%s", reason);
    writer->has_missed = true;
    pthread_cond_signal(&writer->more);
    pthread_mutex_unlock(&writer->lock);
}

static void recording_forget(struct rn_writer *writer, struct rn_recording *recording)
{
    pthread_mutex_lock(&writer->lock);
    if (recording->previous == NULL) {
        writer->recordings = recording->next;
    } else {
        recording->previous->next = recording->next;
    }
    if (recording->next != NULL) {
        recording->next->previous = recording->previous;
    }
    pthread_mutex_unlock(&writer->lock);
    rn_recording_free(recording);
}

struct rn_entry *rn_writer_collect(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    struct rn_entry *entry = queue_take(&writer->done);
    pthread_mutex_unlock(&writer->lock);
    if (entry == NULL) {
        return NULL;
    }
    atomic_fetch_sub(&writer->backlog_bytes, entry->held_bytes);
    if (entry->kind == RN_ENTRY_TRACE_CLOSE) {
        recording_forget(writer, entry->trace);
        entry->trace = NULL;
    }
    return entry;
}

uint64_t rn_writer_backlog_bytes(const struct rn_writer *writer)
{
    return atomic_load(&writer->backlog_bytes);
}

void rn_writer_last_error(struct rn_writer *writer, char *out, size_t out_bytes)
{
    pthread_mutex_lock(&writer->lock);
    (void)snprintf(out, out_bytes, "%s", writer->last_error);
    pthread_mutex_unlock(&writer->lock);
}

/* --- the thread: groups --------------------------------------------------------------------------------------------- */

static struct rn_entry *next_entry(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    struct rn_entry *entry = queue_take(&writer->queue);
    pthread_mutex_unlock(&writer->lock);
    return entry;
}

static void take_missed(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    struct rn_recording *recording = writer->has_missed ? writer->recordings : NULL;
    for (; recording != NULL; recording = recording->next) {
        rn_recording_take_missed(recording, &writer->batch);
    }
    writer->has_missed = false;
    pthread_mutex_unlock(&writer->lock);
}

/* Gaps come first, so that a trace says what is missing before it goes on. */
static void prepare_gaps(struct rn_batch *batch)
{
    struct rn_recording *recording = batch->gapped;
    while (recording != NULL && batch->item_count < RN_BATCH_ITEMS_MAX / 2) {
        struct rn_recording *next = recording->next_gapped;
        rn_recording_prepare_gap(recording, batch);
        recording = next;
    }
}

static void prepare_group(struct rn_writer *writer)
{
    struct rn_batch *batch = &writer->batch;
    uint64_t until_ns = rn_clock_mono_ns() + GROUP_NS;
    unsigned count = 0;
    take_missed(writer);
    prepare_gaps(batch);
    while (count < RN_COMMIT_EVENTS_MAX && rn_batch_has_room(batch)) {
        struct rn_entry *entry = next_entry(writer);
        if (entry == NULL) {
            break;
        }
        if (entry->kind == RN_ENTRY_TRACE_CLOSE) {
            take_missed(writer); /* since the group began */
        }
        rn_recording_prepare(batch, entry);
        count++;
        if (rn_clock_mono_ns() >= until_ns) {
            break;
        }
    }
}

/* Hands over what is settled and wakes whoever waits for it. */
static void hand_over(struct rn_writer *writer)
{
    struct rn_batch *batch = &writer->batch;
    struct rn_entry *first = batch->done_head;
    pthread_mutex_lock(&writer->lock);
    if (batch->error.status != RN_OK) {
        (void)snprintf(writer->last_error, sizeof writer->last_error, "%s", batch->error.text);
    }
    while (batch->done_head != NULL) {
        struct rn_entry *entry = batch->done_head;
        batch->done_head = entry->next;
        entry->next = NULL;
        queue_add(&writer->done, entry, entry);
    }
    batch->done_tail = &batch->done_head;
    pthread_mutex_unlock(&writer->lock);
    if (first != NULL) {
        writer->wake(writer->wake_self);
    }
}

static void write_group(struct rn_writer *writer)
{
    prepare_group(writer);
    (void)rn_batch_commit(&writer->batch); /* every entry knows its own status */
    hand_over(writer);
    writer->gap_tried_ns = rn_clock_mono_ns();
}

/* --- the thread: what it does when nothing comes -------------------------------------------------------------------- */

static uint64_t rows_unindexed(const struct rn_writer *writer)
{
    return writer->batch.rows - writer->rows_indexed_until;
}

/* One step; a failure is left to the next opener, who catches up from the log. */
static void index_step(struct rn_writer *writer)
{
    uint64_t rows_left = 0;
    enum rn_status status = rn_index_step(writer->store, INDEX_ROWS_STEP, &rows_left, NULL);
    if (status != RN_OK || rows_left == 0) {
        writer->rows_indexed_until = writer->batch.rows;
    }
}

static bool gap_is_due(const struct rn_writer *writer)
{
    return writer->batch.gapped != NULL &&
           rn_clock_mono_ns() - writer->gap_tried_ns >= GAP_RETRY_NS;
}

/* Waits for an entry, for the end, or for the moment to do something else. Called and left with the lock. */
static void wait_for_work(struct rn_writer *writer)
{
    if (rows_unindexed(writer) == 0 && writer->batch.gapped == NULL) {
        pthread_cond_wait(&writer->more, &writer->lock);
        return;
    }
    uint64_t until_ns = rn_clock_mono_ns() + (rows_unindexed(writer) > 0 ? IDLE_NS : GAP_RETRY_NS);
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                   .tv_nsec = (long)(until_ns % 1000000000u)};
    (void)pthread_cond_timedwait(&writer->more, &writer->lock, &until);
}

enum work { WORK_GROUP, WORK_IDLE, WORK_END };

static enum work next_work(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->queue.head == NULL && !writer->is_stopping) {
        wait_for_work(writer);
    }
    enum work work = writer->queue.head != NULL ? WORK_GROUP
                     : writer->is_stopping      ? WORK_END
                                                : WORK_IDLE;
    pthread_mutex_unlock(&writer->lock);
    return work;
}

static bool is_queue_empty(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool is_empty = writer->queue.head == NULL;
    pthread_mutex_unlock(&writer->lock);
    return is_empty;
}

static void idle(struct rn_writer *writer)
{
    take_missed(writer);
    if (gap_is_due(writer)) {
        write_group(writer);
    }
    while (rows_unindexed(writer) > 0 && is_queue_empty(writer)) {
        index_step(writer);
    }
}

static void *run(void *self)
{
    struct rn_writer *writer = self;
    enum work work;
    while ((work = next_work(writer)) != WORK_END) {
        if (work == WORK_IDLE) {
            idle(writer);
            continue;
        }
        write_group(writer);
        if (rows_unindexed(writer) > UNINDEXED_ROWS_MAX) {
            index_step(writer);
        }
    }
    take_missed(writer);
    if (writer->batch.gapped != NULL) {
        write_group(writer);
    }
    while (rows_unindexed(writer) > 0) {
        index_step(writer);
    }
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static void writer_init(struct rn_writer *writer)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->more, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&writer->lock, NULL);
}

/* With every signal blocked: they are the loop's. */
static enum rn_status thread_start(struct rn_writer *writer, struct rn_error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        return rn_fail(error, RN_IO, "the writer's thread could not be started: %s",
                       strerror(failed));
    }
    writer->is_running = true;
    return RN_OK;
}

enum rn_status rn_writer_start(struct rn_store *store, void (*wake)(void *self), void *wake_self,
                               struct rn_bytes credentials_key, struct rn_writer **out,
                               struct rn_error *error)
{
    struct rn_writer *writer = rn_calloc(1, sizeof *writer);
    if (writer == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory while the writer was started");
    }
    writer->store = store;
    writer->wake = wake;
    writer->wake_self = wake_self;
    writer_init(writer);
    enum rn_status status = rn_batch_init(&writer->batch, store->db, &store->prepared);
    if (status == RN_OK) {
        status = rn_buffer_add(&writer->credentials_key, credentials_key);
    }
    if (status != RN_OK) {
        rn_fail(error, status, "out of memory while the writer was started");
    } else {
        status = thread_start(writer, error);
    }
    if (status != RN_OK) {
        rn_writer_free(writer);
        return status;
    }
    *out = writer;
    return RN_OK;
}

static void ask_to_stop(struct rn_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->more);
    pthread_mutex_unlock(&writer->lock);
}

void rn_writer_stop(struct rn_writer *writer)
{
    if (!writer->is_running) {
        return;
    }
    ask_to_stop(writer);
    pthread_join(writer->thread, NULL);
    writer->is_running = false;
}

bool rn_writer_stop_within(struct rn_writer *writer, uint64_t ns)
{
    if (!writer->is_running) {
        return true;
    }
    ask_to_stop(writer);
    uint64_t until_ns = rn_clock_mono_ns() + ns;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                   .tv_nsec = (long)(until_ns % 1000000000u)};
    writer->is_running = pthread_clockjoin_np(writer->thread, NULL, CLOCK_MONOTONIC, &until) != 0;
    return !writer->is_running;
}

void rn_writer_free(struct rn_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    rn_writer_stop(writer);
    while (writer->recordings != NULL) {
        recording_forget(writer, writer->recordings);
    }
    rn_batch_free(&writer->batch);
    rn_buffer_free(&writer->credentials_key);
    pthread_cond_destroy(&writer->more);
    pthread_mutex_destroy(&writer->lock);
    rn_free(writer);
}

struct rn_recording *rn_recording_open(struct rn_writer *writer,
                                       const struct rn_recording_settings *settings,
                                       struct rn_recording *redactor_of)
{
    struct rn_door *door = redactor_of != NULL
                               ? rn_door_share(redactor_of->door)
                               : rn_door_new(rn_buffer_bytes(&writer->credentials_key));
    if (door == NULL) {
        return NULL;
    }
    struct rn_recording *recording =
        rn_recording_new(settings, door, rn_owner_text(writer->store->owner));
    if (recording == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&writer->lock);
    recording->next = writer->recordings;
    if (recording->next != NULL) {
        recording->next->previous = recording;
    }
    writer->recordings = recording;
    pthread_mutex_unlock(&writer->lock);
    return recording;
}
