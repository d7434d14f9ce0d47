/* A document is there whole or not at all; a held trace stays as it is. */
#include "main.h"

#include <sys/wait.h>
#include <zlib.h>

#include "base/memory.h"
#include "db.h"
#include "document_parts.h"
#include "keys.h"
#include "scan.h"
#include "store/copy.h"
#include "store/document.h"
#include "store/find.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"

#define LONG_BYTES ((size_t)3 * 1024 * 1024 + 17)

static struct room room;
static struct rn_error error;
static struct rn_store *store;
static uint8_t *long_text;

static void setup(void)
{
    room_open(&room);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    long_text = malloc(LONG_BYTES);
    ck_assert_ptr_nonnull(long_text);
    uint32_t state = 1;
    for (size_t i = 0; i < LONG_BYTES; i++) { /* nothing that shrinks */
        state = state * 1664525 + 1013904223;
        long_text[i] = (uint8_t)(state >> 24);
    }
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_clock_release();
    rn_store_close(store);
    store = NULL;
    free(long_text);
    room_close(&room);
}

static void open_again(void)
{
    rn_store_close(store);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
}

/* --- commits, counted ----------------------------------------------------------------------------------------------- */

static int commits;
static int die_at;
static int fail_at;

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);

/* Dies before commit number `die_at`, or right behind it when that is negative. */
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure)
{
    commits++;
    if (commits == die_at) {
        _exit(9);
    }
    if (commits == fail_at) {
        rn_db_abort(txn);
        return rn_fail(failure, RN_FULL, "no room in this test");
    }
    enum rn_status status = __real_rn_db_commit(txn, failure);
    if (commits == -die_at) {
        _exit(9);
    }
    return status;
}

static bool is_without_tree;

enum rn_status __real_rn_db_add_trees(struct rn_db *db, struct rn_error *failure);
enum rn_status __wrap_rn_db_add_trees(struct rn_db *db, struct rn_error *failure);

/* The tree cannot be added: a full disk. */
enum rn_status __wrap_rn_db_add_trees(struct rn_db *db, struct rn_error *failure)
{
    return is_without_tree ? rn_fail(failure, RN_FULL, "no room in this test")
                           : __real_rn_db_add_trees(db, failure);
}

static uint64_t entries(void)
{
    struct rn_db_txn *txn = NULL;
    uint64_t count = 0;
    ck_ok(rn_db_begin(store->db, false, &txn, &error));
    ck_ok(rn_db_entries(txn, RN_TREE_DOCUMENT, &count));
    rn_db_abort(txn);
    return count;
}

static void assert_document(const char *name, struct rn_bytes expected)
{
    struct rn_buffer got = {0};
    ck_ok(rn_buffer_add(&got, RN_LIT("before")));
    ck_ok(rn_document_get(store, "plan", name, &got, &error));
    ck_assert(rn_bytes_equal(rn_bytes_from(rn_buffer_bytes(&got), 6), expected));
    rn_buffer_free(&got);
}

static struct rn_bytes some_of(size_t len)
{
    return rn_bytes_of(long_text, len);
}

static void note(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    (void)trace;
    snprintf(self, 600, "%s", sentence);
}

static void sentence(void *self, const char *text)
{
    snprintf(self, 600, "%s", text);
}

/* The last finding, "" for none. */
static const char *verified(void)
{
    static char finding[600];
    struct rn_verify_counts counts;
    finding[0] = '\0';
    ck_ok(rn_store_verify(store, note, NULL, finding, &counts, &error));
    ck_assert_int_eq(counts.damaged == 0, finding[0] == '\0');
    return finding;
}

/* --- putting and getting -------------------------------------------------------------------------------------------- */

START_TEST(documents_of_any_length_come_back)
{
    const size_t part = RN_PART_BYTES_MAX;
    const size_t lengths[] = {0, 1, 2, 1000, part - 1, part, part + 1, 3 * part, LONG_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char name[40];
        snprintf(name, sizeof name, "of %zu bytes", lengths[i]);
        ck_ok(rn_document_put(store, "plan", name, some_of(lengths[i]), &error));
        assert_document(name, some_of(lengths[i]));
    }
    open_again();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char name[40];
        snprintf(name, sizeof name, "of %zu bytes", lengths[i]);
        assert_document(name, some_of(lengths[i]));
    }
    ck_assert_str_eq(verified(), "");
}
END_TEST

