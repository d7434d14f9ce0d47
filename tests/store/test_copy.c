/*
 * Formats that can live: the same trace in another codec, another store, another order, without a field, with a note, and
 * from a store that an earlier build has written, has the same `evidence`.
 */
#include "main.h"

#include <zlib.h>

#include "base/digest.h"
#include "base/memory.h"
#include "db.h"
#include "frame.h"
#include "keys.h"
#include "pieces.h"
#include "store/copy.h"
#include "store/find.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"

#define TRACES 3u

static struct room room;
static struct rn_error error;
static struct rn_store *store;
static struct rn_trace_id ids[TRACES];
static struct rn_digests recorded[TRACES];

static struct rn_digests digests_of(struct rn_store *in, const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    ck_ok(rn_trace_summary(in, id, &arena, &summary, &error));
    rn_arena_free(&arena);
    return summary.digests;
}

static void assert_digests(struct rn_store *in, unsigned i)
{
    struct rn_digests now = digests_of(in, &ids[i]);
    ck_assert_int_eq(memcmp(&now, &recorded[i], sizeof now), 0);
    ck_ok(rn_trace_verify(in, &ids[i], &error));
}

static void assert_sound(struct rn_store *in)
{
    struct rn_verify_counts counts;
    ck_ok(rn_store_verify(in, NULL, NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.damaged, 0);
}

static void setup(void)
{
    struct maker maker;
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
    for (unsigned i = 0; i < TRACES; i++) {
        char text[2] = {(char)('a' + i), '\0'};
        ids[i] = maker_whole(&maker, "name", text, i == 1);
        recorded[i] = digests_of(maker.store, &ids[i]);
    }
    maker_close(&maker);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_store_close(store);
    room_close(&room);
}

static struct rn_store *other(const char *name)
{
    struct rn_store *opened = NULL;
    ck_ok(rn_store_open(room_file(&room, name), RN_STORE_CREATE, &opened, &error));
    return opened;
}

static unsigned count_codec(struct rn_store *in, const struct rn_trace_id *id, uint8_t wanted)
{
    struct rn_pieces pieces = {0};
    struct rn_buffer raw = {0};
    unsigned count = 0;
    ck_ok(rn_pieces_of_trace(in, id, &pieces, &error));
    for (size_t i = 0; i < pieces.count; i++) {
        uint8_t codec = 99;
        ck_ok(rn_piece_read(in, id, &pieces.at[i], &raw, &codec, NULL, &error));
        count += codec == wanted;
    }
    rn_buffer_free(&raw);
    rn_pieces_free(&pieces);
    return count;
}

START_TEST(another_codec_another_order_another_store_keep_the_evidence)
{
    struct rn_store *plain = other("plain");
    struct rn_store *again = other("again");
    for (unsigned i = TRACES; i > 0; i--) { /* last first */
        ck_ok(rn_trace_copy(store, &ids[i - 1], plain, RN_CODEC_NONE, &error));
    }
    for (unsigned i = 0; i < TRACES; i++) {
        assert_digests(plain, i);
        ck_assert_uint_eq(count_codec(plain, &ids[i], RN_CODEC_ZSTD), 0);
        ck_ok(rn_trace_copy(plain, &ids[i], again, RN_CODEC_ZSTD, &error));
        assert_digests(again, i);
        ck_assert_uint_gt(count_codec(again, &ids[i], RN_CODEC_ZSTD), 0);
    }
    assert_sound(plain);
    assert_sound(again);
    rn_store_close(plain);
    rn_store_close(again);
}
END_TEST

START_TEST(a_copy_answers_like_the_first)
{
    struct rn_store *to = other("to");
    struct rn_arena arena = {0};
    struct rn_trace_id found;
    uint32_t event = 0;
    ck_ok(rn_trace_copy(store, &ids[1], to, RN_CODEC_ZSTD, &error));
    ck_ok(rn_find_trace(to, "chatcmpl-b-2", &found, &event, &error));
    ck_assert(rn_trace_id_equal(&found, &ids[1]));
    for (uint32_t n = 0; n <= 3; n++) {
        struct rn_event before;
        struct rn_event after;
        ck_ok(rn_trace_event(store, &ids[1], RN_CLASS_EVENT, n, &arena, &before, &error));
        ck_ok(rn_trace_event(to, &ids[1], RN_CLASS_EVENT, n, &arena, &after, &error));
        ck_assert_uint_eq(before.fields, after.fields);
        ck_assert(rn_bytes_equal(before.key, after.key));
        for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
            ck_assert(rn_bytes_equal(rn_event_get(&before, tag), rn_event_get(&after, tag)));
        }
    }
    rn_arena_free(&arena);
    rn_store_close(to);
}
END_TEST

