/*
 * Finding in a large store, for bench/find: fills one through its own writer, brings its facts up, selects and searches.
 *
 *   bench_find fill DIRECTORY TRACES   traces of one call each; see compose() for what is rare among them
 *   bench_find load DIRECTORY          exchanges from standard input: eight runs each, a u32 length in the machine's order in front
 *                                      (trace, upstream, method, target, two heads and two bodies); equal names in a row are one trace
 *   bench_find up DIRECTORY            brings facts and postings up
 *   bench_find select DIRECTORY CONDITION VALUE TIMES   the median; CONDITION is model, tag, prompt, error, outcome or all; VALUE of
 *                                                       prompt is the tag of a trace that has it
 *   bench_find grep DIRECTORY TEXT THREADS TIMES        the median
 *
 * Prints one line of JSON; times are in ns, `cpu` is that of all threads. `entries` are entries of trees that were walked, `opened`
 * events whose bodies were read.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/varint.h"
#include "scan.h"
#include "store/grep.h"
#include "store/writer.h"

#define TRACES_AT_ONCE 512u
#define FIELDS 8u
#define RARE 20000u /* one trace in so many */

static struct rn_error error;
static struct rn_store *store;
static struct rn_writer *writer;

static void want(enum rn_status status, const char *what)
{
    if (status != RN_OK) {
        fprintf(stderr, "bench_find: %s: %s\n", what, error.text);
        exit(1);
    }
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- what is counted ------------------------------------------------------------------------------------------------ */

static atomic_ullong entries_walked;
static atomic_ullong events_opened;

enum rn_status __real_rn_scan_next(struct rn_scan *scan, struct rn_arena *arena,
                                   struct rn_scan_entry *entries, unsigned *count,
                                   struct rn_error *failure);
enum rn_status __wrap_rn_scan_next(struct rn_scan *scan, struct rn_arena *arena,
                                   struct rn_scan_entry *entries, unsigned *count,
                                   struct rn_error *failure);
enum rn_status __wrap_rn_scan_next(struct rn_scan *scan, struct rn_arena *arena,
                                   struct rn_scan_entry *entries, unsigned *count,
                                   struct rn_error *failure)
{
    enum rn_status status = __real_rn_scan_next(scan, arena, entries, count, failure);
    entries_walked += *count;
    return status;
}

enum rn_status __real_rn_trace_event_indexed(struct rn_store *in, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure);
enum rn_status __wrap_rn_trace_event_indexed(struct rn_store *in, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure);
enum rn_status __wrap_rn_trace_event_indexed(struct rn_store *in, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure)
{
    events_opened++;
    return __real_rn_trace_event_indexed(in, id, class, n, arena, out, failure);
}

/* --- the writer ----------------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static bool is_woken;

static void wake(void *self)
{
    (void)self;
    pthread_mutex_lock(&lock);
    is_woken = true;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void collect(size_t count)
{
    while (count > 0) {
        struct rn_entry *entry = rn_writer_collect(writer);
        if (entry != NULL) {
            rn_writer_last_error(writer, error.text, sizeof error.text);
            want(entry->status, "an event was not stored");
            count--;
            continue;
        }
        pthread_mutex_lock(&lock);
        while (!is_woken) {
            pthread_cond_wait(&woken, &lock);
        }
        is_woken = false;
        pthread_mutex_unlock(&lock);
    }
}

static void open_store(const char *directory, bool writes)
{
    want(rn_store_open(directory, writes ? RN_STORE_CREATE : RN_STORE_READ, &store, &error),
         "open");
    if (writes) {
        want(rn_writer_start(store, wake, NULL, RN_LIT("the user's key"), &writer, &error),
             "the writer");
    }
}

static struct rn_recording *open_trace(const char *name, const char *const *tags)
{
    struct rn_recording_settings settings = {
        .name = name, .kind = "serve", .tags = tags, .release = "1.0"};
    rn_uuid7(settings.id.bytes);
    struct rn_recording *recording = rn_recording_open(writer, &settings, NULL);
    want(recording == NULL ? RN_NOMEM : RN_OK, "no memory for a trace");
    return recording;
}

/* --- generated traces ----------------------------------------------------------------------------------------------- */

struct call {
    struct rn_entry entry, closing;
    char request[900], answer[600], answer_head[200];
    struct rn_buffer times;
};

static void put_times(struct rn_buffer *times, size_t n)
{
    const uint64_t values[] = {UINT64_C(1700000000000000000) + n * 1000000, 300000, 400000};
    rn_buffer_clear(times);
    for (size_t i = 0; i < 3; i++) {
        want(rn_varint_put(times, values[i]), "a number");
    }
}

static void put_exchange(struct rn_event *event, uint32_t n, const struct rn_bytes fields[FIELDS])
{
    static const enum rn_tag tags[FIELDS] = {
        [1] = RN_TAG_UPSTREAM,     [2] = RN_TAG_METHOD,        [3] = RN_TAG_TARGET,
        [4] = RN_TAG_REQUEST_HEAD, [5] = RN_TAG_RESPONSE_HEAD, [6] = RN_TAG_REQUEST_BODY,
        [7] = RN_TAG_RESPONSE_BODY};
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(event, RN_TAG_END, RN_LIT("\1"));
    for (size_t i = 1; i < FIELDS; i++) {
        rn_event_set(event, tags[i], fields[i]);
    }
}

/* One in RARE has another model, one another system prompt, one an error; each tenth an outcome of its own. */
static void compose(struct call *call, size_t n)
{
    bool is_rare = n % RARE == 7;
    bool is_failed = n % RARE == 13;
    (void)snprintf(
        call->request, sizeof call->request,
        "{\"model\":\"%s\",\"temperature\":0.2,\"messages\":[{\"role\":\"system\",\"content\":"
        "\"%s Answer in one sentence and name the paragraph of the policy you rely on.\"},"
        "{\"role\":\"user\",\"content\":\"Order %zu came broken. May the customer of %zu days ago "
        "have the money back, and who pays for the parcel?\"}]}",
        is_rare ? "rare-model" : "gpt-4.1-mini",
        n % RARE == 11 ? "You judge complaints about parcels." : "You judge refunds.", n + 100000,
        n % 97);
    (void)snprintf(call->answer, sizeof call->answer,
                   is_failed
                       ? "{\"error\":{\"message\":\"overloaded %zu\",\"type\":\"server_error\"}}"
                       : "{\"id\":\"chatcmpl-%zx\",\"model\":\"gpt-4.1-mini\",\"choices\":[{"
                         "\"message\":{\"role\":\"assistant\",\"content\":\"Order %zu is eligible "
                         "under paragraph %zu.\"},\"finish_reason\":\"stop\"}],\"usage\":{"
                         "\"prompt_tokens\":88,\"completion_tokens\":17}}",
                   n, n + 100000, n % 31);
    (void)snprintf(call->answer_head, sizeof call->answer_head,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\n\r\n",
                   is_failed ? "503 Service Unavailable" : "200 OK");
    const struct rn_bytes fields[FIELDS] = {
        [1] = RN_LIT("openai"),
        [2] = RN_LIT("POST"),
        [3] = RN_LIT("/v1/chat/completions"),
        [4] = RN_LIT("POST /v1/chat/completions HTTP/1.1\r\nHost: api\r\nContent-Type: "
                     "application/json\r\n\r\n"),
        [5] = rn_bytes_text(call->answer_head),
        [6] = rn_bytes_text(call->request),
        [7] = rn_bytes_text(call->answer)};
    put_exchange(&call->entry.event, 1, fields);
    put_times(&call->times, n);
    rn_event_set(&call->entry.event, RN_TAG_TIMES, rn_buffer_bytes(&call->times));
}

static void submit_round(struct call *calls, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char tag[32];
        (void)snprintf(tag, sizeof tag, "case=%zu", from + i);
        const char *const tags[] = {tag, "team=blue", NULL};
        struct rn_recording *trace = open_trace("POST /refunds", tags);
        calls[i].entry.kind = RN_ENTRY_EVENT;
        calls[i].entry.trace = trace;
        calls[i].closing = (struct rn_entry){.kind = RN_ENTRY_TRACE_CLOSE, .trace = trace};
        compose(&calls[i], from + i);
        rn_writer_submit(writer, &calls[i].entry);
    }
    collect(count);
    for (size_t i = 0; i < count; i++) {
        rn_writer_submit(writer, &calls[i].closing);
    }
    collect(count);
}

