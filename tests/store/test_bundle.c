/*
 * A bundle carries traces as they are, in bytes that depend on nothing else; what was changed on its way is found before anything
 * is stored, and an import that dies leaves nothing behind.
 */
#include "main.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/memory.h"
#include "bundle_parts.h"
#include "db.h"
#include "pieces.h"
#include "store/copy.h"
#include "store/document.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"
#include "wire/redact.h"

#define TRACES 4u
#define NOTHING ((struct rn_bundle_document *)NULL)

static struct room room;
static struct rn_error error;
static struct rn_store *store;
static struct rn_trace_id ids[TRACES];

/* --- doors of the test: what is looked at, and when a commit fails --- */

static bool is_blind;            /* no credential is seen, as by an earlier reenact */
static unsigned commits_left;    /* 0: no end */
static bool commit_ends_process; /* else it fails as on a full disk */

enum rn_status __real_rn_redact_body(struct rn_redactor *redactor, struct rn_bytes bytes,
                                     bool is_json, bool final, struct rn_spans *spans,
                                     size_t *settled);
enum rn_status __wrap_rn_redact_body(struct rn_redactor *redactor, struct rn_bytes bytes,
                                     bool is_json, bool final, struct rn_spans *spans,
                                     size_t *settled)
{
    if (!is_blind) {
        return __real_rn_redact_body(redactor, bytes, is_json, final, spans, settled);
    }
    spans->count = 0;
    if (settled != NULL) {
        *settled = bytes.len;
    }
    return RN_OK;
}

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *said);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *said)
{
    if (commits_left > 0 && --commits_left == 0) {
        if (commit_ends_process) {
            _exit(77);
        }
        rn_db_abort(txn);
        return rn_fail(said, RN_FULL, "the disk is full");
    }
    return __real_rn_db_commit(txn, said);
}

/* --- traces --- */

static void add_secretive(struct maker *maker, struct rn_recording *trace, uint32_t n)
{
    struct rn_event event;
    exchange_request(&event, n);
    rn_event_set(&event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat/completions?api_key=abcdef HTTP/1.1\r\nhost: api\r\n"
                        "authorization: Bearer sk-proj-Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0aTb7RkY2\r\n"
                        "x-api-key: short\r\ncookie: a=b; session=0123456789abcdef\r\n"
                        "content-type: application/json\r\n\r\n"));
    rn_event_set(&event, RN_TAG_TARGET, RN_LIT("/v1/chat/completions?api_key=abcdef"));
    rn_event_set(&event, RN_TAG_REQUEST_BODY,
                 RN_LIT("{\"model\":\"m\",\"password\":\"hunter2\",\"text\":\"sk-proj-"
                        "Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0aTb7RkY2 "
                        "and c2stcHJvai1aeDgxTG1RMGFUYjdSa1kyVnc5M1p4ODFMbVEwYVRiN1JrWTI=\"}"));
    exchange_response(&event, n, "secret");
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
}

/* Longer than a commit, and too odd to be compressed away. */
static void add_long(struct maker *maker, struct rn_recording *trace, uint32_t n)
{
    static char body[8 * RN_PART_BYTES_MAX + 17];
    uint32_t odd = 7;
    struct rn_event event;
    for (size_t i = 0; i < sizeof body; i++) {
        odd = odd * 1664525u + 1013904223u;
        body[i] = i % 7 == 6 ? ' ' : (char)('a' + (odd >> 24) % 26);
    }
    exchange_request(&event, n);
    exchange_response(&event, n, "long");
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_of(body, sizeof body));
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
}

static void setup(void)
{
    struct maker maker;
    struct rn_recording *trace;
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
    ids[0] = maker_whole(&maker, "first", "a", false);
    ids[1] = maker_whole(&maker, "second", "b", true);
    trace = maker_trace(&maker, "third", true, &ids[2]);
    add_secretive(&maker, trace, 1);
    add_long(&maker, trace, 2);
    maker_end(&maker, trace);
    trace = maker_trace(&maker, NULL, false, &ids[3]); /* one event is never finished */
    maker_stream(&maker, trace, 1, "d", 2, false);
    maker_exchange(&maker, trace, 2, "d");
    maker_end(&maker, trace);
    maker_close(&maker);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    ck_ok(rn_trace_add_note(store, &ids[0], RN_LIT("a word about it"), &error));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    is_blind = false;
    commits_left = 0;
    rn_store_close(store);
    room_close(&room);
}

static struct rn_store *other(const char *name)
{
    struct rn_store *opened = NULL;
    ck_ok(rn_store_open(room_file(&room, name), RN_STORE_CREATE, &opened, &error));
    return opened;
}

static void finding(void *self, const struct rn_trace_id *id, const char *sentence)
{
    (void)self;
    (void)id;
    ck_abort_msg("%s", sentence);
}