START_TEST(what_cannot_be_copied_is_refused)
{
    struct rn_store *to = other("to");
    struct rn_trace_id unknown = {{9}};
    ck_ok(rn_trace_copy(store, &ids[0], to, RN_CODEC_ZSTD, &error));
    ck_assert_int_eq(rn_trace_copy(store, &ids[0], to, RN_CODEC_ZSTD, &error), RN_REFUSED);
    ck_assert_int_eq(rn_trace_copy(store, &unknown, to, RN_CODEC_ZSTD, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_copy(store, &ids[1], to, 7, &error), RN_INVALID);
    rn_store_close(to);
    rn_store_close(store);
    struct maker maker;
    struct rn_trace_id open_id;
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
    to = other("to");
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &open_id);
    maker_exchange(&maker, trace, 1, "x");
    ck_assert_int_eq(rn_trace_copy(store, &open_id, to, RN_CODEC_ZSTD, &error), RN_BUSY);
    ck_assert_int_eq(
        rn_trace_erase_field(store, &open_id, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error),
        RN_BUSY);
    maker_end(&maker, trace);
    ck_ok(rn_trace_copy(store, &open_id, to, RN_CODEC_ZSTD, &error));
    rn_writer_free(maker.writer);
    rn_store_close(to);
}
END_TEST

/* --- erasing --- */

static bool file_holds(const char *path, const char *text)
{
    size_t len = 0;
    uint8_t *bytes = room_read(path, &len);
    bool found = rn_bytes_find(rn_bytes_of(bytes, len), rn_bytes_text(text)) != RN_NPOS;
    free(bytes);
    return found;
}