static void fill(size_t traces)
{
    struct call *calls = calloc(TRACES_AT_ONCE, sizeof *calls);
    for (size_t done = 0; done < traces; done += TRACES_AT_ONCE) {
        submit_round(calls, done, traces - done < TRACES_AT_ONCE ? traces - done : TRACES_AT_ONCE);
    }
    for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
        rn_buffer_free(&calls[i].times);
    }
    free(calls);
}

/* --- recorded traffic ----------------------------------------------------------------------------------------------- */

static bool read_run(struct rn_buffer *out)
{
    uint32_t len = 0;
    rn_buffer_clear(out);
    if (fread(&len, sizeof len, 1, stdin) != 1) {
        return false;
    }
    want(rn_buffer_reserve(out, len + 1u), "no memory");
    out->len = fread(out->data, 1, len, stdin);
    return out->len == len;
}

static void close_trace(struct rn_recording *trace)
{
    struct rn_entry closing = {.kind = RN_ENTRY_TRACE_CLOSE, .trace = trace};
    if (trace != NULL) {
        rn_writer_submit(writer, &closing);
        collect(1);
    }
}

static size_t load(void)
{
    struct rn_buffer runs[FIELDS] = {{0}};
    struct rn_buffer name = {0};
    struct rn_buffer times = {0};
    struct rn_recording *trace = NULL;
    size_t count = 0;
    uint32_t n = 0;
    while (read_run(&runs[0])) {
        struct rn_bytes fields[FIELDS];
        struct rn_entry entry = {.kind = RN_ENTRY_EVENT};
        for (size_t i = 0; i < FIELDS; i++) {
            want(i == 0 || read_run(&runs[i]) ? RN_OK : RN_INVALID, "the input is cut");
            fields[i] = rn_buffer_bytes(&runs[i]);
        }
        if (trace == NULL || !rn_bytes_equal(rn_buffer_bytes(&name), fields[0])) {
            close_trace(trace);
            trace = open_trace("recorded", NULL);
            rn_buffer_clear(&name);
            want(rn_buffer_add(&name, fields[0]), "no memory");
            n = 0;
        }
        put_exchange(&entry.event, ++n, fields);
        put_times(&times, count++);
        rn_event_set(&entry.event, RN_TAG_TIMES, rn_buffer_bytes(&times));
        entry.trace = trace;
        rn_writer_submit(writer, &entry);
        collect(1);
    }
    close_trace(trace);
    for (size_t i = 0; i < FIELDS; i++) {
        rn_buffer_free(&runs[i]);
    }
    rn_buffer_free(&name);
    rn_buffer_free(&times);
    return count;
}

