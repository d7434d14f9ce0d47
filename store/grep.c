/*
 * Traces dealt out to threads, and their hits handed to the caller in order (grep.h). At most WINDOW traces are ahead of the one that
 * is told of next, so that memory stays small however many hits there are.
 */
#include "store/grep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "grep_trace.h"

#define WINDOW 64u
#define THREADS_MAX 16u

/* A trace being searched, or searched and not told of yet. */
struct place {
    struct rn_grep_found *found; /* NULL: free */
    bool is_done;
    enum rn_status status;
    struct rn_error error;
};

struct hunt {
    struct rn_store *store;
    const struct rn_grep *grep;
    const struct rn_trace_id *ids;
    size_t count;
    bool backwards; /* newest first */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* something was done, or told of */
    size_t next;          /* to be searched */
    size_t told;          /* those before were told of */
    bool is_over;         /* no more are wanted */
    struct place places[WINDOW];
};

static const struct rn_trace_id *id_at(const struct hunt *hunt, size_t i)
{
    return &hunt->ids[hunt->backwards ? hunt->count - 1 - i : i];
}

/* --- the threads ---------------------------------------------------------------------------------------------------- */

/* The next trace to search; false when there is none left. Called with the lock held. */
static bool take(struct hunt *hunt, size_t *which)
{
    while (!hunt->is_over && hunt->next < hunt->count && hunt->next >= hunt->told + WINDOW) {
        pthread_cond_wait(&hunt->moved, &hunt->lock);
    }
    *which = hunt->next;
    bool any = !hunt->is_over && hunt->next < hunt->count;
    hunt->next += any;
    return any;
}

static void search_one(struct hunt *hunt, size_t which, struct place *out)
{
    *out = (struct place){.is_done = true, .found = rn_calloc(1, sizeof *out->found)};
    if (out->found == NULL) {
        out->status = rn_fail(&out->error, RN_NOMEM, "no memory to search a trace");
        return;
    }
    out->status =
        rn_grep_trace(hunt->store, hunt->grep, id_at(hunt, which), out->found, &out->error);
}

static void *work(void *self)
{
    struct hunt *hunt = self;
    struct place result;
    size_t which = 0;
    pthread_mutex_lock(&hunt->lock);
    while (take(hunt, &which)) {
        pthread_mutex_unlock(&hunt->lock);
        search_one(hunt, which, &result);
        pthread_mutex_lock(&hunt->lock);
        hunt->places[which % WINDOW] = result;
        pthread_cond_broadcast(&hunt->moved);
    }
    pthread_mutex_unlock(&hunt->lock);
    return NULL;
}

/* --- the caller's thread -------------------------------------------------------------------------------------------- */

static void add_up(struct rn_grep_done *done, const struct rn_grep_done *more)
{
    done->traces += more->traces;
    done->traces_hit += more->traces_hit;
    done->events += more->events;
    done->bytes += more->bytes;
    done->pieces += more->pieces;
    done->unread += more->unread;
}

/* Waits for the next trace and takes it out of its place. */
static struct place wait_for(struct hunt *hunt, size_t which)
{
    struct place *place = &hunt->places[which % WINDOW];
    pthread_mutex_lock(&hunt->lock);
    while (!place->is_done) {
        pthread_cond_wait(&hunt->moved, &hunt->lock);
    }
    struct place result = *place;
    *place = (struct place){.found = NULL};
    hunt->told = which + 1;
    pthread_cond_broadcast(&hunt->moved);
    pthread_mutex_unlock(&hunt->lock);
    return result;
}

static void place_free(struct place *place)
{
    if (place->found != NULL) {
        rn_grep_found_free(place->found);
        rn_free(place->found);
    }
}

/* With a limit the hits of the newest traces are kept until the oldest of them is known. */
struct kept {
    struct rn_grep_found **at;
    size_t count, cap;
};

static enum rn_status tell_hits(const struct rn_grep_found *found, rn_grep_visit *visit, void *self)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < found->count; i++) {
        status = visit(self, &found->hits[i]);
    }
    return status;
}

static enum rn_status keep(struct kept *kept, struct place *place)
{
    if (kept->count == kept->cap) {
        size_t cap = kept->cap == 0 ? 16 : 2 * kept->cap;
        struct rn_grep_found **at = rn_realloc(kept->at, cap * sizeof *at);
        if (at == NULL) {
            return RN_NOMEM;
        }
        kept->at = at;
        kept->cap = cap;
    }
    kept->at[kept->count++] = place->found;
    place->found = NULL;
    return RN_OK;
}

