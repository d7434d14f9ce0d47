/* Whatever is changed in a store, verify says so and nothing crashes. */
#include "main.h"

#include "base/memory.h"
#include "db.h"
#include "frame.h"
#include "index.h"
#include "keys.h"
#include "store/copy.h"
#include "store/find.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct rn_store *store;
static struct rn_trace_id closed;
static struct rn_trace_id noted;

/* Two closed traces, one of them with a gap, a note and an erased field; no writer left. */
static void setup(void)
{
    struct maker maker;
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
    closed = maker_whole(&maker, "name", "abc", false);
    noted = maker_whole(&maker, NULL, "def", true);
    maker_close(&maker);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    ck_ok(rn_trace_add_note(store, &noted, RN_LIT("looked at"), &error));
    ck_ok(rn_trace_erase_field(store, &noted, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_store_close(store);
    room_close(&room);
}

struct findings {
    unsigned count;
    struct rn_trace_id trace;
    char sentence[RN_ERROR_BYTES_MAX];
};

static void note_finding(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    struct findings *findings = self;
    findings->count++;
    findings->trace = *trace;
    ck_assert_uint_gt(strlen(sentence), 10);
    snprintf(findings->sentence, sizeof findings->sentence, "%s", sentence);
}

static uint64_t last_progress;

static void note_progress(void *self, uint64_t done, uint64_t all)
{
    (void)self;
    ck_assert_uint_le(done, all);
    ck_assert_uint_gt(done, last_progress);
    last_progress = done;
}

static unsigned verify(struct findings *findings)
{
    struct rn_verify_counts counts;
    memset(findings, 0, sizeof *findings);
    ck_ok(rn_store_verify(store, note_finding, NULL, findings, &counts, &error));
    ck_assert_uint_eq(counts.damaged, findings->count);
    return findings->count;
}

START_TEST(a_sound_store_has_no_findings)
{
    struct findings findings = {0};
    struct rn_verify_counts counts;
    last_progress = 0;
    ck_ok(rn_store_verify(store, note_finding, note_progress, &findings, &counts, &error));
    ck_assert_msg(findings.count == 0, "%s", findings.sentence);
    ck_assert_uint_eq(counts.traces, 2);
    ck_assert_uint_eq(counts.open, 0);
    ck_assert_uint_eq(counts.events, 4 + 6);
    ck_assert_uint_eq(counts.rows, last_progress);
    ck_ok(rn_store_verify(store, NULL, NULL, NULL, &counts, NULL));
}
END_TEST

/* --- every entry of every tree --- */

#define ENTRIES_MAX 400u

struct entry {
    enum rn_tree tree;
    uint8_t key[512];
    size_t key_len;
    uint8_t *value;
    size_t value_len;
};

static struct entry entries[ENTRIES_MAX];
static unsigned entry_count;

static void collect_entries(void)
{
    struct rn_db_txn *txn = NULL;
    entry_count = 0;
    ck_ok(rn_db_begin(store->db, false, &txn, &error));
    for (int tree = 0; tree < RN_TREE_COUNT; tree++) {
        static const uint8_t least[1];
        struct rn_bytes key;
        struct rn_bytes value;
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, (enum rn_tree)tree);
        enum rn_status status = rn_db_seek(cursor, rn_bytes_of(least, 1), &key, &value);
        while (status == RN_OK) {
            ck_assert_uint_lt(entry_count, ENTRIES_MAX);
            struct entry *entry = &entries[entry_count++];
            entry->tree = (enum rn_tree)tree;
            memcpy(entry->key, key.data, key.len);
            entry->key_len = key.len;
            entry->value = malloc(value.len + 1);
            memcpy(entry->value, value.data, value.len);
            entry->value_len = value.len;
            status = rn_db_next(cursor, &key, &value);
        }
        rn_db_cursor_free(cursor);
    }
    rn_db_abort(txn);
}

static void free_entries(void)
{
    for (unsigned i = 0; i < entry_count; i++) {
        free(entries[i].value);
    }
}

static void put_entry(const struct entry *entry)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, entry->tree, rn_bytes_of(entry->key, entry->key_len),
                    rn_bytes_of(entry->value, entry->value_len), &error));
    ck_ok(rn_db_commit(txn, &error));
}