START_TEST(a_name_is_taken_once_for_each_kind)
{
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("one"), &error));
    ck_assert_int_eq(rn_document_put(store, "plan", "a", RN_LIT("two"), &error), RN_REFUSED);
    ck_assert_str_eq(error.text, "there is a plan 'a' already");
    ck_ok(rn_document_put(store, "baseline", "a", RN_LIT("three"), &error));
    ck_ok(rn_document_put(store, "plan", "a/b", RN_LIT("four"), &error));
    assert_document("a", RN_LIT("one"));
    assert_document("a/b", RN_LIT("four"));
}
END_TEST

START_TEST(names_are_text_of_some_length)
{
    char name[RN_DOCUMENT_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name);
    name[RN_DOCUMENT_NAME_BYTES_MAX + 1] = '\0';
    ck_assert_int_eq(rn_document_put(store, "plan", name, RN_LIT("x"), &error), RN_INVALID);
    name[RN_DOCUMENT_NAME_BYTES_MAX] = '\0';
    ck_ok(rn_document_put(store, "plan", name, RN_LIT("x"), &error));
    assert_document(name, RN_LIT("x"));
    ck_assert_int_eq(rn_document_put(store, "plan", "", RN_LIT("x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_document_put(store, "plan", "a\nb", RN_LIT("x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_document_put(store, "plan", "a\x7f", RN_LIT("x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_document_put(store, "Plan", "a", RN_LIT("x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_document_put(store, "", "a", RN_LIT("x"), &error), RN_INVALID);
    ck_assert_int_eq(rn_document_put(store, "abcdefghijklmno", "a", RN_LIT("x"), &error),
                     RN_INVALID);
    ck_ok(rn_document_put(store, "abcdefghijklmn", "\xc3\xa4 b", RN_LIT("x"), &error));
}
END_TEST

START_TEST(what_is_not_there_is_named_beside_what_is)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_document_get(store, "plan", "x", &out, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "has none"));
    ck_ok(rn_document_put(store, "plan", "b", RN_LIT("x"), &error));
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("x"), &error));
    ck_assert_int_eq(rn_document_get(store, "plan", "x", &out, &error), RN_NOTFOUND);
    ck_assert_str_eq(error.text, "there is no plan 'x'; there is a, b");
    ck_assert_int_eq(rn_document_drop(store, "baseline", "a", &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_document_drop(store, "plan", "ab", &error), RN_NOTFOUND);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

struct listed {
    char text[4000];
    unsigned count;
    unsigned stop_at;
};

static bool list(void *self, const char *name, uint64_t bytes)
{
    struct listed *listed = self;
    size_t at = strlen(listed->text);
    snprintf(listed->text + at, sizeof listed->text - at, "%s:%u ", name, (unsigned)bytes);
    return ++listed->count != listed->stop_at;
}

START_TEST(documents_are_listed_in_order)
{
    struct listed all = {.count = 0};
    struct listed few = {.stop_at = 2};
    ck_ok(rn_document_each(store, "plan", list, &all, &error));
    ck_assert_uint_eq(all.count, 0);
    ck_ok(rn_document_put(store, "plan", "b", some_of(300000), &error));
    ck_ok(rn_document_put(store, "plan", "c", some_of(0), &error));
    ck_ok(rn_document_put(store, "plan", "a", some_of(1), &error));
    ck_ok(rn_document_put(store, "planb", "d", some_of(1), &error));
    ck_ok(rn_document_each(store, "plan", list, &all, &error));
    ck_assert_str_eq(all.text, "a:1 b:300000 c:0 ");
    ck_ok(rn_document_each(store, "plan", list, &few, &error));
    ck_assert_uint_eq(few.count, 2);
}
END_TEST

START_TEST(a_dropped_document_leaves_nothing)
{
    uint64_t before = entries();
    ck_ok(rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error));
    ck_assert_uint_gt(entries(), before + 10);
    ck_ok(rn_document_drop(store, "plan", "long", &error));
    ck_assert_uint_eq(entries(), before);
    ck_ok(rn_document_put(store, "plan", "long", RN_LIT("again"), &error));
    assert_document("long", RN_LIT("again"));
}
END_TEST

/* docs/format.md, "Documents", written out by hand: short bytes that do not shrink are stored as they are. */
START_TEST(a_document_lies_as_the_page_says)
{
    static const uint8_t head[] = {0x85, 1,   0xc4, 4, 'p', 'l', 'a', 'n',  2, 0xc4,
                                   1,    'a', 3,    1, 4,   5,   5,   0xc4, 32};
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value;
    uint8_t digest[RN_SHA256_BYTES];
    struct rn_bytes hello = RN_LIT("hello");
    ck_ok(rn_document_put(store, "plan", "a", hello, &error));
    ck_ok(rn_db_begin(store->db, false, &txn, &error));
    ck_ok(rn_db_get(txn, RN_TREE_DOCUMENT, RN_LIT("name/plan/a"), &value));
    ck_assert_uint_eq(value.len, 40 + sizeof head + sizeof digest);
    ck_assert_int_eq(memcmp(value.data, "\1\0\7\0\0\0\0\0\0\0\0", 11), 0);
    ck_assert_uint_eq(value.data[11], sizeof head + sizeof digest);
    ck_assert_int_eq(memcmp(value.data + 32, "\0\0\0\0\0\0\0\0", 8), 0);
    ck_assert_int_eq(memcmp(value.data + 40, head, sizeof head), 0);
    ck_assert(rn_sha256_of(&hello, 1, digest));
    ck_assert_int_eq(memcmp(value.data + 40 + sizeof head, digest, sizeof digest), 0);
    uint8_t key[26] = "piece/";
    memcpy(key + 6, value.data + 16, 16);
    key[25] = 1;
    ck_ok(rn_db_get(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, sizeof key), &value));
    ck_assert_uint_eq(value.len, 45);
    ck_assert_int_eq(memcmp(value.data, "\1\0\7", 3), 0);
    ck_assert_int_eq(memcmp(value.data + 32, "\0\0\0\0\0\0\0\1hello", 13), 0);
    rn_db_abort(txn);
    ck_assert_uint_eq(entries(), 2);
}
END_TEST