static void assert_sound(struct rn_store *in)
{
    struct rn_verify_counts counts;
    ck_ok(rn_store_verify(in, finding, NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.open, 0);
}

static uint64_t traces_in(struct rn_store *in)
{
    struct rn_store_facts facts;
    ck_ok(rn_store_facts(in, &facts, &error));
    return facts.traces;
}

static void write_bundle(struct rn_store *in, const char *name)
{
    const struct rn_bundle_document document = {"baseline", "golden", RN_LIT("{\"a\":1}")};
    (void)unlink(room_file(&room, name));
    ck_ok(rn_bundle_write(in, ids, TRACES, &document, room_file(&room, name), NULL, &error));
}

static enum rn_status read_bundle(const char *name, struct rn_store *into)
{
    error = (struct rn_error){.text = ""};
    return rn_bundle_read(room_file(&room, name), into, NULL, NULL, NULL, NULL, NULL, NULL, &error);
}

static void assert_same_file(const char *a, const char *b)
{
    size_t a_len = 0;
    size_t b_len = 0;
    uint8_t *in_a = room_read(room_file(&room, a), &a_len);
    uint8_t *in_b = room_read(room_file(&room, b), &b_len);
    ck_assert_uint_eq(a_len, b_len);
    ck_assert_int_eq(memcmp(in_a, in_b, a_len), 0);
    free(in_a);
    free(in_b);
}

static void assert_same_event(struct rn_store *a, struct rn_store *b, const struct rn_trace_id *id,
                              enum rn_event_class class, uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event in_a;
    struct rn_event in_b;
    enum rn_status status = rn_trace_event(a, id, class, n, &arena, &in_a, &error);
    ck_assert_int_eq(rn_trace_event(b, id, class, n, &arena, &in_b, &error), status);
    if (status == RN_OK) {
        ck_assert_uint_eq(in_a.fields, in_b.fields);
        ck_assert_uint_eq(in_a.erased, in_b.erased);
        ck_assert(rn_bytes_equal(in_a.erasures, in_b.erasures));
        for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
            ck_assert(rn_bytes_equal(rn_event_get(&in_a, tag), rn_event_get(&in_b, tag)));
        }
    }
    rn_arena_free(&arena);
}

static void assert_same_trace(struct rn_store *a, struct rn_store *b, const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary in_a;
    struct rn_trace_summary in_b;
    ck_ok(rn_trace_summary(a, id, &arena, &in_a, &error));
    ck_ok(rn_trace_summary(b, id, &arena, &in_b, &error));
    ck_assert_int_eq(memcmp(&in_a.digests, &in_b.digests, sizeof in_a.digests), 0);
    ck_assert_int_eq(in_a.state, in_b.state);
    ck_assert_int_eq(in_a.complete, in_b.complete);
    ck_assert_uint_eq(in_a.raw_bytes, in_b.raw_bytes);
    ck_assert_uint_eq(in_a.started_wall_ns, in_b.started_wall_ns);
    ck_assert_uint_eq(in_a.ended_wall_ns, in_b.ended_wall_ns);
    ck_assert_uint_eq(in_a.is_alias, in_b.is_alias);
    ck_assert_uint_eq(in_a.notes, in_b.notes);
    ck_assert_uint_eq(in_a.late, in_b.late);
    ck_assert(rn_bytes_equal(in_a.name, in_b.name));
    ck_assert(rn_bytes_equal(in_a.tags, in_b.tags));
    ck_assert(rn_trace_id_equal(&in_a.session, &in_b.session));
    ck_ok(rn_trace_verify(b, id, &error));
    for (unsigned class = 0; class <= RN_CLASS_MARK; class ++) {
        for (uint32_t n = 0; n <= 4; n++) {
            assert_same_event(a, b, id, (enum rn_event_class) class, n);
        }
    }
    rn_arena_free(&arena);
}

/* --- round trips --- */

START_TEST(what_was_exported_is_what_is_imported)
{
    const struct rn_bundle_document document = {"baseline", "golden", RN_LIT("{\"a\":1}")};
    const struct rn_trace_id twice[] = {ids[2], ids[0], ids[3], ids[1], ids[2]};
    struct rn_store *to = other("to");
    struct rn_buffer found = {0};
    char kind[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    struct rn_bundle_item *listed = NULL;
    size_t count = 0;
    struct rn_bundle_facts out;
    struct rn_bundle_facts in;
    struct stat about;
    const char *path = room_file(&room, "b");
    ck_ok(rn_bundle_write(store, twice, 5, &document, path, &out, &error));
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq((uint64_t)about.st_size, out.bytes);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ck_ok(rn_bundle_read(path, to, &found, kind, name, &listed, &count, &in, &error));
    ck_assert_int_eq(memcmp(&in, &out, sizeof in), 0);
    ck_assert_uint_eq(in.traces, TRACES);
    ck_assert_uint_eq(in.events, 5 + 5 + 2 + 2);
    ck_assert_str_eq(kind, "baseline");
    ck_assert_str_eq(name, "golden");
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&found), RN_LIT("{\"a\":1}")));
    ck_assert_uint_eq(count, TRACES);
    for (unsigned i = 0; i < TRACES; i++) {
        ck_assert(rn_trace_id_equal(&listed[i].id, &ids[i])); /* ids of version 7 rise */
        assert_same_trace(store, to, &ids[i]);
    }
    assert_sound(to);
    rn_free(listed);
    rn_buffer_free(&found);
    rn_store_close(to);
}
END_TEST

