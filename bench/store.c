/*
 * The store without a network: how many events a second become durable, and what opening costs.
 *
 *   bench_store writer DIRECTORY PRODUCERS EVENTS   whole events through the writer's thread, so many in flight at a time
 *   bench_store frames DIRECTORY PER-COMMIT EVENTS  the writer's own commits, counted from the encoded frame
 *   bench_store lmdb DIRECTORY PER-COMMIT EVENTS    the same frames, one mdb_put each at the end of a tree
 *   bench_store sqlite DIRECTORY PER-COMMIT EVENTS  the same frames, one INSERT each, WAL and synchronous=FULL
 *   bench_store fill DIRECTORY TRACES               a store of so many traces of one event
 *   bench_store open DIRECTORY TIMES                opens it and decodes the first event of the newest trace; the median
 *
 * The events are calls as the recorder composes them, 1.5 KB -> 2 KB, 1,000 different ones. Prints one line of JSON; times are
 * in ns. `cpu` is that of all threads; of `writer` the indexing behind the last event is included.
 */
#include <inttypes.h>
#include <lmdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/varint.h"
#include "batch.h"
#include "documents.h"
#include "store/find.h"
#include "store/trace.h"
#include "store/writer.h"
#include "store_internal.h"

#define ANSWER_BYTES 2048u
#define TRACES_AT_ONCE 256u

static struct rn_error error;

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, error.text);
    exit(1);
}