/* --- a store of an earlier build --- */

/* tests/store/golden: written before there were documents. */
static void open_old(enum rn_store_mode mode)
{
    static uint8_t data[1 << 20];
    char path[PATH_MAX];
    const char *tests = getenv("REENACT_TESTS");
    ck_assert_ptr_nonnull(tests);
    snprintf(path, sizeof path, "%s/store/golden/format-1.mdb.gz", tests);
    gzFile packed = gzopen(path, "rb");
    ck_assert_ptr_nonnull(packed);
    int got = gzread(packed, data, sizeof data);
    ck_assert_int_eq(gzclose(packed), Z_OK);
    ck_assert_int_gt(got, 0);
    rn_store_close(store);
    store = NULL;
    ck_assert_int_eq(mkdir(room_file(&room, "old"), 0700), 0);
    room_write(room_file(&room, "old/data.mdb"), data, (size_t)got);
    ck_ok(rn_store_open(room_file(&room, "old"), mode, &store, &error));
}

static bool take_id(void *self, const struct rn_trace_summary *summary)
{
    *(struct rn_trace_id *)self = summary->id;
    return true;
}

START_TEST(an_old_store_takes_documents_and_holds)
{
    struct rn_trace_id id;
    open_old(RN_STORE_READ);
    ck_ok(rn_find_each(store, false, take_id, &id, &error));
    ck_ok(rn_document_put(store, "plan", "a", some_of(LONG_BYTES), &error));
    ck_ok(rn_trace_hold(store, "baseline/x", &id, 1, &error));
    ck_assert_str_eq(verified(), "");
    rn_store_close(store);
    ck_ok(rn_store_open(room_file(&room, "old"), RN_STORE_CREATE, &store, &error));
    assert_document("a", some_of(LONG_BYTES));
    ck_assert(rn_trace_is_held(store, &id, NULL));
    ck_assert_int_eq(rn_trace_drop(store, &id, &error), RN_REFUSED);
    ck_ok(rn_trace_release(store, "baseline/x", &error));
    ck_ok(rn_trace_drop(store, &id, &error));
    ck_assert_str_eq(verified(), "");
}
END_TEST