static bool is_about_indexing(const struct entry *entry)
{
    return entry->tree == RN_TREE_META; /* format and watermark: tested below */
}

START_TEST(every_flipped_value_is_found)
{
    struct findings findings;
    collect_entries();
    for (unsigned i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];
        size_t stride = entry->tree == RN_TREE_LOG || entry->tree == RN_TREE_TRACE ? 13 : 3;
        for (size_t at = i % stride; at < entry->value_len && !is_about_indexing(entry);
             at += stride) {
            entry->value[at] ^= 0x80;
            put_entry(entry);
            ck_assert_msg(verify(&findings) > 0, "tree %d, entry %u, byte %zu", entry->tree, i, at);
            entry->value[at] ^= 0x80;
        }
        put_entry(entry);
    }
    ck_assert_msg(verify(&findings) == 0, "%s", findings.sentence);
    free_entries();
}
END_TEST

/* One trace alone knows of every byte of its own frames, its opening and its closing among them. */
START_TEST(a_flipped_row_is_found_by_its_trace_alone)
{
    collect_entries();
    for (unsigned i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];
        struct rn_trace_id id;
        if (entry->tree != RN_TREE_LOG || entry->value_len < 40) {
            continue;
        }
        memcpy(id.bytes, entry->value + 16, sizeof id.bytes);
        ck_ok(rn_trace_verify(store, &id, &error));
        for (size_t at = i % 7; at < entry->value_len; at += 7) {
            entry->value[at] ^= 0x80;
            put_entry(entry);
            ck_assert_msg(rn_trace_verify(store, &id, &error) != RN_OK, "row %u, byte %zu", i, at);
            entry->value[at] ^= 0x80;
        }
        put_entry(entry);
    }
    free_entries();
}
END_TEST

START_TEST(every_missing_entry_is_found)
{
    struct findings findings;
    collect_entries();
    for (unsigned i = 0; i < entry_count; i++) {
        struct rn_db_txn *txn = NULL;
        if (is_about_indexing(&entries[i]) || entries[i].tree == RN_TREE_LOG) {
            continue; /* the log knows no deletion yet; a row cut short stands for it below */
        }
        ck_ok(rn_db_begin(store->db, true, &txn, &error));
        ck_assert_int_eq(
            rn_db_delete(txn, entries[i].tree, rn_bytes_of(entries[i].key, entries[i].key_len)),
            RN_OK);
        ck_ok(rn_db_commit(txn, &error));
        ck_assert_msg(verify(&findings) > 0, "tree %d, entry %u", entries[i].tree, i);
        put_entry(&entries[i]);
    }
    ck_assert_uint_eq(verify(&findings), 0);
    free_entries();
}
END_TEST

START_TEST(every_cut_value_is_found)
{
    struct findings findings;
    collect_entries();
    for (unsigned i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];
        size_t len = entry->value_len;
        for (size_t cut = 0; cut < len && !is_about_indexing(entry); cut += 1 + len / 4) {
            entry->value_len = cut;
            put_entry(entry);
            ck_assert_msg(verify(&findings) > 0, "tree %d, entry %u, cut %zu", entry->tree, i, cut);
        }
        entry->value_len = len;
        put_entry(entry);
    }
    ck_assert_uint_eq(verify(&findings), 0);
    free_entries();
}
END_TEST