START_TEST(an_empty_bundle_without_a_document_is_one)
{
    struct rn_bundle_facts facts;
    struct rn_buffer document = {0};
    char kind[RN_DOCUMENT_NAME_BYTES_MAX + 1] = "x";
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 1] = "x";
    const char *path = room_file(&room, "none");
    ck_ok(rn_bundle_write(store, NULL, 0, NOTHING, path, &facts, &error));
    ck_assert_uint_eq(facts.bytes, RN_BUNDLE_LEAST_BYTES);
    ck_ok(rn_bundle_read(path, NULL, &document, kind, name, NULL, NULL, &facts, &error));
    ck_assert_uint_eq(facts.traces, 0);
    ck_assert_uint_eq(document.len, 0);
    ck_assert_str_eq(kind, "");
    ck_assert_str_eq(name, "");
}
END_TEST

START_TEST(order_codec_parts_and_store_change_no_byte)
{
    struct rn_store *plain = other("plain");
    struct rn_store *landed = other("landed");
    for (unsigned i = TRACES; i > 0; i--) {
        ck_ok(rn_trace_copy(store, &ids[i - 1], plain, RN_CODEC_NONE, &error));
    }
    write_bundle(store, "a");
    write_bundle(plain, "b");
    assert_same_file("a", "b");
    ck_ok(read_bundle("a", landed)); /* streams are in other parts there */
    write_bundle(landed, "c");
    assert_same_file("a", "c");
    rn_store_close(plain);
    rn_store_close(landed);
}
END_TEST

START_TEST(stdout_gets_the_same_bytes)
{
    const struct rn_bundle_document document = {"baseline", "golden", RN_LIT("{\"a\":1}")};
    write_bundle(store, "a");
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int file = open(room_file(&room, "piped"), O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(dup2(file, STDOUT_FILENO), 0);
    enum rn_status status = rn_bundle_write(store, ids, TRACES, &document, "-", NULL, &error);
    ck_assert_int_ge(dup2(kept, STDOUT_FILENO), 0);
    close(kept);
    close(file);
    ck_ok(status);
    assert_same_file("a", "piped");
}
END_TEST

START_TEST(erased_fields_stay_erased)
{
    struct rn_store *to = other("to");
    ck_ok(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
    ck_ok(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 2, RN_TAG_RESPONSE_BODY, &error));
    write_bundle(store, "b");
    ck_ok(read_bundle("b", to));
    assert_same_trace(store, to, &ids[0]);
    assert_sound(to);
    write_bundle(to, "c");
    assert_same_file("b", "c");
    rn_store_close(to);
}
END_TEST

START_TEST(traces_that_are_there_are_left_alone)
{
    struct rn_store *to = other("to");
    struct rn_store_facts before;
    struct rn_store_facts after;
    ck_ok(rn_trace_copy(store, &ids[1], to, RN_CODEC_NONE, &error));
    write_bundle(store, "b");
    ck_ok(read_bundle("b", to));
    ck_assert_uint_eq(traces_in(to), TRACES);
    ck_ok(rn_store_facts(to, &before, &error));
    ck_ok(read_bundle("b", to));
    ck_ok(rn_store_facts(to, &after, &error));
    ck_assert_uint_eq(before.rows, after.rows);
    assert_sound(to);
    rn_store_close(to);
}
END_TEST

START_TEST(another_trace_of_the_same_id_stops_everything)
{
    struct maker maker;
    write_bundle(store, "b");
    maker_open(&maker, room_file(&room, "to"));
    struct rn_recording_settings settings = {.kind = "run", .id = ids[2]};
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    maker_exchange(&maker, trace, 1, "other");
    ck_assert_int_eq(read_bundle("b", maker.store), RN_BUSY);
    maker_end(&maker, trace);
    ck_assert_int_eq(read_bundle("b", maker.store), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "another one"));
    ck_assert_uint_eq(traces_in(maker.store), 1);
    maker_close(&maker);
}
END_TEST

/* --- what cannot travel --- */

START_TEST(an_open_trace_and_an_unknown_one_do_not_travel)
{
    struct maker maker;
    struct rn_trace_id open_id;
    struct rn_trace_id unknown = {{9}};
    maker_open(&maker, room_file(&room, "busy"));
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &open_id);
    maker_exchange(&maker, trace, 1, "x");
    const char *path = room_file(&room, "b");
    ck_assert_int_eq(rn_bundle_write(maker.store, &open_id, 1, NOTHING, path, NULL, &error),
                     RN_BUSY);
    ck_assert_int_eq(rn_bundle_write(maker.store, &unknown, 1, NOTHING, path, NULL, &error),
                     RN_NOTFOUND);
    ck_assert_int_ne(access(path, F_OK), 0);
    maker_end(&maker, trace);
    maker_close(&maker);
}
END_TEST

START_TEST(a_file_that_is_there_stays_as_it_is)
{
    const char *path = room_file(&room, "mine");
    room_write(path, "mine", 4);
    ck_assert_int_eq(rn_bundle_write(store, ids, 1, NOTHING, path, NULL, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "is there already"));
    size_t len = 0;
    uint8_t *data = room_read(path, &len);
    ck_assert_uint_eq(len, 4);
    free(data);
    ck_assert_int_eq(
        rn_bundle_write(store, ids, 1, NOTHING, room_file(&room, "no/such"), NULL, &error), RN_IO);
}
END_TEST