START_TEST(an_erased_field_is_gone_and_the_evidence_stays)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_trace_summary summary;
    ck_ok(rn_trace_event(store, &ids[0], RN_CLASS_EVENT, 1, &arena, &event, &error));
    struct rn_bytes body = rn_event_get(&event, RN_TAG_REQUEST_BODY);
    ck_assert_uint_gt(body.len, 10);
    ck_assert_uint_gt(event.key.len, 0);
    ck_ok(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
    assert_digests(store, 0);
    ck_ok(rn_trace_event(store, &ids[0], RN_CLASS_EVENT, 1, &arena, &event, &error));
    ck_assert(!rn_event_has(&event, RN_TAG_REQUEST_BODY));
    ck_assert_uint_eq(event.erased, UINT64_C(1) << RN_TAG_REQUEST_BODY);
    ck_assert_uint_eq(event.key.len, 0);
    struct rn_bytes record = event.erasures;
    struct rn_erasure erasure;
    ck_assert(rn_erasure_get(&record, &erasure));
    ck_assert_uint_eq(erasure.bytes, body.len);
    ck_ok(rn_trace_summary(store, &ids[0], &arena, &summary, &error));
    ck_assert(!summary.salts.from_secret);
    uint8_t salt[RN_SHA256_BYTES];
    ck_assert(!rn_salt_of(&summary.salts, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, salt));
    ck_assert(rn_salt_of(&summary.salts, RN_CLASS_EVENT, 1, RN_TAG_RESPONSE_BODY, salt));
    ck_assert_int_eq(
        rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error),
        RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "erased before"));
    assert_sound(store);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(an_erased_trace_copied_elsewhere_holds_nothing_of_it)
{
    struct rn_store *to = other("to");
    ck_ok(rn_trace_copy(store, &ids[0], to, RN_CODEC_NONE, &error));
    ck_assert(file_holds(room_file(&room, "to/data.mdb"), "question 1\""));
    rn_store_close(to);
    ck_ok(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
    to = other("clean");
    ck_ok(rn_trace_copy(store, &ids[0], to, RN_CODEC_NONE, &error));
    assert_digests(to, 0);
    assert_sound(to);
    rn_store_close(to);
    ck_assert(!file_holds(room_file(&room, "clean/data.mdb"), "question 1\""));
    ck_assert(file_holds(room_file(&room, "clean/data.mdb"), "question 3\""));
}
END_TEST

START_TEST(every_field_of_every_event_can_be_erased_one_after_the_other)
{
    unsigned erased = 0;
    for (uint32_t n = 0; n <= 3; n++) {
        for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
            enum rn_status status =
                rn_trace_erase_field(store, &ids[1], RN_CLASS_EVENT, n, (enum rn_tag)tag, &error);
            ck_assert_msg(status == RN_OK || status == RN_NOTFOUND || status == RN_REFUSED,
                          "%u:%u: %s", n, tag, error.text);
            erased += status == RN_OK;
        }
    }
    ck_ok(rn_trace_erase_field(store, &ids[1], RN_CLASS_GAP, 1, RN_TAG_GAP, &error));
    ck_assert_uint_gt(erased, 20);
    assert_digests(store, 1);
    assert_sound(store);
    struct rn_trace_id found;
    uint32_t event = 0;
    ck_assert_int_eq(rn_find_trace(store, "chatcmpl-b-1", &found, &event, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_find_trace(store, "req_b_3", &found, &event, &error), RN_NOTFOUND);
    ck_ok(rn_find_trace(store, "chatcmpl-a-1", &found, &event, &error));
}
END_TEST

START_TEST(structure_is_not_erased)
{
    static const enum rn_tag tags[] = {RN_TAG_KIND, RN_TAG_END, RN_TAG_TIMES, RN_TAG_UPSTREAM};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        ck_assert_int_eq(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, tags[i], &error),
                         RN_REFUSED);
    }
    ck_assert_int_eq(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_ARGV, &error),
                     RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 9, RN_TAG_METHOD, &error),
                     RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_erase_field(store, &ids[0], RN_CLASS_EVENT, 1, RN_TAG_LIMIT, &error),
                     RN_INVALID);
}
END_TEST