START_TEST(entries_that_lead_nowhere_are_found)
{
    struct findings findings;
    static const enum rn_tree trees[] = {RN_TREE_TIME, RN_TREE_SUFFIX, RN_TREE_SESSION,
                                         RN_TREE_NAME, RN_TREE_ID,     RN_TREE_EVENT};
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        struct entry stray = {.tree = trees[i],
                              .key_len = 40,
                              .value = (uint8_t[8]){0, 0, 0, 0, 0, 0, 9, 9},
                              .value_len = 8};
        struct rn_db_txn *txn = NULL;
        memset(stray.key, 'x', stray.key_len);
        put_entry(&stray);
        ck_assert_msg(verify(&findings) > 0, "tree %d", trees[i]);
        ck_ok(rn_db_begin(store->db, true, &txn, &error));
        ck_assert_int_eq(rn_db_delete(txn, trees[i], rn_bytes_of(stray.key, stray.key_len)), RN_OK);
        ck_ok(rn_db_commit(txn, &error));
    }
    ck_assert_uint_eq(verify(&findings), 0);
}
END_TEST

START_TEST(a_watermark_beyond_the_log_is_found)
{
    struct findings findings;
    struct entry mark = {.tree = RN_TREE_META,
                         .key_len = 9,
                         .value = (uint8_t[8]){0, 0, 0, 0, 0, 1, 0, 0},
                         .value_len = 8};
    memcpy(mark.key, "watermark", 9);
    put_entry(&mark);
    ck_assert_uint_eq(verify(&findings), 1);
    uint64_t left = 1;
    ck_ok(rn_index_step(store, 10, &left, &error));
    ck_assert_uint_eq(left, 0);
}
END_TEST

START_TEST(a_finding_names_trace_event_and_row)
{
    struct findings findings;
    char text[33];
    collect_entries();
    for (unsigned i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];
        if (entry->tree == RN_TREE_LOG && entry->key[7] == 3) {
            entry->value[entry->value_len - 1] ^= 1;
            put_entry(entry);
        }
    }
    ck_assert_uint_eq(verify(&findings), 1);
    ck_assert(rn_trace_id_equal(&findings.trace, &closed));
    rn_trace_id_text(&closed, text);
    ck_assert_ptr_nonnull(strstr(findings.sentence, text));
    ck_assert_ptr_nonnull(strstr(findings.sentence, "event 2"));
    ck_assert_ptr_nonnull(strstr(findings.sentence, "row 3"));
    ck_assert_int_eq(rn_trace_verify(store, &closed, &error), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "event 2"));
    ck_ok(rn_trace_verify(store, &noted, &error));
    free_entries();
}
END_TEST

/* Frames that are sound each but not the ones that were recorded. */
START_TEST(an_event_replaced_by_another_sound_one_is_found)
{
    struct findings findings;
    struct rn_buffer raw = {0};
    struct rn_buffer fresh = {0};
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_codec_context *codec = rn_codec_context_new();
    ck_ok(rn_trace_event(store, &closed, RN_CLASS_EVENT, 1, &arena, &event, &error));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY,
                 RN_LIT("{\"id\": \"chatcmpl-abc-1\",\"forged\":true}"));
    ck_assert_int_eq(rn_event_encode(&event, &raw), RN_OK);
    struct rn_frame frame = {.codec = RN_CODEC_ZSTD,
                             .kind = RN_FRAME_EVENT,
                             .class = RN_CLASS_EVENT,
                             .trace = closed,
                             .n = 1};
    ck_assert_int_eq(rn_frame_write(codec, &frame, rn_buffer_bytes(&raw), &fresh), RN_OK);
    struct entry forged = {.tree = RN_TREE_LOG,
                           .key = {0, 0, 0, 0, 0, 0, 0, 2},
                           .key_len = 8,
                           .value = fresh.data,
                           .value_len = fresh.len};
    put_entry(&forged);
    ck_assert_uint_gt(verify(&findings), 0);
    ck_assert_int_eq(rn_trace_verify(store, &closed, &error), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "digest"));
    rn_codec_context_free(codec);
    rn_buffer_free(&raw);
    rn_buffer_free(&fresh);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(torn_pages_are_a_finding_and_no_crash)
{
    size_t len = 0;
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s", room_file(&room, "st/data.mdb"));
    uint8_t *whole = room_read(file, &len);
    unsigned found = 0;
    for (size_t page = 2; page < len / 4096; page++) {
        struct findings findings;
        FILE *out = fopen(file, "r+b");
        static const uint8_t zeros[4096];
        ck_assert_int_eq(fseek(out, (long)(page * 4096), SEEK_SET), 0);
        ck_assert_uint_eq(fwrite(zeros, 1, 4096, out), 4096);
        ck_assert_int_eq(fclose(out), 0);
        found += verify(&findings) > 0;
        out = fopen(file, "r+b");
        ck_assert_int_eq(fseek(out, (long)(page * 4096), SEEK_SET), 0);
        ck_assert_uint_eq(fwrite(whole + page * 4096, 1, 4096, out), 4096);
        ck_assert_int_eq(fclose(out), 0);
    }
    ck_assert_uint_ge(found, 9);
    free(whole);
}
END_TEST