/* A credential in each of some fields, as an earlier version may have stored it. */
static struct rn_trace_id trace_with(struct maker *maker, enum rn_tag tag, struct rn_bytes bytes)
{
    struct rn_trace_id id;
    struct rn_event event;
    is_blind = true;
    struct rn_recording *trace = maker_trace(maker, "blind", false, &id);
    exchange_request(&event, 1);
    exchange_response(&event, 1, "x");
    rn_event_set(&event, tag, bytes);
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
    maker_end(maker, trace);
    is_blind = false;
    return id;
}

#define KEY_TEXT "sk-proj-Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0aTb7RkY2"

START_TEST(a_credential_does_not_travel_and_is_named)
{
    static const struct {
        enum rn_tag tag;
        const char *text;
        const char *place;
    } cases[] = {
        {RN_TAG_REQUEST_BODY, "{\"text\":\"my key: " KEY_TEXT "\"}",
         ":1, field 'request-body', offset 17"},
        {RN_TAG_RESPONSE_BODY, "plain " KEY_TEXT, ":1, field 'response-body', offset 6"},
        {RN_TAG_END_REASON, KEY_TEXT, ":1, field 'end-reason', offset 0"},
        {RN_TAG_NOTE, "see " KEY_TEXT, ":1, field 'note', offset 4"},
        {RN_TAG_REQUEST_BODY, "{\"password\":\"hunter2 hunter2\"}",
         ":1, field 'request-body', offset 13"},
    };
    struct maker maker;
    const char *path = room_file(&room, "b");
    maker_open(&maker, room_file(&room, "old"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[33];
        struct rn_trace_id id = trace_with(&maker, cases[i].tag, rn_bytes_text(cases[i].text));
        ck_assert_int_eq(rn_bundle_write(maker.store, &id, 1, NOTHING, path, NULL, &error),
                         RN_REFUSED);
        rn_trace_id_text(&id, hex);
        ck_assert_msg(strstr(error.text, cases[i].place) != NULL, "%zu: %s", i, error.text);
        ck_assert_ptr_nonnull(strstr(error.text, hex));
        ck_assert_ptr_null(strstr(error.text, "Zx81"));
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    maker_close(&maker);
}
END_TEST

START_TEST(a_credential_within_a_content_coding_does_not_travel)
{
    static const char text[] = "{\"text\":\"" KEY_TEXT "\"}";
    struct maker maker;
    struct rn_event event;
    struct rn_trace_id id;
    uint8_t coded[400];
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)text,
                       .avail_in = sizeof text - 1,
                       .next_out = coded,
                       .avail_out = sizeof coded};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = sizeof coded - stream.avail_out;
    deflateEnd(&stream);
    maker_open(&maker, room_file(&room, "old"));
    is_blind = true;
    struct rn_recording *trace = maker_trace(&maker, "blind", false, &id);
    exchange_request(&event, 1);
    exchange_response(&event, 1, "x");
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_of(coded, len));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    maker_end(&maker, trace);
    is_blind = false;
    ck_assert_int_eq(
        rn_bundle_write(maker.store, &id, 1, NOTHING, room_file(&room, "b"), NULL, &error),
        RN_REFUSED);
    ck_assert_msg(strstr(error.text, ":1, field 'response-body'") != NULL, "%s", error.text);
    maker_close(&maker);
}
END_TEST

START_TEST(a_bundle_with_a_credential_is_not_taken_in)
{
    struct maker maker;
    struct rn_store *to = other("to");
    maker_open(&maker, room_file(&room, "old"));
    struct rn_trace_id id =
        trace_with(&maker, RN_TAG_REQUEST_BODY, RN_LIT("{\"text\":\"" KEY_TEXT "\"}"));
    is_blind = true;
    ck_ok(rn_bundle_write(maker.store, &id, 1, NOTHING, room_file(&room, "b"), NULL, &error));
    is_blind = false;
    ck_assert_int_eq(read_bundle("b", to), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "field 'request-body', offset 9"));
    ck_assert_uint_eq(traces_in(to), 0);
    maker_close(&maker);
    rn_store_close(to);
}
END_TEST

START_TEST(a_credential_in_the_document_or_a_name_does_not_travel)
{
    const struct rn_bundle_document document = {"baseline", "b",
                                                RN_LIT("{\"k\":\"" KEY_TEXT "\"}")};
    struct maker maker;
    struct rn_trace_id id;
    const char *path = room_file(&room, "b");
    ck_assert_int_eq(rn_bundle_write(store, ids, 1, &document, path, NULL, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "offset 6"));
    maker_open(&maker, room_file(&room, "old"));
    is_blind = true;
    struct rn_recording *trace = maker_trace(&maker, "run " KEY_TEXT, false, &id);
    maker_exchange(&maker, trace, 1, "x");
    maker_end(&maker, trace);
    is_blind = false;
    ck_assert_int_eq(rn_bundle_write(maker.store, &id, 1, NOTHING, path, NULL, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "its name, offset 4"));
    maker_close(&maker);
}
END_TEST

/* --- damage --- */