START_TEST(an_old_store_on_a_full_disk_reads_as_one_without_documents)
{
    struct listed all = {.count = 0};
    struct rn_buffer out = {0};
    struct rn_trace_id id;
    is_without_tree = true;
    open_old(RN_STORE_READ);
    ck_ok(rn_find_each(store, false, take_id, &id, &error));
    ck_ok(rn_document_each(store, "plan", list, &all, &error));
    ck_assert_uint_eq(all.count, 0);
    ck_assert_int_eq(rn_document_get(store, "plan", "a", &out, &error), RN_NOTFOUND);
    ck_assert(!rn_trace_is_held(store, &id, NULL));
    ck_assert_str_eq(verified(), "");
    ck_assert_int_eq(rn_document_put(store, "plan", "a", RN_LIT("x"), &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "close it and try again"));
    ck_assert_int_eq(rn_trace_hold(store, "baseline/x", &id, 1, &error), RN_REFUSED);
    ck_ok(rn_trace_drop(store, &id, &error));
    ck_assert_str_eq(verified(), "");
    is_without_tree = false;
    rn_store_close(store);
    ck_ok(rn_store_open(room_file(&room, "old"), RN_STORE_READ, &store, &error));
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("x"), &error));
}
END_TEST

/* --- damage --------------------------------------------------------------------------------------------------------- */

/* Changes the value of the entry number `nth` of the tree; returns its key's first letter, 0 behind the last. */
static char hurt(unsigned nth, size_t offset, bool remove)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes key;
    struct rn_bytes value;
    uint8_t kept_key[300];
    char letter = 0;
    ck_ok(rn_db_begin(store->db, true, &txn, &error));
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_DOCUMENT);
    enum rn_status status = rn_db_seek(cursor, RN_LIT("\1"), &key, &value);
    for (unsigned i = 0; status == RN_OK && i < nth; i++) {
        status = rn_db_next(cursor, &key, &value);
    }
    rn_db_cursor_free(cursor);
    if (status == RN_OK) {
        uint8_t *copy = malloc(value.len + 1);
        memcpy(copy, value.data, value.len);
        memcpy(kept_key, key.data, key.len);
        letter = (char)kept_key[0];
        copy[offset < value.len ? offset : value.len - 1] ^= 0x10;
        struct rn_bytes name = rn_bytes_of(kept_key, key.len);
        size_t len = value.len;
        ck_ok(remove ? rn_db_delete(txn, RN_TREE_DOCUMENT, name)
                     : rn_db_put(txn, RN_TREE_DOCUMENT, name, rn_bytes_of(copy, len), &error));
        free(copy);
    }
    ck_ok(rn_db_commit(txn, &error));
    return letter;
}

START_TEST(every_changed_byte_is_noticed)
{
    struct rn_buffer out = {0};
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("hello, hello, hello, hello"), &error));
    for (unsigned nth = 0; nth < 2; nth++) {
        for (size_t offset = 0; offset < 150; offset++) {
            (void)hurt(nth, offset, false);
            enum rn_status status = rn_document_get(store, "plan", "a", &out, &error);
            ck_assert_msg(status == RN_DAMAGED || status == RN_NEWER, "entry %u, byte %zu: %s", nth,
                          offset, rn_status_name(status));
            ck_assert_ptr_nonnull(strstr(error.text, "plan/a"));
            ck_assert_uint_eq(out.len, 0);
            ck_assert_str_ne(verified(), "");
            (void)hurt(nth, offset, false);
        }
    }
    assert_document("a", RN_LIT("hello, hello, hello, hello"));
    ck_assert_str_eq(verified(), "");
    rn_buffer_free(&out);
}
END_TEST

START_TEST(a_missing_piece_is_damage_and_named)
{
    struct rn_buffer out = {0};
    ck_ok(rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error));
    ck_assert_int_eq(hurt(3, 0, true), 'p');
    ck_assert_int_eq(rn_document_get(store, "plan", "long", &out, &error), RN_DAMAGED);
    ck_assert_str_eq(error.text, "document plan/long, piece 3: it is missing");
    ck_assert_str_eq(verified(), "document plan/long, piece 3: it is missing");
    ck_ok(rn_document_drop(store, "plan", "long", &error));
    ck_assert_uint_eq(entries(), 0);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(a_document_without_its_head_is_found_by_verify)
{
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("hello"), &error));
    ck_assert_int_eq(hurt(0, 0, true), 'n');
    ck_assert_ptr_nonnull(strstr(verified(), "belongs to no document"));
}
END_TEST