static void want(enum rn_status status, const char *what)
{
    if (status != RN_OK) {
        die(what);
    }
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct meter {
    uint64_t wall_ns;
    uint64_t cpu_ns;
};

static struct meter meter_begin(void)
{
    return (struct meter){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static void meter_print(struct meter begin, uint64_t wall_ns, size_t events, uint64_t bytes)
{
    printf("{\"events\":%zu,\"wall\":%" PRIu64 ",\"cpu\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
           events, wall_ns, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin.cpu_ns, bytes);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* What an event borrows, and the entry that carries it. */
struct call {
    struct rn_entry entry;
    char request[BENCH_DOCUMENT_BYTES_MAX];
    char answer[ANSWER_BYTES + 1];
    char request_head[512];
    char answer_head[512];
    struct rn_buffer times;
    struct rn_buffer order;
    struct rn_buffer connection;
    struct rn_buffer cuts;
    struct rn_buffer piece_times;
};

static void numbers(struct rn_buffer *out, const uint64_t *values, size_t count)
{
    rn_buffer_clear(out);
    for (size_t i = 0; i < count; i++) {
        want(rn_varint_put(out, values[i]), "a number");
    }
}

static struct request {
    char text[BENCH_DOCUMENT_BYTES_MAX];
    size_t len;
    size_t number_at;
} requests[BENCH_DOCUMENTS];

static void make_requests(void)
{
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        struct request *request = &requests[i];
        request->len = bench_document(i, "bench-1", request->text, &request->number_at);
    }
}

static char answers[BENCH_DOCUMENTS][ANSWER_BYTES + 1];

static void make_answers(void)
{
    static const char ending[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":"
                                 "400,\"completion_tokens\":500}}";
    static const char *const words[] = {
        "refund", "order", "customer", "policy", "shipment", "within",  "thirty", "days",
        "of",     "the",   "delivery", "date",   "unless",   "damaged", "please", "weather"};
    uint64_t state = 7;
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        char *to = answers[i];
        size_t len =
            (size_t)snprintf(to, ANSWER_BYTES,
                             "{\"id\":\"chatcmpl-%016" PRIx64
                             "\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"",
                             (uint64_t)i * 0x9e3779b97f4a7c15u);
        while (len < ANSWER_BYTES - sizeof ending - 20) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            len += (size_t)snprintf(to + len, ANSWER_BYTES - len, "%s %u ", words[state >> 60],
                                    (unsigned)(state >> 40) % 10000);
        }
        memset(to + len, ' ', ANSWER_BYTES - len);
        memcpy(to + ANSWER_BYTES + 1 - sizeof ending, ending, sizeof ending);
    }
}

static void compose_request(struct call *call, size_t n)
{
    struct rn_event *event = &call->entry.event;
    const struct request *request = &requests[n % BENCH_DOCUMENTS];
    size_t len = request->len;
    memcpy(call->request, request->text, len);
    bench_document_number(call->request + request->number_at, n);
    snprintf(call->request_head, sizeof call->request_head,
             "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
             "sk-bench-0123456789abcdef\r\n"
             "X-Stainless-Lang: python\r\nUser-Agent: OpenAI/Python 3.3.1\r\nAccept: "
             "application/json\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             len);
    rn_event_set(event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(event, RN_TAG_RULE, RN_LIT("url"));
    rn_event_set(event, RN_TAG_UPSTREAM, RN_LIT("bench"));
    rn_event_set(event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(event, RN_TAG_TARGET, RN_LIT("/v1/chat/completions"));
    rn_event_set(event, RN_TAG_REQUEST_HEAD, rn_bytes_text(call->request_head));
    rn_event_set(event, RN_TAG_REQUEST_BODY, rn_bytes_of(call->request, len));
    rn_event_set(event, RN_TAG_REQUEST_FRAMING, RN_LIT("\1"));
    rn_event_set(event, RN_TAG_CLIENT, RN_LIT("\1\1\0"));
}

static void compose_answer(struct call *call, size_t n)
{
    struct rn_event *event = &call->entry.event;
    memcpy(call->answer, answers[n % BENCH_DOCUMENTS], sizeof call->answer);
    snprintf(call->answer_head, sizeof call->answer_head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req-%016" PRIx64
             "\r\nContent-Length: %u\r\n\r\n",
             (uint64_t)n * 0x9e3779b97f4a7c15u, ANSWER_BYTES);
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(call->answer_head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_bytes_of(call->answer, ANSWER_BYTES));
    rn_event_set(event, RN_TAG_RESPONSE_FRAMING, RN_LIT("\1"));
    rn_event_set(event, RN_TAG_END, RN_LIT("\1"));
    rn_event_set(event, RN_TAG_END_REASON, RN_LIT(""));
}

static void compose(struct call *call, size_t n, uint32_t ordinal)
{
    struct rn_event *event = &call->entry.event;
    const uint64_t times[] = {1700000000000000000u + n * 100000, 300000 + n % 977,
                              400000 + n % 1013};
    const uint64_t order[] = {3 * n + 1, 3 * n + 2, 3 * n + 3};
    const uint64_t connection = n % 32;
    const uint64_t cut = ANSWER_BYTES;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = ordinal};
    call->entry.kind = RN_ENTRY_EVENT;
    compose_request(call, n);
    compose_answer(call, n);
    numbers(&call->times, times, 3);
    numbers(&call->order, order, 3);
    numbers(&call->connection, &connection, 1);
    numbers(&call->cuts, &cut, 1);
    numbers(&call->piece_times, times + 1, 1);
    rn_event_set(event, RN_TAG_TIMES, rn_buffer_bytes(&call->times));
    rn_event_set(event, RN_TAG_ORDER, rn_buffer_bytes(&call->order));
    rn_event_set(event, RN_TAG_CONNECTION, rn_buffer_bytes(&call->connection));
    rn_event_set(event, RN_TAG_RESPONSE_CUTS, rn_buffer_bytes(&call->cuts));
    rn_event_set(event, RN_TAG_PIECE_TIMES, rn_buffer_bytes(&call->piece_times));
}

static void call_clear(struct call *call)
{
    rn_buffer_free(&call->times);
    rn_buffer_free(&call->order);
    rn_buffer_free(&call->connection);
    rn_buffer_free(&call->cuts);
    rn_buffer_free(&call->piece_times);
}

/* --- through the writer ------------------------------------------------------------------------------------------- */

static struct rn_store *store;
static struct rn_writer *writer;
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

static struct rn_entry *collect(void)
{
    struct rn_entry *entry;
    while ((entry = rn_writer_collect(writer)) == NULL) {
        pthread_mutex_lock(&lock);
        while (!is_woken) {
            pthread_cond_wait(&woken, &lock);
        }
        is_woken = false;
        pthread_mutex_unlock(&lock);
    }
    if (entry->status != RN_OK) {
        rn_writer_last_error(writer, error.text, sizeof error.text);
        die("an event was not stored");
    }
    return entry;
}

static void writer_open(const char *directory)
{
    want(rn_store_open(directory, RN_STORE_CREATE, &store, &error), "open");
    want(rn_writer_start(store, wake, NULL, RN_LIT("the user's key"), &writer, &error),
         "the writer");
}

static void writer_close(void)
{
    rn_writer_free(writer);
    rn_store_close(store);
}

static struct rn_recording *trace_open(void)
{
    struct rn_recording_settings settings = {.name = "bench", .kind = "serve", .is_alias = true};
    rn_uuid7(settings.id.bytes);
    struct rn_recording *recording = rn_recording_open(writer, &settings, NULL);
    if (recording == NULL) {
        die("no memory for a trace");
    }
    return recording;
}

static void trace_close(struct rn_recording *recording)
{
    struct rn_entry closing = {.kind = RN_ENTRY_TRACE_CLOSE, .trace = recording};
    rn_writer_submit(writer, &closing);
    (void)collect();
}

static void run_writer(const char *directory, size_t producers, size_t events)
{
    struct call *calls = calloc(producers, sizeof *calls);
    size_t submitted = 0;
    uint64_t bytes = 0;
    writer_open(directory);
    struct rn_recording *recording = trace_open();
    struct meter begin = meter_begin();
    for (; submitted < producers && submitted < events; submitted++) {
        calls[submitted].entry.owner = &calls[submitted];
        calls[submitted].entry.trace = recording;
        compose(&calls[submitted], submitted, (uint32_t)submitted + 1);
        rn_writer_submit(writer, &calls[submitted].entry);
    }
    for (size_t done = 0; done < events; done++) {
        struct call *call = collect()->owner;
        bytes += call->entry.stored_bytes;
        if (submitted < events) {
            compose(call, submitted, (uint32_t)submitted + 1);
            submitted++;
            rn_writer_submit(writer, &call->entry);
        }
    }
    uint64_t wall_ns = clock_ns(CLOCK_MONOTONIC) - begin.wall_ns;
    trace_close(recording);
    rn_writer_stop(writer);
    meter_print(begin, wall_ns, events, bytes);
    writer_close();
    for (size_t i = 0; i < producers; i++) {
        call_clear(&calls[i]);
    }
    free(calls);
}

/* --- from the encoded frame --------------------------------------------------------------------------------------- */

/* A place to put encoded frames: takes all that stand in `batch`, durably. */
struct shelf {
    void (*open)(const char *directory);
    void (*commit)(struct rn_batch *batch);
    void (*close)(void);
};

static struct rn_bytes frame_at(const struct rn_batch *batch, size_t index)
{
    size_t begin = index == 0 ? 0 : batch->frame_end[index - 1];
    return rn_bytes_of(batch->frames.data + begin, batch->frame_end[index] - begin);
}

static void store_open(const char *directory)
{
    want(rn_store_open(directory, RN_STORE_CREATE, &store, &error), "open");
}

static void store_commit(struct rn_batch *batch)
{
    batch->db = store->db;
    want(rn_batch_commit(batch), "commit");
}

static void store_close(void)
{
    rn_store_close(store);
}

static MDB_env *env;
static MDB_dbi tree;
static uint64_t rows;

static void want_lmdb(int rc)
{
    if (rc != 0) {
        snprintf(error.text, sizeof error.text, "%s", mdb_strerror(rc));
        die("lmdb");
    }
}

static void lmdb_open(const char *directory)
{
    MDB_txn *txn;
    want_lmdb(mdb_env_create(&env));
    want_lmdb(mdb_env_set_mapsize(env, (size_t)1 << 36));
    want_lmdb(mdb_env_set_maxdbs(env, 4));
    want_lmdb(mdb_env_open(env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600));
    want_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
    want_lmdb(mdb_dbi_open(txn, "log", MDB_CREATE, &tree));
    want_lmdb(mdb_txn_commit(txn));
}

static void lmdb_commit(struct rn_batch *batch)
{
    MDB_txn *txn;
    want_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
    for (size_t i = 0; i < batch->frame_count; i++) {
        struct rn_bytes frame = frame_at(batch, i);
        uint64_t row = __builtin_bswap64(++rows);
        MDB_val key = {sizeof row, &row};
        MDB_val value = {frame.len, (void *)(uintptr_t)frame.data};
        want_lmdb(mdb_put(txn, tree, &key, &value, MDB_APPEND));
    }
    want_lmdb(mdb_txn_commit(txn));
}

static void lmdb_close(void)
{
    mdb_env_close(env);
}

static sqlite3 *sqlite;
static sqlite3_stmt *insert;

static void want_sqlite(int rc, int wanted)
{
    if (rc != wanted) {
        snprintf(error.text, sizeof error.text, "%s", sqlite3_errmsg(sqlite));
        die("sqlite");
    }
}

static void sqlite_do(const char *text)
{
    want_sqlite(sqlite3_exec(sqlite, text, NULL, NULL, NULL), SQLITE_OK);
}

static void sqlite_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.sqlite", directory);
    want_sqlite(sqlite3_open(path, &sqlite), SQLITE_OK);
    sqlite_do("pragma journal_mode=wal; pragma synchronous=full");
    sqlite_do("create table log(row integer primary key, frame blob)");
    want_sqlite(sqlite3_prepare_v2(sqlite, "insert into log values(?,?)", -1, &insert, NULL),
                SQLITE_OK);
}

static void sqlite_commit(struct rn_batch *batch)
{
    sqlite_do("begin immediate");
    for (size_t i = 0; i < batch->frame_count; i++) {
        struct rn_bytes frame = frame_at(batch, i);
        want_sqlite(sqlite3_bind_int64(insert, 1, (sqlite3_int64)++rows), SQLITE_OK);
        want_sqlite(sqlite3_bind_blob(insert, 2, frame.data, (int)frame.len, SQLITE_STATIC),
                    SQLITE_OK);
        want_sqlite(sqlite3_step(insert), SQLITE_DONE);
        (void)sqlite3_reset(insert);
    }
    sqlite_do("commit");
}

static void sqlite_close(void)
{
    (void)sqlite3_finalize(insert);
    (void)sqlite3_close(sqlite);
}

static const struct shelf of_store = {store_open, store_commit, store_close};
static const struct shelf of_lmdb = {lmdb_open, lmdb_commit, lmdb_close};
static const struct shelf of_sqlite = {sqlite_open, sqlite_commit, sqlite_close};

/* All do the same work in between, making the frames, while the clock stands still. */
static void run_frames(const struct shelf *shelf, const char *directory, size_t per_commit,
                       size_t events)
{
    struct rn_batch *batch = calloc(1, sizeof *batch);
    struct rn_frame frame = {.codec = RN_CODEC_ZSTD, .kind = RN_FRAME_EVENT};
    struct rn_buffer raw = {0};
    struct call call = {0};
    uint64_t wall_ns = 0;
    uint64_t bytes = 0;
    rn_uuid7(frame.trace.bytes);
    want(rn_batch_init(batch, NULL, NULL), "the batch");
    shelf->open(directory);
    struct meter begin = meter_begin();
    for (size_t done = 0; done < events;) {
        struct rn_batch_mark mark = rn_batch_mark(batch);
        for (size_t i = 0; i < per_commit && done < events; i++) {
            frame.n = (uint32_t)++done;
            compose(&call, done, frame.n);
            rn_buffer_clear(&raw);
            want(rn_event_encode(&call.entry.event, &raw), "encode");
            want(rn_batch_add_frame(batch, &frame, rn_buffer_bytes(&raw)), "frame");
        }
        bytes += batch->stored_bytes;
        uint64_t from = clock_ns(CLOCK_MONOTONIC);
        shelf->commit(batch);
        wall_ns += clock_ns(CLOCK_MONOTONIC) - from;
        rn_batch_rewind(batch, mark);
    }
    meter_print(begin, wall_ns, events, bytes);
    shelf->close();
    call_clear(&call);
    rn_buffer_free(&raw);
    rn_batch_free(batch);
    free(batch);
}

/* --- many traces -------------------------------------------------------------------------------------------------- */

/* So many traces are open at a time, each with one call. */
static void run_fill(const char *directory, size_t traces)
{
    static struct call calls[TRACES_AT_ONCE];
    static struct rn_entry closings[TRACES_AT_ONCE];
    writer_open(directory);
    struct meter begin = meter_begin();
    for (size_t done = 0; done < traces; done += TRACES_AT_ONCE) {
        for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
            calls[i].entry.trace = trace_open();
            closings[i] =
                (struct rn_entry){.kind = RN_ENTRY_TRACE_CLOSE, .trace = calls[i].entry.trace};
            compose(&calls[i], done + i, 1);
            rn_writer_submit(writer, &calls[i].entry);
        }
        for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
            (void)collect();
        }
        for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
            rn_writer_submit(writer, &closings[i]);
        }
        for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
            (void)collect();
        }
    }
    uint64_t wall_ns = clock_ns(CLOCK_MONOTONIC) - begin.wall_ns;
    rn_writer_stop(writer);
    meter_print(begin, wall_ns, traces, 0);
    writer_close();
    for (size_t i = 0; i < TRACES_AT_ONCE; i++) {
        call_clear(&calls[i]);
    }
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t open_once(const char *directory)
{
    struct rn_trace_id id;
    struct rn_event event;
    struct rn_arena arena = {0};
    uint32_t ordinal = 0;
    uint64_t begin = clock_ns(CLOCK_MONOTONIC);
    want(rn_store_open(directory, RN_STORE_READ, &store, &error), "open");
    want(rn_find_trace(store, "last", &id, &ordinal, &error), "find");
    want(rn_trace_event(store, &id, RN_CLASS_EVENT, 1, &arena, &event, &error), "read");
    uint64_t ns = clock_ns(CLOCK_MONOTONIC) - begin;
    if (rn_event_get(&event, RN_TAG_RESPONSE_BODY).len != ANSWER_BYTES) {
        die("the event is another");
    }
    rn_arena_free(&arena);
    rn_store_close(store);
    return ns;
}