/* A bundle of two short traces in memory. */
static struct rn_bytes small_bundle(void)
{
    const struct rn_bundle_document document = {"baseline", "golden", RN_LIT("{\"a\":1}")};
    static uint8_t *data;
    size_t len = 0;
    free(data);
    (void)unlink(room_file(&room, "small"));
    ck_ok(rn_bundle_write(store, ids, 2, &document, room_file(&room, "small"), NULL, &error));
    data = room_read(room_file(&room, "small"), &len);
    return rn_bytes_of(data, len);
}

static enum rn_status check_memory(struct rn_bytes bytes)
{
    struct rn_bundle_source source;
    struct rn_bundle_content content = {0};
    error = (struct rn_error){.text = ""};
    enum rn_status status = rn_bundle_source_begin(&source, "it", -1, bytes, bytes.len, &error);
    status = status == RN_OK ? rn_bundle_check(&source, &content) : status;
    rn_bundle_source_free(&source);
    rn_bundle_content_free(&content);
    return status;
}

START_TEST(every_flipped_byte_is_damage)
{
    struct rn_bytes good = small_bundle();
    uint8_t *bad = rn_dup(good.data, good.len);
    ck_assert_int_eq(check_memory(good), RN_OK);
    for (size_t at = 0; at < good.len; at++) {
        static const uint8_t flips[] = {0x01, 0x80, 0x20, 0xff};
        bad[at] ^= flips[at % 4];
        enum rn_status status = check_memory(rn_bytes_of(bad, good.len));
        ck_assert_msg(status == RN_DAMAGED, "byte %zu: %s: %s", at, rn_status_name(status),
                      error.text);
        ck_assert_str_ne(error.text, "");
        bad[at] = good.data[at];
    }
    rn_free(bad);
}
END_TEST

START_TEST(nothing_of_a_damaged_file_is_stored)
{
    struct rn_bytes good = small_bundle();
    struct rn_store *to = other("to");
    uint8_t *bad = rn_dup(good.data, good.len);
    for (size_t at = 0; at < good.len; at += 37) {
        bad[at] ^= 0x10;
        room_write(room_file(&room, "bad"), bad, good.len);
        ck_assert_int_eq(read_bundle("bad", to), RN_DAMAGED);
        bad[at] = good.data[at];
    }
    ck_assert_uint_eq(traces_in(to), 0);
    struct rn_store_facts facts;
    ck_ok(rn_store_facts(to, &facts, &error));
    ck_assert_uint_eq(facts.rows, 0);
    rn_free(bad);
    rn_store_close(to);
}
END_TEST

START_TEST(a_cut_bundle_is_damage_wherever_it_is_cut)
{
    struct rn_bytes good = small_bundle();
    for (size_t len = 1; len < good.len; len++) {
        enum rn_status status = check_memory(rn_bytes_sub(good, 0, len));
        ck_assert_msg(status == RN_DAMAGED, "%zu bytes: %s: %s", len, rn_status_name(status),
                      error.text);
    }
    ck_assert_int_eq(check_memory(rn_bytes_of(NULL, 0)), RN_INVALID);
}
END_TEST

START_TEST(what_is_appended_is_damage)
{
    struct rn_bytes good = small_bundle();
    uint8_t *longer = rn_alloc(good.len + 40);
    memcpy(longer, good.data, good.len);
    memset(longer + good.len, 0, 40);
    for (size_t more = 1; more <= 40; more++) {
        ck_assert_int_eq(check_memory(rn_bytes_of(longer, good.len + more)), RN_DAMAGED);
    }
    memcpy(longer + 1, good.data, good.len);
    longer[0] = '\n';
    ck_assert_int_eq(check_memory(rn_bytes_of(longer, good.len + 1)), RN_INVALID);
    rn_free(longer);
}
END_TEST

/* The bytes with the trailer that belongs to them. */
static enum rn_status check_vouched(uint8_t *bytes, size_t len)
{
    struct rn_bytes before = rn_bytes_of(bytes, len - RN_SHA256_BYTES);
    ck_assert(rn_sha256_of(&before, 1, bytes + before.len));
    return check_memory(rn_bytes_of(bytes, len));
}

START_TEST(a_flipped_byte_with_a_new_trailer_is_found_where_digests_cover_it)
{
    struct rn_bytes good = small_bundle();
    uint8_t *bad = rn_dup(good.data, good.len);
    unsigned damaged = 0;
    for (size_t at = RN_BUNDLE_FRONT_BYTES; at < good.len - RN_SHA256_BYTES; at++) {
        bad[at] ^= 0x01;
        damaged += check_vouched(bad, good.len) == RN_DAMAGED;
        bad[at] = good.data[at];
    }
    /* Names, tags, times of opening and closing, the document and a note are in no digest of a trace. */
    ck_assert_uint_gt(damaged, (unsigned)(good.len - 400));
    rn_free(bad);
}
END_TEST