START_TEST(a_damaged_document_does_not_hide_the_others)
{
    struct listed all = {.count = 0};
    ck_ok(rn_document_put(store, "plan", "a", RN_LIT("hello"), &error));
    ck_ok(rn_document_put(store, "plan", "b", RN_LIT("hello"), &error));
    ck_ok(rn_document_put(store, "plan", "c", RN_LIT("hello"), &error));
    (void)hurt(1, 50, false);
    ck_assert_int_eq(rn_document_each(store, "plan", list, &all, &error), RN_DAMAGED);
    ck_assert_str_eq(all.text, "a:5 c:5 ");
    ck_assert_ptr_nonnull(strstr(error.text, "plan/b"));
    ck_ok(rn_document_drop(store, "plan", "b", &error));
    ck_assert_str_eq(verified(), "");
}
END_TEST

/* --- the world failing ---------------------------------------------------------------------------------------------- */

/* In a child: opens the store and does `what` until it dies at that commit. Returns whether it died. */
static bool dies(int at, void (*what)(void))
{
    rn_store_close(store);
    store = NULL;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) != RN_OK) {
            _exit(1);
        }
        commits = 0;
        die_at = at;
        what();
        _exit(0);
    }
    int state = 0;
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert(WIFEXITED(state) && WEXITSTATUS(state) != 1);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    return WEXITSTATUS(state) == 9;
}

static void put_long(void)
{
    if (rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error) != RN_OK) {
        _exit(1);
    }
}

static void drop_long(void)
{
    if (rn_document_drop(store, "plan", "long", &error) != RN_OK) {
        _exit(1);
    }
}

START_TEST(a_put_that_dies_at_any_commit_leaves_all_or_nothing)
{
    bool died = true;
    unsigned deaths = 0;
    for (int at = 1; died; at = at > 0 ? -at : 1 - at) {
        died = dies(at, put_long);
        deaths += died;
        struct rn_buffer out = {0};
        enum rn_status status = rn_document_get(store, "plan", "long", &out, &error);
        ck_assert(status == RN_OK || status == RN_NOTFOUND);
        ck_assert_msg(status == RN_OK ? out.len == LONG_BYTES : entries() == 0,
                      "commit %d: %u entries are left", at, (unsigned)entries());
        ck_assert_str_eq(verified(), "");
        rn_buffer_free(&out);
        if (status == RN_OK) {
            ck_ok(rn_document_drop(store, "plan", "long", &error));
        }
    }
    ck_assert_uint_ge(deaths, 8); /* 3 MB in commits of less than 1 MB */
}
END_TEST

START_TEST(a_drop_that_dies_at_any_commit_leaves_all_or_nothing)
{
    bool died = true;
    for (int at = 1; died; at = at > 0 ? -at : 1 - at) {
        struct rn_buffer out = {0};
        enum rn_status status = rn_document_get(store, "plan", "long", &out, &error);
        ck_assert(status == RN_OK || status == RN_NOTFOUND);
        if (status == RN_NOTFOUND) {
            ck_assert_uint_eq(entries(), 0);
            ck_ok(rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error));
        }
        rn_buffer_free(&out);
        died = dies(at, drop_long);
        ck_assert_str_eq(verified(), "");
    }
    ck_assert_uint_eq(entries(), 0);
}
END_TEST

START_TEST(a_put_that_fails_takes_back_what_it_wrote)
{
    for (int at = 1;; at++) {
        commits = 0;
        fail_at = at;
        enum rn_status status = rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error);
        fail_at = 0;
        if (status == RN_OK) {
            ck_assert_int_gt(at, 4);
            break;
        }
        ck_assert_int_eq(status, RN_FULL);
        ck_assert_str_eq(error.text, "no room in this test");
        ck_assert_uint_eq(entries(), 0);
    }
    assert_document("long", some_of(LONG_BYTES));
}
END_TEST