START_TEST(failed_allocations_erase_all_or_nothing)
{
    for (unsigned long nth = 1; nth < 20000; nth += nth < 200 ? 1 : 29) {
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_trace_erase_field(store, &ids[2], RN_CLASS_EVENT, 2, RN_TAG_RESPONSE_BODY, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        assert_digests(store, 2);
        if (!failed || status == RN_NOTFOUND) { /* the last steps of an erasure only verify it */
            ck_assert(status == RN_OK || status == RN_NOTFOUND);
            assert_sound(store);
            return;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s", nth, error.text);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

/* --- notes --- */

START_TEST(notes_are_added_and_change_no_digest)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_trace_summary summary;
    ck_ok(rn_trace_add_note(store, &ids[0], RN_LIT("first look"), &error));
    ck_ok(rn_trace_add_note(store, &ids[0],
                            RN_LIT("it was sk-proj-Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0aTb7RkY2"), &error));
    ck_ok(rn_trace_summary(store, &ids[0], &arena, &summary, &error));
    ck_assert_uint_eq(summary.notes, 2);
    ck_ok(rn_trace_event(store, &ids[0], RN_CLASS_NOTE, 1, &arena, &event, &error));
    ck_assert(rn_bytes_equal(rn_event_get(&event, RN_TAG_NOTE), RN_LIT("first look")));
    ck_assert_int_eq(rn_event_kind_of(&event), RN_EVENT_NOTE);
    ck_ok(rn_trace_event(store, &ids[0], RN_CLASS_NOTE, 2, &arena, &event, &error));
    ck_assert(rn_bytes_find(rn_event_get(&event, RN_TAG_NOTE), RN_LIT("Zx81LmQ0aTb7")) == RN_NPOS);
    assert_digests(store, 0);
    ck_ok(rn_trace_erase_field(store, &ids[0], RN_CLASS_NOTE, 1, RN_TAG_NOTE, &error));
    assert_digests(store, 0);
    assert_sound(store);
    struct rn_store *to = other("to");
    ck_ok(rn_trace_copy(store, &ids[0], to, RN_CODEC_ZSTD, &error));
    assert_digests(to, 0);
    assert_sound(to);
    struct rn_trace_id unknown = {{9}};
    ck_assert_int_eq(rn_trace_add_note(store, &unknown, RN_LIT("x"), &error), RN_NOTFOUND);
    rn_store_close(to);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_note_is_added_while_the_trace_is_recorded)
{
    struct maker maker;
    struct rn_trace_id id;
    rn_store_close(store);
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &id);
    maker_exchange(&maker, trace, 1, "x");
    ck_ok(rn_trace_add_note(store, &id, RN_LIT("live"), &error));
    maker_exchange(&maker, trace, 2, "x");
    ck_ok(rn_trace_add_note(store, &id, RN_LIT("still"), &error));
    maker_end(&maker, trace);
    ck_ok(rn_trace_verify(store, &id, &error));
    rn_writer_free(maker.writer);
    assert_sound(store);
}
END_TEST

/* --- an old store --- */

/*
 * tests/store/golden/: a data file as format 1 wrote it (gzip), and lines "trace evidence said". REENACT_GOLDEN_WRITE names a directory to
 * make them anew in (it must exist): only for a new format, beside the old one.
 */
static void golden_path(char out[PATH_MAX], const char *name)
{
    const char *tests = getenv("REENACT_TESTS");
    ck_assert_ptr_nonnull(tests);
    snprintf(out, PATH_MAX, "%s/store/golden/%s", tests, name);
}

static void golden_write(const char *directory)
{
    char path[PATH_MAX];
    struct rn_store *to = other("golden");
    snprintf(path, sizeof path, "%s/format-1.digests", directory);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_ok(rn_trace_erase_field(store, &ids[2], RN_CLASS_EVENT, 3, RN_TAG_RESPONSE_BODY, &error));
    ck_ok(rn_trace_add_note(store, &ids[2], RN_LIT("an old note"), &error));
    for (unsigned i = 0; i < TRACES; i++) {
        char id[33];
        char evidence[2 * RN_SHA256_BYTES + 1];
        char said[2 * RN_SHA256_BYTES + 1];
        ck_ok(rn_trace_copy(store, &ids[i], to, RN_CODEC_ZSTD, &error));
        rn_trace_id_text(&ids[i], id);
        rn_hex(rn_bytes_of(recorded[i].evidence, RN_SHA256_BYTES), evidence);
        rn_hex(rn_bytes_of(recorded[i].said, RN_SHA256_BYTES), said);
        fprintf(out, "%s %s %s\n", id, evidence, said);
    }
    fclose(out);
    rn_store_close(to);
    size_t len = 0;
    uint8_t *data = room_read(room_file(&room, "golden/data.mdb"), &len);
    snprintf(path, sizeof path, "%s/format-1.mdb.gz", directory);
    gzFile packed = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(packed);
    ck_assert_int_eq(gzwrite(packed, data, (unsigned)len), (int)len);
    ck_assert_int_eq(gzclose(packed), Z_OK);
    free(data);
}

START_TEST(a_store_of_format_1_still_reads)
{
    char path[PATH_MAX];
    char id[33];
    char evidence[65];
    char said[65];
    static uint8_t data[1 << 20];
    unsigned count = 0;
    if (getenv("REENACT_GOLDEN_WRITE") != NULL) {
        golden_write(getenv("REENACT_GOLDEN_WRITE"));
    }
    golden_path(path, "format-1.mdb.gz");
    gzFile packed = gzopen(path, "rb");
    ck_assert_ptr_nonnull(packed);
    int got = gzread(packed, data, sizeof data);
    ck_assert_int_eq(gzclose(packed), Z_OK);
    ck_assert_int_gt(got, 0);
    ck_assert_int_eq(mkdir(room_file(&room, "old"), 0700), 0);
    room_write(room_file(&room, "old/data.mdb"), data, (size_t)got);
    struct rn_store *old = NULL;
    ck_ok(rn_store_open(room_file(&room, "old"), RN_STORE_READ, &old, &error));
    golden_path(path, "format-1.digests");
    FILE *expected = fopen(path, "r");
    ck_assert_ptr_nonnull(expected);
    while (fscanf(expected, "%32s %64s %64s", id, evidence, said) == 3) {
        struct rn_trace_id trace;
        struct rn_digests wanted;
        uint32_t event = 0;
        ck_ok(rn_find_trace(old, id, &trace, &event, &error));
        ck_assert(rn_unhex(rn_bytes_text(evidence), wanted.evidence, RN_SHA256_BYTES));
        ck_assert(rn_unhex(rn_bytes_text(said), wanted.said, RN_SHA256_BYTES));
        struct rn_digests now = digests_of(old, &trace);
        ck_assert_int_eq(memcmp(&now, &wanted, sizeof now), 0);
        ck_ok(rn_trace_verify(old, &trace, &error));
        count++;
    }
    fclose(expected);
    ck_assert_uint_eq(count, TRACES);
    assert_sound(old);
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_trace_id newest;
    uint32_t n = 0;
    ck_ok(rn_find_trace(old, "last", &newest, &n, &error));
    ck_ok(rn_trace_event(old, &newest, RN_CLASS_NOTE, 1, &arena, &event, &error));
    ck_assert(rn_bytes_equal(rn_event_get(&event, RN_TAG_NOTE), RN_LIT("an old note")));
    ck_ok(rn_trace_event(old, &newest, RN_CLASS_EVENT, 1, &arena, &event, &error));
    ck_assert(rn_bytes_find(rn_event_get(&event, RN_TAG_REQUEST_BODY), RN_LIT("question 1")) !=
              RN_NPOS);
    rn_arena_free(&arena);
    rn_store_close(old);
}
END_TEST

START_TEST(a_store_of_a_later_format_is_left_alone)
{
    struct rn_db_txn *txn = NULL;
    size_t before_len = 0;
    size_t after_len = 0;
    ck_ok(rn_db_begin(store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_META, RN_META_FORMAT, RN_LIT("\0\0\0\2"), &error));
    ck_ok(rn_db_commit(txn, &error));
    rn_store_close(store);
    store = NULL;
    uint8_t *before = room_read(room_file(&room, "st/data.mdb"), &before_len);
    ck_assert_int_eq(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error),
                     RN_NEWER);
    ck_assert_ptr_nonnull(strstr(error.text, "format 2"));
    uint8_t *after = room_read(room_file(&room, "st/data.mdb"), &after_len);
    ck_assert_uint_eq(before_len, after_len);
    ck_assert_int_eq(memcmp(before, after, before_len), 0);
    free(before);
    free(after);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/copy");
    TCase *cases = tcase_create("copy");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 200);
    tcase_add_test(cases, another_codec_another_order_another_store_keep_the_evidence);
    tcase_add_test(cases, a_copy_answers_like_the_first);
    tcase_add_test(cases, what_cannot_be_copied_is_refused);
    tcase_add_test(cases, an_erased_field_is_gone_and_the_evidence_stays);
    tcase_add_test(cases, an_erased_trace_copied_elsewhere_holds_nothing_of_it);
    tcase_add_test(cases, every_field_of_every_event_can_be_erased_one_after_the_other);
    tcase_add_test(cases, structure_is_not_erased);
    tcase_add_test(cases, failed_allocations_erase_all_or_nothing);
    tcase_add_test(cases, notes_are_added_and_change_no_digest);
    tcase_add_test(cases, a_note_is_added_while_the_trace_is_recorded);
    tcase_add_test(cases, a_store_of_format_1_still_reads);
    tcase_add_test(cases, a_store_of_a_later_format_is_left_alone);
    suite_add_tcase(suite, cases);
    return suite;
}