/* --- finding -------------------------------------------------------------------------------------------------------- */

static enum rn_status take_key(void *self, const struct rn_facts *facts)
{
    rn_prompt_key_text(&facts->prompt.system_exact, self);
    return RN_OK;
}

/* The key of the system prompt that the trace with this tag was given. */
static const char *prompt_of(const char *tag)
{
    static char key[2 * RN_PROMPT_KEY_BYTES + 1];
    const char *const tags[] = {tag, NULL};
    const struct rn_selection selection = {.tags = tags};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    want(rn_select_traces(store, &selection, &ids, &count, &error), "select");
    want(count == 1 ? RN_OK : RN_NOTFOUND, "the tag is not that of one trace");
    want(rn_facts_of(store, &ids[0], take_key, key, &error), "facts");
    rn_free(ids);
    return key;
}

static size_t select_once(const char *condition, const char *value)
{
    const char *const tags[] = {value, NULL};
    struct rn_selection selection = {.limit = 0};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    if (strcmp(condition, "model") == 0) {
        selection.model = value;
    } else if (strcmp(condition, "tag") == 0) {
        selection.tags = tags;
    } else if (strcmp(condition, "prompt") == 0) {
        selection.prompt = value;
    } else if (strcmp(condition, "error") == 0) {
        selection.upstream_error = true;
    } else if (strcmp(condition, "outcome") == 0) {
        selection.outcome = value;
    }
    want(rn_select_traces(store, &selection, &ids, &count, &error), "select");
    rn_free(ids);
    return count;
}

static enum rn_status count_hit(void *self, const struct rn_grep_hit *hit)
{
    *(size_t *)self += hit->excerpt.len > 0;
    return RN_OK;
}