START_TEST(a_later_version_is_named_and_a_stranger_is_none_of_ours)
{
    struct rn_bytes good = small_bundle();
    uint8_t *bytes = rn_dup(good.data, good.len);
    bytes[11] = 2;
    ck_assert_int_eq(check_vouched(bytes, good.len), RN_NEWER);
    ck_assert_ptr_nonnull(strstr(error.text, "version 2"));
    bytes[11] = 0;
    ck_assert_int_eq(check_vouched(bytes, good.len), RN_DAMAGED);
    ck_assert_int_eq(check_memory(RN_LIT("{\"schema\":\"reenact.receipt/1\"}")), RN_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "is no reenact bundle"));
    ck_assert_int_eq(check_memory(RN_LIT("x")), RN_INVALID);
    ck_assert_int_eq(read_bundle("missing", NULL), RN_NOTFOUND);
    ck_assert_int_eq(read_bundle("st", NULL), RN_INVALID);
    room_write(room_file(&room, "empty"), "", 0);
    ck_assert_int_eq(read_bundle("empty", NULL), RN_INVALID);
    rn_free(bytes);
}
END_TEST

START_TEST(claims_beyond_the_file_reserve_nothing)
{
    uint8_t bytes[] = {0x89, 'R',  'N',  'B',  '\r', '\n', 0x1a, '\n', 0, 0, 0, 1, 0,
                       1,    0xff, 0xff, 0xff, 0x3f, 0,    0,    0,    0, 0, 0, 0, 0,
                       0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,
                       0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0};
    ck_assert_int_eq(check_vouched(bytes, sizeof bytes), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "at byte"));
}
END_TEST

/* --- the golden file --- */

/*
 * tests/store/golden/bundle-1: a bundle as version 1 writes it. REENACT_GOLDEN_WRITE names a directory to make it anew in (it must
 * exist): only for a new version, beside the old one.
 */
