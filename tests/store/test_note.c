/* Notes and tags are added to a trace afterwards, are found, and change nothing that was recorded. */
#include "main.h"

#include "base/memory.h"
#include "db.h"
#include "posting.h"
#include "scan.h"
#include "store/bundle.h"
#include "store/copy.h"
#include "store/document.h"
#include "store/select.h"
#include "store/verify.h"
#include "tags.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

static void setup(void)
{
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    maker_close(&maker);
    room_close(&room);
}

#define CHANGE(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "team=blue,case=7," */
static const char *tags_of(struct rn_store *store, const struct rn_trace_id *id)
{
    static char text[500];
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_bytes tag;
    size_t len = 0;
    ck_ok(rn_trace_summary(store, id, &arena, &summary, &error));
    text[0] = '\0';
    while (rn_run_get(&summary.tags, &tag)) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s,", (int)tag.len,
                                (const char *)tag.data);
    }
    rn_arena_free(&arena);
    return text;
}

static size_t selected(struct rn_store *store, const char *tag)
{
    const char *const tags[] = {tag, NULL};
    struct rn_selection selection = {.tags = tags};
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    ck_ok(rn_select_traces(store, &selection, &ids, &count, &error));
    rn_free(ids);
    return count;
}

static void on_finding(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    (void)self;
    (void)trace;
    ck_abort_msg("%s", sentence);
}

static void assert_sound(struct rn_store *store)
{
    struct rn_verify_counts counts = {0};
    ck_ok(rn_store_verify(store, on_finding, NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.damaged, 0);
}

static struct rn_digests digests_of(const struct rn_trace_id *id)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    ck_ok(rn_trace_summary(maker.store, id, &arena, &summary, &error));
    rn_arena_free(&arena);
    return summary.digests;
}

START_TEST(a_tag_is_given_changed_and_taken_away)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    struct rn_digests before = digests_of(&id);
    ck_assert_str_eq(tags_of(maker.store, &id), "team=blue,case=7,");
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error)); /* lists are made before the tag */
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("team=red", "triage=open"), &error));
    ck_assert_str_eq(tags_of(maker.store, &id), "case=7,team=red,triage=open,");
    ck_assert_uint_eq(selected(maker.store, "team=red"), 1);
    ck_assert_uint_eq(selected(maker.store, "team=blue"), 0);
    ck_assert_uint_eq(selected(maker.store, "triage"), 1);
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("triage", "case=", "case=8"), &error));
    ck_assert_str_eq(tags_of(maker.store, &id), "team=red,case=8,");
    ck_assert_uint_eq(selected(maker.store, "triage"), 0);
    ck_assert_uint_eq(selected(maker.store, "case=8"), 1);
    struct rn_digests after = digests_of(&id);
    ck_assert_mem_eq(&before, &after, sizeof before);
    assert_sound(maker.store);
    ck_ok(rn_facts_rebuild(maker.store, NULL, NULL, &error));
    ck_assert_uint_eq(selected(maker.store, "case=8"), 1);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(selected(maker.store, "case=8"), 0);
    assert_sound(maker.store);
}
END_TEST

START_TEST(a_tag_that_is_none_is_refused)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    struct rn_trace_id unknown = {{9}};
    char longest[RN_TAG_TEXT_BYTES_MAX + 2];
    memset(longest, 'k', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    longest[1] = '=';
    const char *const nothing[] = {NULL};
    ck_assert_int_eq(rn_trace_tag(maker.store, &id, CHANGE("=x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_tag(maker.store, &id, CHANGE(""), &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_tag(maker.store, &id, nothing, &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_tag(maker.store, &id, CHANGE(longest), &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_tag(maker.store, &unknown, CHANGE("a=b"), &error), RN_NOTFOUND);
    longest[sizeof longest - 2] = '\0';
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE(longest), &error));
    ck_assert_uint_eq(selected(maker.store, longest), 1); /* longer than what a list is named by */
    ck_assert_uint_eq(selected(maker.store, "k"), 1);
    assert_sound(maker.store);
}
END_TEST

START_TEST(a_credential_in_a_tag_is_not_kept)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("key=sk-proj-Zx81LmQ0aTb7RkY2Vw93Zx81LmQ0aTb7RkY2"),
                       &error));
    ck_assert_ptr_null(strstr(tags_of(maker.store, &id), "Zx81LmQ0aTb7"));
    ck_assert_ptr_nonnull(strstr(tags_of(maker.store, &id), "key="));
    struct rn_arena arena = {0};
    struct rn_event event;
    ck_ok(rn_trace_event(maker.store, &id, RN_CLASS_NOTE, 1, &arena, &event, &error));
    ck_assert(rn_bytes_find(rn_event_get(&event, RN_TAG_NOTE), RN_LIT("Zx81LmQ0aTb7")) == RN_NPOS);
    ck_assert(rn_bytes_find(rn_event_get(&event, RN_TAG_TAGS), RN_LIT("Zx81LmQ0aTb7")) == RN_NPOS);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_held_trace_takes_notes_and_tags)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    struct rn_digests before = digests_of(&id);
    ck_ok(rn_trace_hold(maker.store, "baseline/rc1", &id, 1, &error));
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("triage=open"), &error));
    ck_ok(rn_trace_add_note(maker.store, &id, RN_LIT("look at this"), &error));
    ck_ok(rn_trace_verify(maker.store, &id, &error));
    struct rn_digests after = digests_of(&id);
    ck_assert_mem_eq(&before, &after, sizeof before);
    ck_assert_uint_eq(selected(maker.store, "triage=open"), 1);
}
END_TEST