static size_t grep_once(const char *text, unsigned threads, uint64_t *searched)
{
    const struct rn_selection all = {.limit = 0};
    const struct rn_grep grep = {.text = rn_bytes_text(text), .threads = threads};
    struct rn_grep_done done;
    size_t hits = 0;
    want(rn_grep_run(store, &all, &grep, count_hit, &hits, &done, &error), "grep");
    *searched = done.bytes;
    return hits;
}

static uint64_t raw_bytes(void)
{
    const struct rn_selection all = {.limit = 0};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    uint64_t bytes = 0;
    want(rn_select_traces(store, &all, &ids, &count, &error), "select");
    for (size_t i = 0; i < count; i++) {
        struct rn_arena arena = {0};
        struct rn_trace_summary summary;
        want(rn_trace_summary(store, &ids[i], &arena, &summary, &error), "a summary");
        bytes += summary.raw_bytes;
        rn_arena_free(&arena);
    }
    rn_free(ids);
    return bytes;
}

struct took {
    uint64_t wall, cpu;
};

static int by_wall(const void *a, const void *b)
{
    uint64_t x = ((const struct took *)a)->wall;
    uint64_t y = ((const struct took *)b)->wall;
    return (x > y) - (x < y);
}

/* Argument 3 and 4 are CONDITION and VALUE, or TEXT and THREADS. The first time is not counted. */
static void find(char **argv, bool is_grep)
{
    size_t times = strtoull(argv[5], NULL, 10);
    struct took *took = calloc(times + 1, sizeof *took);
    size_t found = 0;
    uint64_t searched = 0;
    const char *value = strcmp(argv[3], "prompt") == 0 ? prompt_of(argv[4]) : argv[4];
    for (size_t i = 0; i <= times; i++) {
        entries_walked = 0;
        events_opened = 0;
        uint64_t wall = clock_ns(CLOCK_MONOTONIC);
        uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        found = is_grep ? grep_once(argv[3], (unsigned)strtoul(argv[4], NULL, 10), &searched)
                        : select_once(argv[3], value);
        took[i].wall = clock_ns(CLOCK_MONOTONIC) - wall;
        took[i].cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    qsort(took + 1, times, sizeof *took, by_wall);
    const struct took *middle = &took[1 + times / 2];
    printf("{\"found\":%zu,\"wall\":%" PRIu64 ",\"cpu\":%" PRIu64 ",\"entries\":%llu,"
           "\"opened\":%llu,\"searched\":%" PRIu64 ",\"raw\":%" PRIu64 "}\n",
           found, middle->wall, middle->cpu, (unsigned long long)entries_walked,
           (unsigned long long)events_opened, searched, is_grep ? raw_bytes() : 0);
    free(took);
}

/* --- modes ---------------------------------------------------------------------------------------------------------- */

static void report(uint64_t wall, uint64_t cpu, size_t count)
{
    printf("{\"count\":%zu,\"wall\":%" PRIu64 ",\"cpu\":%" PRIu64 "}\n", count,
           clock_ns(CLOCK_MONOTONIC) - wall, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv)
{
    if (argc < 3 || (argc < 6 && strcmp(argv[1], "fill") != 0 && strcmp(argv[1], "load") != 0 &&
                     strcmp(argv[1], "up") != 0)) {
        fprintf(stderr, "bench_find: see the head of bench/find.c\n");
        return 2;
    }
    bool writes = strcmp(argv[1], "fill") == 0 || strcmp(argv[1], "load") == 0;
    open_store(argv[2], writes);
    uint64_t wall = clock_ns(CLOCK_MONOTONIC);
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    size_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (strcmp(argv[1], "fill") == 0) {
        fill(count);
    } else if (strcmp(argv[1], "load") == 0) {
        count = load();
    } else if (strcmp(argv[1], "up") == 0) {
        want(rn_facts_bring_up(store, NULL, NULL, &error), "facts");
        count = events_opened;
    } else {
        find(argv, strcmp(argv[1], "grep") == 0);
    }
    if (writes) {
        rn_writer_stop(writer);
        rn_writer_free(writer);
    }
    if (argc < 6) {
        report(wall, cpu, count);
    }
    rn_store_close(store);
    return 0;
}