START_TEST(a_bundle_of_version_1_still_reads_and_is_written_the_same)
{
    char path[PATH_MAX];
    struct rn_store *to = other("to");
    struct rn_bundle_item *items = NULL;
    struct rn_buffer json = {0};
    size_t count = 0;
    char kind[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 1];
    struct rn_trace_id listed[TRACES];
    if (getenv("REENACT_GOLDEN_WRITE") != NULL) {
        ck_ok(rn_trace_erase_field(store, &ids[1], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
        (void)small_bundle();
        snprintf(path, sizeof path, "%s/bundle-1", getenv("REENACT_GOLDEN_WRITE"));
        ck_assert_int_eq(rename(room_file(&room, "small"), path), 0);
    }
    ck_assert_ptr_nonnull(getenv("REENACT_TESTS"));
    snprintf(path, sizeof path, "%s/store/golden/bundle-1", getenv("REENACT_TESTS"));
    ck_ok(rn_bundle_read(path, to, &json, kind, name, &items, &count, NULL, &error));
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(name, "golden");
    for (size_t i = 0; i < count; i++) {
        listed[i] = items[i].id;
        ck_ok(rn_trace_verify(to, &listed[i], &error));
    }
    assert_sound(to);
    const struct rn_bundle_document document = {kind, name, rn_buffer_bytes(&json)};
    ck_ok(rn_bundle_write(to, listed, count, &document, room_file(&room, "again"), NULL, &error));
    size_t a_len = 0;
    size_t b_len = 0;
    uint8_t *a = room_read(path, &a_len);
    uint8_t *b = room_read(room_file(&room, "again"), &b_len);
    ck_assert_uint_eq(a_len, b_len);
    ck_assert_int_eq(memcmp(a, b, a_len), 0);
    free(a);
    free(b);
    rn_free(items);
    rn_buffer_free(&json);
    rn_store_close(to);
}
END_TEST

/* --- failing under it --- */

START_TEST(failed_allocations_check_or_refuse)
{
    struct rn_bytes good = small_bundle();
    for (unsigned long nth = 1; nth < 100000; nth += nth < 300 ? 1 : 17) {
        rn_memory_fail_from(nth);
        enum rn_status status = check_memory(good);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            return;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(status), error.text);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

START_TEST(failed_allocations_export_all_or_nothing)
{
    const char *path = room_file(&room, "b");
    for (unsigned long nth = 1; nth < 100000; nth += nth < 200 ? 1 : 29) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_bundle_write(store, ids, 2, NOTHING, path, NULL, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            return;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(status), error.text);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

START_TEST(failed_allocations_import_what_is_whole)
{
    struct rn_store *to = other("to");
    write_bundle(store, "b");
    for (unsigned long nth = 1; nth < 100000; nth += nth < 100 ? 7 : 97) {
        rn_memory_fail_from(nth);
        enum rn_status status = read_bundle("b", to);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(status), error.text);
    }
    ck_ok(read_bundle("b", to));
    for (unsigned i = 0; i < TRACES; i++) {
        assert_same_trace(store, to, &ids[i]);
    }
    assert_sound(to);
    rn_store_close(to);
}
END_TEST

/* A trace is there whole, or not at all; nothing is lost or open. */
static void assert_all_or_nothing(struct rn_store *in)
{
    struct rn_arena arena = {0};
    for (unsigned i = 0; i < TRACES; i++) {
        struct rn_trace_summary summary;
        enum rn_status status = rn_trace_summary(in, &ids[i], &arena, &summary, &error);
        ck_assert(status == RN_OK || status == RN_NOTFOUND);
        if (status == RN_OK) {
            assert_same_trace(store, in, &ids[i]);
        }
    }
    assert_sound(in);
    rn_arena_free(&arena);
}

START_TEST(a_full_disk_leaves_whole_traces_and_the_next_import_goes_on)
{
    struct rn_store *to = other("to");
    bool ended = false;
    write_bundle(store, "b");
    for (unsigned nth = 1; nth < 100 && !ended; nth++) {
        commits_left = nth;
        enum rn_status status = read_bundle("b", to);
        ended = commits_left > 0;
        commits_left = 0;
        ck_assert_msg(status == RN_FULL || (ended && status == RN_OK), "%u: %s", nth, error.text);
    }
    ck_assert(ended);
    assert_all_or_nothing(to);
    ck_assert_uint_eq(traces_in(to), TRACES);
    rn_store_close(to);
}
END_TEST

/* In a process of its own, which ends with the nth commit. */
static bool import_and_die(unsigned nth)
{
    int ended = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rn_store *to = NULL;
        if (rn_store_open(room_file(&room, "to"), RN_STORE_CREATE, &to, &error) != RN_OK) {
            _exit(1);
        }
        commits_left = nth;
        commit_ends_process = true;
        enum rn_status status = read_bundle("b", to);
        _exit(status == RN_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert(WIFEXITED(ended));
    ck_assert_int_ne(WEXITSTATUS(ended), 1);
    return WEXITSTATUS(ended) == 77;
}

START_TEST(an_import_that_dies_leaves_nothing_half_done_and_can_be_repeated)
{
    unsigned deaths = 0;
    write_bundle(store, "b");
    rn_store_close(store);
    store = NULL;
    while (import_and_die(deaths + 1)) {
        ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
        struct rn_store *to = other("to");
        assert_all_or_nothing(to);
        ck_ok(read_bundle("b", to));
        ck_assert_uint_eq(traces_in(to), TRACES);
        assert_all_or_nothing(to);
        for (unsigned i = 0; i < TRACES; i++) {
            ck_ok(rn_trace_drop(to, &ids[i], &error));
        }
        rn_store_close(to);
        rn_store_close(store);
        store = NULL;
        deaths++;
    }
    ck_assert_uint_ge(deaths, 4);
}
END_TEST

/* Another process that has the store open, and says under which name. */
static pid_t open_elsewhere(char owner[RN_OWNER_TEXT_BYTES], int *leave)
{
    int told[2];
    int gone[2];
    ck_assert_int_eq(pipe(told), 0);
    ck_assert_int_eq(pipe(gone), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rn_store *to = NULL;
        char word;
        close(gone[1]);
        if (rn_store_open(room_file(&room, "to"), RN_STORE_CREATE, &to, &error) != RN_OK ||
            write(told[1], rn_owner_text(to->owner), RN_OWNER_TEXT_BYTES) < 0) {
            _exit(1);
        }
        while (read(gone[0], &word, 1) > 0) {
        }
        _exit(0);
    }
    close(gone[0]);
    close(told[1]);
    ck_assert_int_eq(read(told[0], owner, RN_OWNER_TEXT_BYTES), RN_OWNER_TEXT_BYTES);
    close(told[0]);
    *leave = gone[1];
    return child;
}

START_TEST(what_another_live_import_adds_is_left_to_it)
{
    struct rn_store *to = NULL;
    struct rn_db_txn *txn = NULL;
    uint8_t key[7 + RN_TRACE_ID_BYTES] = "import/";
    uint8_t value[RN_OWNER_TEXT_BYTES - 1 + RN_SHA256_BYTES] = {0};
    char owner[RN_OWNER_TEXT_BYTES];
    int leave = -1;
    int ended = 0;
    write_bundle(store, "b");
    pid_t child = open_elsewhere(owner, &leave);
    to = other("to");
    memcpy(key + 7, ids[1].bytes, RN_TRACE_ID_BYTES);
    memcpy(value, owner, sizeof owner - 1);
    ck_ok(rn_db_begin(to->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_META, rn_bytes_of(key, sizeof key),
                    rn_bytes_of(value, sizeof value), &error));
    ck_ok(rn_db_commit(txn, &error));
    ck_assert_int_eq(read_bundle("b", to), RN_BUSY);
    ck_assert_ptr_nonnull(strstr(error.text, "by another process"));
    ck_assert_uint_eq(traces_in(to), 0);
    close(leave);
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_int_eq(ended, 0);
    ck_ok(read_bundle("b", to));
    ck_assert_uint_eq(traces_in(to), TRACES);
    assert_sound(to);
    rn_store_close(to);
}
END_TEST

START_TEST(a_mark_that_nothing_can_be_done_about_lets_the_store_open)
{
    struct rn_store *to = other("to");
    struct rn_db_txn *txn = NULL;
    uint8_t key[7 + RN_TRACE_ID_BYTES] = "import/";
    uint8_t value[RN_OWNER_TEXT_BYTES - 1 + RN_SHA256_BYTES] = {0};
    memcpy(key + 7, ids[1].bytes, RN_TRACE_ID_BYTES);
    memset(value, 'f', RN_OWNER_TEXT_BYTES - 1); /* nobody */
    ck_ok(rn_db_begin(to->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_META, rn_bytes_of(key, sizeof key),
                    rn_bytes_of(value, sizeof value), &error));
    ck_ok(rn_db_put(txn, RN_TREE_TRACE, rn_bytes_of(ids[1].bytes, RN_TRACE_ID_BYTES), RN_LIT("?"),
                    &error));
    ck_ok(rn_db_commit(txn, &error));
    rn_store_close(to);
    to = other("to");
    write_bundle(store, "b");
    ck_assert_int_eq(read_bundle("b", to), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "summary"));
    rn_store_close(to);
}
END_TEST

START_TEST(a_lost_trace_travels_as_one)
{
    struct maker maker;
    struct rn_trace_id id;
    struct rn_store *to = other("to");
    maker_open(&maker, room_file(&room, "lost"));
    struct rn_recording *trace = maker_trace(&maker, "lost", false, &id);
    maker_exchange(&maker, trace, 1, "l");
    maker_stream(&maker, trace, 2, "l", 2, false);
    maker_close(&maker);
    struct rn_store *from = other("lost");
    ck_ok(rn_bundle_write(from, &id, 1, NOTHING, room_file(&room, "b"), NULL, &error));
    ck_ok(read_bundle("b", to));
    assert_same_trace(from, to, &id);
    rn_store_close(to);
    to = other("to"); /* and stays */
    assert_same_trace(from, to, &id);
    assert_sound(to);
    rn_store_close(to);
    rn_store_close(from);
}
END_TEST

START_TEST(the_mark_of_a_late_event_travels_with_it)
{
    struct maker maker;
    struct rn_trace_id id;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_store *to = other("to");
    struct rn_store *copy = other("copy");
    maker_open(&maker, room_file(&room, "late"));
    struct rn_recording *trace = maker_trace(&maker, "late", false, &id);
    maker_exchange(&maker, trace, 1, "l");
    maker_exchange(&maker, trace, 2, "l");
    maker_mark(&maker, trace, 2);
    maker_end(&maker, trace);
    maker_close(&maker);
    struct rn_store *from = other("late");
    ck_ok(rn_bundle_write(from, &id, 1, NOTHING, room_file(&room, "b"), NULL, &error));
    ck_ok(read_bundle("b", to));
    ck_ok(rn_trace_copy(from, &id, copy, RN_CODEC_NONE, &error));
    ck_ok(rn_trace_summary(to, &id, &arena, &summary, &error));
    ck_assert_uint_eq(summary.late, 1);
    ck_assert_uint_eq(rn_trace_marked_flags(to, &summary, 1), 0);
    ck_assert_uint_eq(rn_trace_marked_flags(to, &summary, 2), RN_FLAG_LATE);
    assert_same_trace(from, to, &id);
    assert_same_trace(from, copy, &id);
    assert_sound(to);
    assert_sound(copy);
    rn_arena_free(&arena);
    rn_store_close(copy);
    rn_store_close(to);
    rn_store_close(from);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/bundle");
    TCase *cases = tcase_create("bundle");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 200);
    tcase_add_test(cases, what_was_exported_is_what_is_imported);
    tcase_add_test(cases, an_empty_bundle_without_a_document_is_one);
    tcase_add_test(cases, order_codec_parts_and_store_change_no_byte);
    tcase_add_test(cases, stdout_gets_the_same_bytes);
    tcase_add_test(cases, erased_fields_stay_erased);
    tcase_add_test(cases, traces_that_are_there_are_left_alone);
    tcase_add_test(cases, another_trace_of_the_same_id_stops_everything);
    tcase_add_test(cases, an_open_trace_and_an_unknown_one_do_not_travel);
    tcase_add_test(cases, a_file_that_is_there_stays_as_it_is);
    tcase_add_test(cases, a_credential_does_not_travel_and_is_named);
    tcase_add_test(cases, a_credential_within_a_content_coding_does_not_travel);
    tcase_add_test(cases, a_bundle_with_a_credential_is_not_taken_in);
    tcase_add_test(cases, a_credential_in_the_document_or_a_name_does_not_travel);
    tcase_add_test(cases, every_flipped_byte_is_damage);
    tcase_add_test(cases, nothing_of_a_damaged_file_is_stored);
    tcase_add_test(cases, a_cut_bundle_is_damage_wherever_it_is_cut);
    tcase_add_test(cases, what_is_appended_is_damage);
    tcase_add_test(cases, a_flipped_byte_with_a_new_trailer_is_found_where_digests_cover_it);
    tcase_add_test(cases, a_later_version_is_named_and_a_stranger_is_none_of_ours);
    tcase_add_test(cases, claims_beyond_the_file_reserve_nothing);
    tcase_add_test(cases, a_bundle_of_version_1_still_reads_and_is_written_the_same);
    tcase_add_test(cases, failed_allocations_check_or_refuse);
    tcase_add_test(cases, failed_allocations_export_all_or_nothing);
    tcase_add_test(cases, failed_allocations_import_what_is_whole);
    tcase_add_test(cases, a_full_disk_leaves_whole_traces_and_the_next_import_goes_on);
    tcase_add_test(cases, an_import_that_dies_leaves_nothing_half_done_and_can_be_repeated);
    tcase_add_test(cases, what_another_live_import_adds_is_left_to_it);
    tcase_add_test(cases, a_mark_that_nothing_can_be_done_about_lets_the_store_open);
    tcase_add_test(cases, a_lost_trace_travels_as_one);
    tcase_add_test(cases, the_mark_of_a_late_event_travels_with_it);
    suite_add_tcase(suite, cases);
    return suite;
}