START_TEST(failed_allocations_are_errors_and_no_findings)
{
    struct rn_verify_counts counts;
    for (unsigned long nth = 1; nth < 20000; nth += nth < 300 ? 1 : 37) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_store_verify(store, NULL, NULL, NULL, &counts, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            return;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(status), error.text);
        ck_assert_uint_eq(counts.damaged, 0);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

START_TEST(a_trace_that_is_being_recorded_is_no_finding)
{
    struct maker maker;
    struct findings findings;
    struct rn_trace_id id;
    struct rn_verify_counts counts;
    rn_store_close(store);
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
    struct rn_recording *trace = maker_trace(&maker, "live", true, &id);
    maker_exchange(&maker, trace, 1, "ghi");
    maker_stream(&maker, trace, 2, "jkl", 3, false);
    ck_ok(rn_store_verify(store, note_finding, NULL, &findings, &counts, &error));
    ck_assert_uint_eq(counts.damaged, 0);
    ck_assert_uint_eq(counts.open, 1);
    maker_end(&maker, trace);
    ck_assert_uint_eq(verify(&findings), 0);
    rn_writer_free(maker.writer);
}
END_TEST

/* All exchanges of traces.h carry one traceparent. */
START_TEST(calls_in_flight_together_may_end_in_any_order)
{
    struct maker maker = {.store = store};
    struct rn_trace_id id;
    struct findings findings = {0};
    pthread_mutex_init(&maker.lock, NULL);
    pthread_cond_init(&maker.woken, NULL);
    ck_ok(rn_writer_start(store, maker_wake, &maker, RN_LIT("key"), &maker.writer, &error));
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &id);
    maker_exchange(&maker, trace, 3, "jkl");
    maker_exchange(&maker, trace, 1, "jkl");
    maker_exchange(&maker, trace, 2, "jkl");
    maker_end(&maker, trace);
    ck_assert_msg(verify(&findings) == 0, "%s", findings.sentence);
    rn_writer_free(maker.writer);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/verify");
    TCase *cases = tcase_create("verify");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 200);
    tcase_add_test(cases, a_sound_store_has_no_findings);
    tcase_add_test(cases, every_flipped_value_is_found);
    tcase_add_test(cases, a_flipped_row_is_found_by_its_trace_alone);
    tcase_add_test(cases, every_missing_entry_is_found);
    tcase_add_test(cases, every_cut_value_is_found);
    tcase_add_test(cases, entries_that_lead_nowhere_are_found);
    tcase_add_test(cases, a_watermark_beyond_the_log_is_found);
    tcase_add_test(cases, a_finding_names_trace_event_and_row);
    tcase_add_test(cases, an_event_replaced_by_another_sound_one_is_found);
    tcase_add_test(cases, torn_pages_are_a_finding_and_no_crash);
    tcase_add_test(cases, failed_allocations_are_errors_and_no_findings);
    tcase_add_test(cases, a_trace_that_is_being_recorded_is_no_finding);
    tcase_add_test(cases, calls_in_flight_together_may_end_in_any_order);
    suite_add_tcase(suite, cases);
    return suite;
}