static void run_open(const char *directory, size_t times)
{
    uint64_t *took = calloc(times, sizeof *took);
    struct meter begin = meter_begin();
    for (size_t i = 0; i < times; i++) {
        took[i] = open_once(directory);
    }
    qsort(took, times, sizeof *took, ascending);
    meter_print(begin, took[times / 2], times, 0);
    free(took);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "bench_store: see the head of bench/store.c\n");
        return 2;
    }
    const char *directory = argv[2];
    size_t number = strtoull(argv[3], NULL, 10);
    size_t events = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    make_requests();
    make_answers();
    if (strcmp(argv[1], "writer") == 0) {
        run_writer(directory, number, events);
    } else if (strcmp(argv[1], "frames") == 0) {
        run_frames(&of_store, directory, number, events);
    } else if (strcmp(argv[1], "lmdb") == 0) {
        run_frames(&of_lmdb, directory, number, events);
    } else if (strcmp(argv[1], "sqlite") == 0) {
        run_frames(&of_sqlite, directory, number, events);
    } else if (strcmp(argv[1], "fill") == 0) {
        run_fill(directory, number);
    } else if (strcmp(argv[1], "open") == 0) {
        run_open(directory, number);
    } else {
        fprintf(stderr, "bench_store: no such mode: %s\n", argv[1]);
        return 2;
    }
    return 0;
}