START_TEST(of_two_that_take_a_name_one_gets_it)
{
    pid_t children[2];
    int go[2];
    unsigned winners = 0;
    rn_store_close(store);
    store = NULL;
    ck_assert_int_eq(rn_test_pipe(go), 0);
    for (unsigned i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char byte;
            (void)close(go[1]);
            if (rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) != RN_OK ||
                read(go[0], &byte, 1) != 0) {
                _exit(3);
            }
            long_text[0] = (uint8_t)('A' + i);
            enum rn_status status =
                rn_document_put(store, "plan", "long", some_of(LONG_BYTES), &error);
            _exit(status == RN_OK ? 0 : status == RN_REFUSED ? 1 : 2);
        }
    }
    (void)close(go[1]);
    for (unsigned i = 0; i < 2; i++) {
        int state = 0;
        ck_assert_int_eq(waitpid(children[i], &state, 0), children[i]);
        ck_assert(WIFEXITED(state) && WEXITSTATUS(state) <= 1);
        if (WEXITSTATUS(state) == 0) {
            long_text[0] = (uint8_t)('A' + i);
            winners++;
        }
    }
    ck_assert_uint_eq(winners, 1);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    assert_document("long", some_of(LONG_BYTES));
    ck_assert_uint_eq(entries(), 1 + (LONG_BYTES + RN_PART_BYTES_MAX - 1) / RN_PART_BYTES_MAX);
    ck_assert_str_eq(verified(), "");
}
END_TEST

/* Another process puts and drops the same name over and over: whoever reads gets one of the two, or is told that it is gone. */
START_TEST(a_reader_sees_a_whole_document_or_none)
{
    int done[2];
    rn_store_close(store);
    store = NULL;
    ck_assert_int_eq(rn_test_pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        bool good = rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) == RN_OK;
        for (unsigned i = 0; good && i < 12; i++) {
            good =
                rn_document_put(store, "plan", "long", some_of(LONG_BYTES - i), &error) == RN_OK &&
                rn_document_drop(store, "plan", "long", &error) == RN_OK;
        }
        _exit(good ? 0 : 1);
    }
    (void)close(done[1]);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    int state = 0;
    while (waitpid(child, &state, WNOHANG) == 0) {
        struct rn_buffer out = {0};
        enum rn_status status = rn_document_get(store, "plan", "long", &out, &error);
        ck_assert_msg(status == RN_NOTFOUND || status == RN_OK, "%s", error.text);
        ck_assert(status != RN_OK || (out.len <= LONG_BYTES && out.len > LONG_BYTES - 12 &&
                                      memcmp(out.data, long_text, out.len) == 0));
        rn_buffer_free(&out);
        ck_assert_str_eq(verified(), "");
    }
    ck_assert_int_eq(state, 0);
    (void)close(done[0]);
}
END_TEST

START_TEST(pieces_of_a_living_process_are_left_alone)
{
    uint8_t key[RN_DOCUMENT_KEY_BYTES_MAX];
    struct rn_trace_id id = {{1, 2, 3}};
    struct rn_db_txn *txn = NULL;
    int alive[2];
    int go[2];
    char byte = 0;
    ck_assert_int_eq(rn_test_pipe(alive), 0);
    ck_assert_int_eq(rn_test_pipe(go), 0);
    rn_store_close(store);
    store = NULL;
    pid_t child = fork();
    if (child == 0) {
        if (rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) != RN_OK ||
            rn_db_begin(store->db, true, &txn, &error) != RN_OK ||
            rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_work(&id, key)),
                      rn_bytes_text(rn_owner_text(store->owner)), &error) != RN_OK ||
            rn_db_put(txn, RN_TREE_DOCUMENT, rn_bytes_of(key, rn_key_piece(&id, 1, key)),
                      RN_LIT("x"), &error) != RN_OK ||
            rn_db_commit(txn, &error) != RN_OK || write(alive[1], "x", 1) != 1 ||
            read(go[0], &byte, 1) != 1) {
            _exit(1);
        }
        _exit(0);
    }
    ck_assert_int_eq(read(alive[0], &byte, 1), 1);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
    ck_assert_uint_eq(entries(), 2);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    int state = 0;
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert_int_eq(state, 0);
    open_again();
    ck_assert_uint_eq(entries(), 0);
}
END_TEST