START_TEST(a_trace_that_is_being_recorded_takes_tags)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "live", false, &id);
    maker_exchange(&maker, trace, 1, "a");
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("triage=open"), &error));
    maker_exchange(&maker, trace, 2, "a");
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("team"), &error));
    maker_end(&maker, trace);
    ck_assert_str_eq(tags_of(maker.store, &id), "case=7,triage=open,");
    ck_assert_uint_eq(selected(maker.store, "triage"), 1);
    assert_sound(maker.store);
}
END_TEST

START_TEST(tags_travel)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    struct rn_store *copy = NULL;
    struct rn_store *import = NULL;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", room_file(&room, "bundle"));
    ck_ok(rn_trace_tag(maker.store, &id, CHANGE("team=red", "case"), &error));
    ck_ok(rn_store_open(room_file(&room, "copy"), RN_STORE_CREATE, &copy, &error));
    ck_ok(rn_trace_copy(maker.store, &id, copy, 1, &error));
    ck_assert_str_eq(tags_of(copy, &id), "team=red,");
    ck_ok(rn_bundle_write(copy, &id, 1, NULL, path, NULL, &error));
    ck_ok(rn_store_open(room_file(&room, "import"), RN_STORE_CREATE, &import, &error));
    ck_ok(rn_bundle_read(path, import, NULL, NULL, NULL, NULL, NULL, NULL, &error));
    ck_assert_str_eq(tags_of(import, &id), "team=red,");
    ck_assert_uint_eq(selected(import, "team=red"), 1);
    assert_sound(copy);
    assert_sound(import);
    rn_store_close(copy);
    rn_store_close(import);
}
END_TEST

START_TEST(no_memory_gives_no_half_tag)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", false);
    enum rn_status status = RN_NOMEM;
    ck_ok(rn_store_catch_up(maker.store, &error));
    for (unsigned long n = 1; status != RN_OK && n < 5000; n++) {
        rn_memory_fail_from(n);
        status = rn_trace_tag(maker.store, &id, CHANGE("team=red"), &error);
        rn_memory_fail_from(0);
        const char *now = tags_of(maker.store, &id);
        ck_assert_msg(strcmp(now, "team=blue,case=7,") == 0 || strcmp(now, "case=7,team=red,") == 0,
                      "%s", now);
    }
    ck_assert_int_eq(status, RN_OK);
    assert_sound(maker.store);
}
END_TEST

static void expect_change(struct rn_bytes tags, struct rn_bytes changes, struct rn_bytes expected)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_tags_change(tags, changes, &out), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), expected));
    rn_buffer_free(&out);
}

START_TEST(the_last_change_of_a_key_counts)
{
    expect_change(RN_LIT(""), RN_LIT(""), RN_LIT(""));
    expect_change(RN_LIT(""), RN_LIT("\3a=1\1a"), RN_LIT(""));
    expect_change(RN_LIT("\3a=0"), RN_LIT("\1a\3a=1"), RN_LIT("\3a=1"));
    expect_change(RN_LIT("\3a=0\3a=1\4ab=2\1b"), RN_LIT("\3a=5\3c=7\3a=6"),
                  RN_LIT("\4ab=2\1b\3c=7\3a=6"));
    expect_change(RN_LIT("\3a=0"), RN_LIT("\5b"),
                  RN_LIT("\3a=0")); /* what is cut changes nothing */
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/note");
    TCase *notes = tcase_create("notes");
    tcase_add_checked_fixture(notes, setup, teardown);
    tcase_add_test(notes, a_tag_is_given_changed_and_taken_away);
    tcase_add_test(notes, a_tag_that_is_none_is_refused);
    tcase_add_test(notes, a_credential_in_a_tag_is_not_kept);
    tcase_add_test(notes, a_held_trace_takes_notes_and_tags);
    tcase_add_test(notes, a_trace_that_is_being_recorded_takes_tags);
    tcase_add_test(notes, tags_travel);
    tcase_add_test(notes, no_memory_gives_no_half_tag);
    suite_add_tcase(suite, notes);
    RN_CASE(suite, "tags", the_last_change_of_a_key_counts);
    return suite;
}