static enum rn_status gather(struct hunt *hunt, uint64_t limit, rn_grep_visit *visit, void *self,
                             struct kept *kept, struct rn_grep_done *done, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < hunt->count; i++) {
        struct place place = wait_for(hunt, i);
        if (place.status != RN_OK) {
            status = rn_fail(error, place.status, "%s", place.error.text);
        } else {
            add_up(done, &place.found->done);
        }
        if (status == RN_OK && place.found->count > 0) {
            status = limit > 0 ? keep(kept, &place) : tell_hits(place.found, visit, self);
        }
        place_free(&place);
        if (limit > 0 && kept->count == limit) {
            break;
        }
    }
    return status;
}

static enum rn_status tell_kept(struct kept *kept, rn_grep_visit *visit, void *self)
{
    enum rn_status status = RN_OK;
    for (size_t i = kept->count; status == RN_OK && i > 0; i--) {
        status = tell_hits(kept->at[i - 1], visit, self);
    }
    return status;
}

static void kept_free(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        rn_grep_found_free(kept->at[i]);
        rn_free(kept->at[i]);
    }
    rn_free(kept->at);
}

/* --- a hunt --------------------------------------------------------------------------------------------------------- */

static unsigned thread_count(const struct rn_grep *grep, size_t traces)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = grep->threads > 0 ? grep->threads
                       : processors > 0  ? (unsigned)processors
                                         : 1;
    threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    return traces < threads ? (unsigned)traces : threads;
}

/* As many as could be started. */
static unsigned start(struct hunt *hunt, pthread_t *threads, unsigned wanted)
{
    unsigned count = 0;
    while (count < wanted && pthread_create(&threads[count], NULL, work, hunt) == 0) {
        count++;
    }
    return count;
}

static void finish(struct hunt *hunt, pthread_t *threads, unsigned count)
{
    pthread_mutex_lock(&hunt->lock);
    hunt->is_over = true;
    pthread_cond_broadcast(&hunt->moved);
    pthread_mutex_unlock(&hunt->lock);
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < WINDOW; i++) {
        place_free(&hunt->places[i]);
    }
    pthread_cond_destroy(&hunt->moved);
    pthread_mutex_destroy(&hunt->lock);
}

static enum rn_status run(struct hunt *hunt, uint64_t limit, rn_grep_visit *visit, void *self,
                          struct rn_grep_done *done, struct rn_error *error)
{
    pthread_t threads[THREADS_MAX];
    struct kept kept = {.count = 0};
    unsigned wanted = thread_count(hunt->grep, hunt->count);
    pthread_mutex_init(&hunt->lock, NULL);
    pthread_cond_init(&hunt->moved, NULL);
    unsigned count = start(hunt, threads, wanted);
    enum rn_status status = count > 0 || wanted == 0
                                ? gather(hunt, limit, visit, self, &kept, done, error)
                                : rn_fail(error, RN_NOMEM, "no thread to search with");
    finish(hunt, threads, count);
    if (status == RN_NOMEM && error != NULL && error->text[0] == '\0') {
        (void)rn_fail(error, status, "no memory to search");
    }
    status = status == RN_OK ? tell_kept(&kept, visit, self) : status;
    kept_free(&kept);
    return status;
}

enum rn_status rn_grep_run(struct rn_store *store, const struct rn_selection *selection,
                           const struct rn_grep *grep, rn_grep_visit *visit, void *self,
                           struct rn_grep_done *done, struct rn_error *error)
{
    struct rn_selection wanted = *selection;
    struct rn_trace_id *ids = NULL;
    struct hunt *hunt = NULL;
    size_t count = 0;
    *done = (struct rn_grep_done){.traces = 0};
    if (grep->text.len == 0) {
        return rn_fail(error, RN_INVALID, "the text to search for is empty");
    }
    wanted.limit = 0; /* of those with hits, not of those searched */
    enum rn_status status = rn_selection_check(selection, error);
    status = status == RN_OK ? rn_select_traces(store, &wanted, &ids, &count, error) : status;
    if (status == RN_OK) {
        hunt = rn_calloc(1, sizeof *hunt);
        status = hunt == NULL ? rn_fail(error, RN_NOMEM, "no memory to search") : RN_OK;
    }
    if (status == RN_OK) {
        hunt->store = store;
        hunt->grep = grep;
        hunt->ids = ids;
        hunt->count = count;
        hunt->backwards = selection->limit > 0;
        status = run(hunt, selection->limit, visit, self, done, error);
    }
    rn_free(hunt);
    rn_free(ids);
    return status;
}