START_TEST(failed_allocations_leave_nothing_behind)
{
    struct rn_buffer out = {0};
    for (unsigned long nth = 1;; nth++) {
        ck_assert_uint_lt(nth, 500);
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_document_put(store, "plan", "a", some_of(RN_COMMIT_BYTES_MAX + 1), &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
        ck_assert_int_eq(status, RN_NOMEM);
        open_again(); /* what could not be taken back is the next opener's */
        ck_assert_uint_eq(entries(), 0);
    }
    for (unsigned long nth = 1;; nth++) {
        ck_assert_uint_lt(nth, 500);
        rn_memory_fail_from(nth);
        enum rn_status status = rn_document_get(store, "plan", "a", &out, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
        ck_assert_int_eq(status, RN_NOMEM);
        ck_assert_uint_eq(out.len, 0);
    }
    rn_buffer_free(&out);
}
END_TEST

/* --- holding -------------------------------------------------------------------------------------------------------- */

static struct rn_trace_id made[5];

static void make_traces(void)
{
    struct maker maker;
    rn_store_close(store);
    maker_open(&maker, room_file(&room, "st"));
    for (size_t i = 0; i < 5; i++) {
        made[i] = maker_whole(&maker, NULL, "abc", false);
    }
    maker_close(&maker);
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
}

START_TEST(a_held_trace_names_its_holder)
{
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16] = "";
    make_traces();
    ck_assert(!rn_trace_is_held(store, &made[0], holder));
    ck_ok(rn_trace_hold(store, "baseline/b", made, 3, &error));
    ck_ok(rn_trace_hold(store, "baseline/b", made, 3, &error));
    ck_ok(rn_trace_hold(store, "baseline/a", made, 1, &error));
    ck_assert(rn_trace_is_held(store, &made[0], holder));
    ck_assert_str_eq(holder, "baseline/a");
    ck_assert(rn_trace_is_held(store, &made[2], NULL));
    ck_assert(!rn_trace_is_held(store, &made[3], NULL));
    ck_ok(rn_trace_release(store, "baseline/a", &error));
    ck_assert(rn_trace_is_held(store, &made[0], holder));
    ck_assert_str_eq(holder, "baseline/b");
    ck_ok(rn_trace_release(store, "baseline/b", &error));
    ck_assert(!rn_trace_is_held(store, &made[0], NULL));
    ck_ok(rn_trace_release(store, "baseline/b", &error));
    ck_assert_uint_eq(entries(), 0);
}
END_TEST

START_TEST(holders_are_kinds_and_names_and_traces_must_exist)
{
    char name[200];
    make_traces();
    ck_assert_int_eq(rn_trace_hold(store, "baseline", made, 1, &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_hold(store, "/x", made, 1, &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_hold(store, "x/", made, 1, &error), RN_INVALID);
    ck_assert_int_eq(rn_trace_hold(store, "x/a\nb", made, 1, &error), RN_INVALID);
    snprintf(name, sizeof name, "abcdefghijklmn/%0128d", 7);
    ck_ok(rn_trace_hold(store, name, made, 1, &error));
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16];
    ck_assert(rn_trace_is_held(store, &made[0], holder));
    ck_assert_str_eq(holder, name);
    snprintf(name, sizeof name, "abcdefghijklmn/%0129d", 7);
    ck_assert_int_eq(rn_trace_hold(store, name, made, 1, &error), RN_INVALID);
    struct rn_trace_id ids[] = {made[1], {{9}}};
    ck_assert_int_eq(rn_trace_hold(store, "baseline/x", ids, 2, &error), RN_NOTFOUND);
    ck_assert(!rn_trace_is_held(store, &made[1], NULL));
}
END_TEST

START_TEST(holders_whose_names_begin_alike_are_told_apart)
{
    make_traces();
    ck_ok(rn_trace_hold(store, "baseline/a", made, 2, &error));
    ck_ok(rn_trace_hold(store, "baseline/ab", made, 2, &error));
    ck_ok(rn_trace_release(store, "baseline/a", &error));
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16];
    ck_assert(rn_trace_is_held(store, &made[1], holder));
    ck_assert_str_eq(holder, "baseline/ab");
}
END_TEST

START_TEST(no_field_of_a_held_trace_is_erased)
{
    make_traces();
    ck_ok(rn_trace_hold(store, "baseline/rc 1", made, 1, &error));
    ck_assert_int_eq(
        rn_trace_erase_field(store, &made[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error),
        RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "held by 'baseline/rc 1'"));
    ck_ok(rn_trace_verify(store, &made[0], &error));
    ck_ok(rn_trace_release(store, "baseline/rc 1", &error));
    ck_ok(rn_trace_erase_field(store, &made[0], RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
}
END_TEST

START_TEST(failed_allocations_make_no_finding)
{
    make_traces();
    ck_ok(rn_trace_hold(store, "baseline/x", made, 2, &error));
    ck_ok(rn_document_put(store, "plan", "a", some_of(RN_PART_BYTES_MAX + 1), &error));
    for (unsigned long nth = 1;; nth++) {
        char finding[600] = "";
        uint64_t documents = 0;
        ck_assert_uint_lt(nth, 2000);
        rn_memory_fail_from(nth);
        enum rn_status status = rn_document_check(store, sentence, finding, &documents, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_str_eq(finding, "");
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            ck_assert_uint_eq(documents, 1);
            break;
        }
    }
}
END_TEST

/* Takes the first entry of the tree whose key begins so. */
static void take_out(const char *word)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes key;
    uint8_t name[300];
    ck_ok(rn_db_begin(store->db, true, &txn, &error));
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_DOCUMENT);
    ck_ok(rn_db_seek(cursor, rn_bytes_text(word), &key, NULL));
    memcpy(name, key.data, key.len);
    size_t len = key.len;
    rn_db_cursor_free(cursor);
    ck_ok(rn_db_delete(txn, RN_TREE_DOCUMENT, rn_bytes_of(name, len)));
    ck_ok(rn_db_commit(txn, &error));
}

START_TEST(half_a_hold_is_found_by_verify)
{
    make_traces();
    ck_ok(rn_trace_hold(store, "baseline/x", made, 1, &error));
    take_out("held/");
    ck_assert_ptr_nonnull(strstr(verified(), "'baseline/x' holds it stands in one place of two"));
    ck_ok(rn_trace_hold(store, "baseline/x", made, 1, &error));
    ck_assert_str_eq(verified(), "");
    take_out("hold/");
    ck_assert_ptr_nonnull(strstr(verified(), "stands in one place of two"));
    ck_ok(rn_trace_release(store, "baseline/x", &error));
    ck_assert_str_eq(verified(), "");
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
    TCase *cases = tcase_create(name);
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
}

Suite *rn_suite(void)
{
    const TTest *const names[] = {documents_of_any_length_come_back,
                                  a_name_is_taken_once_for_each_kind,
                                  names_are_text_of_some_length,
                                  what_is_not_there_is_named_beside_what_is,
                                  documents_are_listed_in_order,
                                  a_dropped_document_leaves_nothing,
                                  a_document_lies_as_the_page_says,
                                  an_old_store_takes_documents_and_holds,
                                  an_old_store_on_a_full_disk_reads_as_one_without_documents};
    const TTest *const damage[] = {every_changed_byte_is_noticed,
                                   a_missing_piece_is_damage_and_named,
                                   a_document_without_its_head_is_found_by_verify,
                                   a_damaged_document_does_not_hide_the_others};
    const TTest *const world[] = {a_put_that_dies_at_any_commit_leaves_all_or_nothing,
                                  a_drop_that_dies_at_any_commit_leaves_all_or_nothing,
                                  a_put_that_fails_takes_back_what_it_wrote,
                                  of_two_that_take_a_name_one_gets_it,
                                  a_reader_sees_a_whole_document_or_none,
                                  pieces_of_a_living_process_are_left_alone,
                                  failed_allocations_leave_nothing_behind};
    const TTest *const holds[] = {a_held_trace_names_its_holder,
                                  holders_are_kinds_and_names_and_traces_must_exist,
                                  holders_whose_names_begin_alike_are_told_apart,
                                  no_field_of_a_held_trace_is_erased,
                                  half_a_hold_is_found_by_verify,
                                  failed_allocations_make_no_finding};
    Suite *suite = suite_create("store/document");
    add(suite, "names", names, sizeof names / sizeof names[0]);
    add(suite, "damage", damage, sizeof damage / sizeof damage[0]);
    add(suite, "world", world, sizeof world / sizeof world[0]);
    add(suite, "holds", holds, sizeof holds / sizeof holds[0]);
    return suite;
}
