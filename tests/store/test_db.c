/* LMDB behind our own words, and the file looked at before it is trusted. */
#include "main.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/memory.h"
#include "db.h"
#include "db_file.h"
#include "room.h"

static struct room room;
static struct rn_error error;

static void setup(void)
{
    room_open(&room);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    room_close(&room);
}

static struct rn_db *opened(void)
{
    struct rn_db *db = NULL;
    ck_ok(rn_db_open(room.path, true, &db, &error));
    return db;
}

static void append(struct rn_db *db, const char *text, uint64_t expected)
{
    struct rn_db_txn *txn = NULL;
    uint64_t row = 0;
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_ok(rn_db_append(txn, rn_bytes_text(text), &row, &error));
    ck_assert_uint_eq(row, expected);
    ck_ok(rn_db_commit(txn, &error));
}

static void put(struct rn_db *db, enum rn_tree tree, struct rn_bytes key, struct rn_bytes value)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_ok(rn_db_put(txn, tree, key, value, &error));
    ck_ok(rn_db_commit(txn, &error));
}

static void fill(struct rn_db *db, unsigned rows)
{
    static uint8_t value[3000];
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(db, true, &txn, &error));
    for (unsigned i = 0; i < rows; i++) {
        memset(value, (int)i, sizeof value);
        ck_ok(rn_db_append(txn, rn_bytes_of(value, 200 + i * 37 % 2800), NULL, &error));
    }
    ck_ok(rn_db_commit(txn, &error));
}

START_TEST(rows_come_back_in_order_after_reopening)
{
    struct rn_db *db = opened();
    append(db, "one", 1);
    append(db, "two", 2);
    rn_db_close(db);
    db = opened();
    append(db, "three", 3);
    struct rn_db_txn *txn = NULL;
    struct rn_bytes key;
    struct rn_bytes value;
    static const char *const words[] = {"one", "two", "three"};
    ck_ok(rn_db_begin(db, false, &txn, &error));
    struct rn_db_cursor *cursor = rn_db_cursor_new(txn, RN_TREE_LOG);
    static const uint8_t zero[8];
    enum rn_status status = rn_db_seek(cursor, rn_bytes_of(zero, 8), &key, &value);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(status, RN_OK);
        ck_assert_uint_eq(key.data[7], i + 1);
        ck_assert(rn_bytes_equal(value, rn_bytes_text(words[i])));
        status = rn_db_next(cursor, &key, &value);
    }
    ck_assert_int_eq(status, RN_NOTFOUND);
    ck_assert_int_eq(rn_db_last(cursor, &key, &value), RN_OK);
    ck_assert_int_eq(rn_db_previous(cursor, &key, &value), RN_OK);
    ck_assert(rn_bytes_equal(value, RN_LIT("two")));
    rn_db_cursor_free(cursor);
    rn_db_abort(txn);
    rn_db_close(db);
}
END_TEST

static void take_row(struct rn_db *db, uint64_t row)
{
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_ok(rn_db_take_row(txn, row, &error));
    ck_ok(rn_db_commit(txn, &error));
}

START_TEST(a_row_that_was_taken_lends_its_number_to_nobody)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value;
    uint64_t count = 0;
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 3};
    struct rn_db *db = opened();
    append(db, "one", 1);
    append(db, "two", 2);
    append(db, "three", 3);
    take_row(db, 2);
    take_row(db, 2);
    take_row(db, 3);
    rn_db_close(db);
    db = opened();
    ck_ok(rn_db_begin(db, false, &txn, &error));
    ck_ok(rn_db_entries(txn, RN_TREE_LOG, &count));
    ck_assert_uint_eq(count, 2);
    ck_ok(rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(key, 8), &value));
    ck_assert_uint_eq(value.len, 0);
    rn_db_abort(txn);
    append(db, "four", 4);
    take_row(db, 3);
    take_row(db, 1);
    ck_ok(rn_db_begin(db, false, &txn, &error));
    ck_ok(rn_db_entries(txn, RN_TREE_LOG, &count));
    ck_assert_uint_eq(count, 1);
    rn_db_abort(txn);
    rn_db_close(db);
}
END_TEST

START_TEST(puts_are_found_and_deleted)
{
    struct rn_db *db = opened();
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value;
    uint64_t count = 0;
    put(db, RN_TREE_NAME, RN_LIT("k"), RN_LIT("v"));
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_assert_int_eq(rn_db_get(txn, RN_TREE_NAME, RN_LIT("k"), &value), RN_OK);
    ck_assert(rn_bytes_equal(value, RN_LIT("v")));
    ck_assert_int_eq(rn_db_get(txn, RN_TREE_META, RN_LIT("k"), &value), RN_NOTFOUND);
    ck_assert_int_eq(rn_db_entries(txn, RN_TREE_NAME, &count), RN_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(rn_db_delete(txn, RN_TREE_NAME, RN_LIT("k")), RN_OK);
    ck_assert_int_eq(rn_db_delete(txn, RN_TREE_NAME, RN_LIT("k")), RN_NOTFOUND);
    rn_db_abort(txn);
    ck_ok(rn_db_begin(db, false, &txn, &error));
    ck_assert_int_eq(rn_db_get(txn, RN_TREE_NAME, RN_LIT("k"), &value), RN_OK);
    rn_db_abort(txn);
    rn_db_close(db);
}
END_TEST

START_TEST(one_process_opens_a_store_once)
{
    struct rn_db *db = opened();
    struct rn_db *second = NULL;
    ck_assert_int_eq(rn_db_open(room.path, true, &second, &error), RN_BUSY);
    ck_assert_ptr_null(second);
    rn_db_close(db);
    db = opened();
    rn_db_close(db);
}
END_TEST

START_TEST(reading_creates_nothing)
{
    struct rn_db *db = NULL;
    ck_assert_int_eq(rn_db_open(room.path, false, &db, &error), RN_NOTFOUND);
    ck_assert_int_ne(access(room_file(&room, "data.mdb"), F_OK), 0);
    ck_assert_int_ne(access(room_file(&room, "lock.mdb"), F_OK), 0);
    ck_assert_int_eq(rn_db_open(room_file(&room, "nowhere"), false, &db, &error), RN_NOTFOUND);
}
END_TEST

START_TEST(every_descriptor_closes_on_exec)
{
    struct rn_db *db = opened();
    unsigned found = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    const struct dirent *entry = NULL;
    while ((entry = readdir(descriptors)) != NULL) {
        char target[PATH_MAX] = "";
        if (readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1) > 0 &&
            strstr(target, ".mdb") != NULL) {
            found++;
            ck_assert_msg((fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC) != 0, "%s stays open",
                          target);
        }
    }
    closedir(descriptors);
    ck_assert_uint_ge(found, 3); /* the data file twice, the lock file */
    rn_db_close(db);
}
END_TEST

START_TEST(files_are_ours_alone)
{
    struct stat about;
    rn_db_close(opened());
    ck_assert_int_eq(stat(room_file(&room, "data.mdb"), &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(room_file(&room, "lock.mdb"), &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
}
END_TEST

/* --- the file before it is trusted --- */

START_TEST(a_file_cut_at_any_page_is_refused_or_sound)
{
    struct rn_db *db = opened();
    fill(db, 60);
    rn_db_close(db);
    size_t len = 0;
    uint8_t *whole = room_read(room_file(&room, "data.mdb"), &len);
    unsigned refused = 0;
    for (size_t cut = 1; cut < len; cut += cut < 9000 ? 511 : 4096) {
        room_write(room_file(&room, "data.mdb"), whole, cut);
        db = NULL;
        enum rn_status status = rn_db_open(room.path, true, &db, &error);
        refused += status == RN_DAMAGED;
        ck_assert(status == RN_DAMAGED || status == RN_OK);
        rn_db_close(db);
    }
    ck_assert_uint_ge(refused, len / 4096 / 2);
    free(whole);
}
END_TEST

START_TEST(a_file_shorter_by_free_pages_only_is_sound)
{
    static uint8_t big[200000];
    struct rn_db *db = opened();
    struct rn_db_txn *txn = NULL;
    put(db, RN_TREE_ID, RN_LIT("big"), rn_bytes_of(big, sizeof big));
    fill(db, 1);
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_assert_int_eq(rn_db_delete(txn, RN_TREE_ID, RN_LIT("big")), RN_OK);
    ck_ok(rn_db_commit(txn, &error));
    for (unsigned i = 2; i < 8; i++) { /* what stood behind the value moves into its place */
        append(db, "row", i);
    }
    rn_db_close(db);
    const char *file = room_file(&room, "data.mdb");
    size_t len = 0;
    uint8_t *whole = room_read(file, &len);
    bool is_new = false;
    unsigned missing = 0;
    while (truncate(file, (off_t)(len - 4096 * (missing + 1))) == 0 &&
           rn_db_file_check(file, &is_new, &error) == RN_OK) {
        missing++;
    }
    ck_assert_uint_ge(missing, 3);
    ck_assert_ptr_nonnull(strstr(error.text, "truncated"));
    room_write(file, whole, len - 4096 * missing);
    free(whole);
    db = opened();
    append(db, "row", 8);
    rn_db_close(db);
    ck_ok(rn_db_file_walk(file, &error));
}
END_TEST

START_TEST(garbage_is_refused)
{
    static const char words[] = "this is no database, and it is longer than nothing at all";
    struct rn_db *db = NULL;
    uint8_t page[3 * 4096];
    room_write(room_file(&room, "data.mdb"), words, sizeof words);
    ck_assert_int_eq(rn_db_open(room.path, true, &db, &error), RN_DAMAGED);
    memset(page, 0x5a, sizeof page);
    room_write(room_file(&room, "data.mdb"), page, sizeof page);
    ck_assert_int_eq(rn_db_open(room.path, true, &db, &error), RN_DAMAGED);
    memset(page, 0, sizeof page);
    room_write(room_file(&room, "data.mdb"), page, sizeof page);
    ck_assert_int_eq(rn_db_open(room.path, true, &db, &error), RN_DAMAGED);
}
END_TEST

START_TEST(an_empty_file_is_a_store_to_be)
{
    struct rn_db *db = NULL;
    room_write(room_file(&room, "data.mdb"), "", 0);
    ck_assert_int_eq(rn_db_open(room.path, false, &db, &error), RN_NOTFOUND);
    db = opened();
    append(db, "one", 1);
    rn_db_close(db);
}
END_TEST

/* What LMDB begins a file with: two of these, before any commit. */
static void meta_begun(uint8_t page[4096], uint64_t number)
{
    static const uint32_t magic = 0xBEEFC0DEu;
    static const uint32_t version = 1;
    static const uint32_t page_bytes = 4096;
    static const uint64_t last_page = 1;
    memset(page, 0, 4096);
    memcpy(page, &number, 8);
    page[10] = 8;
    memcpy(page + 16, &magic, 4);
    memcpy(page + 20, &version, 4);
    memcpy(page + 40, &page_bytes, 4);
    memset(page + 80, 0xff, 8);
    memset(page + 128, 0xff, 8);
    memcpy(page + 136, &last_page, 8);
}

START_TEST(a_file_whose_making_was_cut_short_is_made_again)
{
    uint8_t pages[2][4096];
    struct rn_db *db = NULL;
    for (size_t len = 0; len <= sizeof pages; len += 256) {
        for (unsigned lost = 0; lost < 4; lost++) { /* sectors that never came */
            meta_begun(pages[0], 0);
            meta_begun(pages[1], 1);
            for (unsigned page = 0; page < 2; page++) {
                if ((lost >> page & 1) != 0) {
                    memset(pages[page], 0, 512);
                }
            }
            room_write(room_file(&room, "data.mdb"), pages, len);
            ck_assert_int_eq(rn_db_open(room.path, false, &db, &error), RN_NOTFOUND);
            db = opened();
            append(db, "one", 1);
            rn_db_close(db);
        }
    }
}
END_TEST

START_TEST(a_stump_of_a_used_file_is_refused)
{
    struct rn_db *db = opened();
    append(db, "one", 1);
    rn_db_close(db);
    size_t len = 0;
    uint8_t *whole = room_read(room_file(&room, "data.mdb"), &len);
    for (size_t stump = 1; stump <= 3 * 4096; stump += stump < 200 ? 1 : 97) {
        room_write(room_file(&room, "data.mdb"), whole, stump);
        ck_assert_int_eq(rn_db_open(room.path, true, &db, &error), RN_DAMAGED);
        size_t left = 0;
        free(room_read(room_file(&room, "data.mdb"), &left));
        ck_assert_uint_eq(left, stump);
    }
    free(whole);
}
END_TEST

START_TEST(every_flipped_byte_of_the_meta_pages_is_survived)
{
    struct rn_db *db = opened();
    fill(db, 30);
    rn_db_close(db);
    size_t len = 0;
    uint8_t *whole = room_read(room_file(&room, "data.mdb"), &len);
    for (size_t page = 0; page < 2; page++) {
        for (size_t i = 0; i < 152; i++) {
            size_t at = page * 4096 + i;
            whole[at] ^= 0x80;
            room_write(room_file(&room, "data.mdb"), whole, len);
            bool is_new = false;
            enum rn_status status = rn_db_file_check(room_file(&room, "data.mdb"), &is_new, &error);
            ck_assert(status == RN_OK || status == RN_DAMAGED || status == RN_NEWER);
            status = rn_db_file_walk(room_file(&room, "data.mdb"), &error);
            ck_assert(status == RN_OK || status == RN_DAMAGED || status == RN_NEWER);
            whole[at] ^= 0x80;
        }
    }
    free(whole);
}
END_TEST

START_TEST(a_walk_finds_every_torn_page)
{
    struct rn_db *db = opened();
    fill(db, 200);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t key[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        put(db, RN_TREE_ID, rn_bytes_of(key, 2), RN_LIT("value"));
    }
    rn_db_close(db);
    size_t len = 0;
    uint8_t *whole = room_read(room_file(&room, "data.mdb"), &len);
    uint8_t kept[4096];
    unsigned found = 0;
    ck_ok(rn_db_file_walk(room_file(&room, "data.mdb"), &error));
    for (size_t page = 2; page < len / 4096; page++) {
        memcpy(kept, whole + page * 4096, 4096);
        memset(whole + page * 4096, 0, 4096);
        room_write(room_file(&room, "data.mdb"), whole, len);
        enum rn_status status = rn_db_file_walk(room_file(&room, "data.mdb"), &error);
        ck_assert(status == RN_OK ||
                  status == RN_DAMAGED); /* OK: a free page, or inside a long value */
        found += status == RN_DAMAGED;
        memcpy(whole + page * 4096, kept, 4096);
    }
    ck_assert_uint_gt(found, 20);
    free(whole);
}
END_TEST

START_TEST(a_walk_beside_a_writer_finds_nothing)
{
    struct rn_db *db = opened();
    fill(db, 50);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rn_error inner;
        for (unsigned i = 0; i < 40; i++) {
            if (rn_db_file_walk(room_file(&room, "data.mdb"), &inner) != RN_OK) {
                fprintf(stderr, "%s\n", inner.text);
                _exit(1);
            }
        }
        _exit(0);
    }
    int status = 0;
    for (unsigned i = 0; waitpid(child, &status, WNOHANG) == 0; i++) {
        uint8_t key[1] = {(uint8_t)(i % 50)};
        put(db, RN_TREE_ID, rn_bytes_of(key, 1), rn_bytes_of(key, 1));
    }
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rn_db_close(db);
}
END_TEST

START_TEST(a_garbage_lock_file_is_made_anew)
{
    struct rn_db *db = opened();
    append(db, "one", 1);
    rn_db_close(db);
    uint8_t garbage[9000];
    memset(garbage, 0xa5, sizeof garbage);
    room_write(room_file(&room, "lock.mdb"), garbage, sizeof garbage);
    db = opened();
    append(db, "two", 2);
    rn_db_close(db);
}
END_TEST

START_TEST(a_lock_file_of_another_version_in_use_is_refused)
{
    int ready[2];
    int done[2];
    char byte = 0;
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    ck_assert_int_eq(rn_test_pipe(done), 0);
    pid_t child = fork();
    if (child == 0) { /* holds the store open while the parent tries */
        struct rn_db *held = NULL;
        (void)close(done[1]);
        if (rn_db_open(room.path, true, &held, &error) != RN_OK || write(ready[1], "r", 1) != 1) {
            _exit(1);
        }
        _exit(read(done[0], &byte, 1) < 0);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    int lock = open(room_file(&room, "lock.mdb"), O_RDWR);
    uint32_t format = 0;
    ck_assert_int_eq(pread(lock, &format, 4, 4), 4);
    format ^= 0x7f000000;
    ck_assert_int_eq(pwrite(lock, &format, 4, 4), 4);
    close(lock);
    struct rn_db *db = NULL;
    ck_assert_int_eq(rn_db_open(room.path, true, &db, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "another version"));
    close(done[1]);
    waitpid(child, NULL, 0);
}
END_TEST

/* --- full --- */

START_TEST(a_disk_that_ends_says_so_and_loses_nothing)
{
    struct rn_db *db = opened();
    append(db, "kept", 1);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = rn_db_file_bytes(db) + 8192;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rn_db_txn *txn = NULL;
    static uint8_t big[100000];
    ck_ok(rn_db_begin(db, true, &txn, &error));
    ck_ok(rn_db_append(txn, rn_bytes_of(big, sizeof big), NULL, &error));
    enum rn_status status = rn_db_commit(txn, &error);
    ck_assert_msg(status == RN_FULL, "%s: %s", rn_status_name(status), error.text);
    ck_assert_ptr_nonnull(strstr(error.text, "data.mdb"));
    ck_assert_ptr_nonnull(strstr(error.text, "bytes"));
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(db, "and on", 2);
    rn_db_close(db);
    ck_ok(rn_db_file_walk(room_file(&room, "data.mdb"), &error));
}
END_TEST

/* Sanitizers reserve more address space than any limit that would mean something here. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RN_SANITIZED 1
#endif
#endif

#ifndef RN_SANITIZED
START_TEST(a_small_address_space_gets_a_small_map)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {(rlim_t)512 << 20, (rlim_t)512 << 20};
        struct rn_db *db = NULL;
        struct rn_db_txn *txn = NULL;
        static uint8_t big[1 << 20];
        enum rn_status status = RN_OK;
        if (setrlimit(RLIMIT_AS, &limit) != 0 ||
            rn_db_open(room.path, true, &db, &error) != RN_OK) {
            _exit(1);
        }
        for (unsigned i = 0; status == RN_OK && i < 1000; i++) { /* until the map is full */
            status = rn_db_begin(db, true, &txn, &error);
            status = status == RN_OK ? rn_db_append(txn, rn_bytes_of(big, sizeof big), NULL, &error)
                                     : status;
            if (status == RN_OK) {
                status = rn_db_commit(txn, &error);
            } else {
                rn_db_abort(txn);
            }
        }
        _exit(status == RN_FULL && strstr(error.text, "ulimit -v") != NULL ? 0 : 2);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* A process with a small map goes on when another with a large one has grown the file. */
START_TEST(a_file_grown_by_another_process_is_mapped_again)
{
    int go[2];
    int grown[2];
    char byte = 0;
    ck_assert_int_eq(rn_test_pipe(go), 0);
    ck_assert_int_eq(rn_test_pipe(grown), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {(rlim_t)400 << 20, RLIM_INFINITY};
        struct rlimit wide = {RLIM_INFINITY, RLIM_INFINITY};
        struct rn_db *db = NULL;
        struct rn_db_txn *txn = NULL;
        uint64_t row = 0;
        bool good =
            setrlimit(RLIMIT_AS, &limit) == 0 && rn_db_open(room.path, true, &db, &error) == RN_OK;
        good = good && write(go[1], "g", 1) == 1 && read(grown[0], &byte, 1) == 1;
        good = good && setrlimit(RLIMIT_AS, &wide) == 0 &&
               rn_db_begin(db, true, &txn, &error) == RN_OK &&
               rn_db_append(txn, RN_LIT("x"), &row, &error) == RN_OK &&
               rn_db_commit(txn, &error) == RN_OK;
        _exit(good && row == 301 ? 0 : 1);
    }
    ck_assert_int_eq(read(go[0], &byte, 1), 1);
    struct rn_db *db = opened();
    static uint8_t big[1 << 20];
    for (unsigned i = 0; i < 300; i++) {
        struct rn_db_txn *txn = NULL;
        ck_ok(rn_db_begin(db, true, &txn, &error));
        ck_ok(rn_db_append(txn, rn_bytes_of(big, sizeof big), NULL, &error));
        ck_ok(rn_db_commit(txn, &error));
    }
    ck_assert_int_eq(write(grown[1], "x", 1), 1);
    int status = 0;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    rn_db_close(db);
}
END_TEST
#endif

/* --- others at the same time --- */

START_TEST(a_killed_writer_blocks_nobody)
{
    struct rn_db *db = opened();
    append(db, "one", 1);
    rn_db_close(db);
    int ready[2];
    char byte = 0;
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rn_db_txn *txn = NULL;
        if (rn_db_open(room.path, true, &db, &error) != RN_OK ||
            rn_db_begin(db, true, &txn, &error) != RN_OK ||
            rn_db_append(txn, RN_LIT("never"), NULL, &error) != RN_OK ||
            write(ready[1], "r", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    db = opened();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    append(db, "two", 2);
    rn_db_close(db);
}
END_TEST

static void *append_many(void *self)
{
    struct rn_db *db = self;
    struct rn_error inner = {.text = ""};
    for (unsigned i = 0; i < 200; i++) {
        struct rn_db_txn *txn = NULL;
        struct rn_db_txn *reading = NULL;
        uint64_t row = 0;
        if (rn_db_begin(db, true, &txn, &inner) != RN_OK) {
            return "begin";
        }
        if (rn_db_append(txn, RN_LIT("row"), NULL, &inner) != RN_OK ||
            rn_db_commit(txn, &inner) != RN_OK) {
            return "append";
        }
        if (rn_db_begin(db, false, &reading, &inner) != RN_OK) {
            return "read";
        }
        (void)rn_db_last_row(reading, &row);
        rn_db_abort(reading);
    }
    return NULL;
}

START_TEST(threads_share_a_store)
{
    struct rn_db *db = opened();
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, append_many, db), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    append(db, "last", 801);
    rn_db_close(db);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    rn_db_close(opened());
    for (unsigned long nth = 1; nth < 100; nth++) {
        struct rn_db *db = NULL;
        struct rn_db_txn *txn = NULL;
        rn_memory_fail_from(nth);
        enum rn_status status = rn_db_open(room.path, true, &db, &error);
        status = status == RN_OK ? rn_db_begin(db, false, &txn, &error) : status;
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_db_abort(txn);
        rn_db_close(db);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            return;
        }
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/db");
    TCase *cases = tcase_create("db");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, rows_come_back_in_order_after_reopening);
    tcase_add_test(cases, a_row_that_was_taken_lends_its_number_to_nobody);
    tcase_add_test(cases, puts_are_found_and_deleted);
    tcase_add_test(cases, one_process_opens_a_store_once);
    tcase_add_test(cases, reading_creates_nothing);
    tcase_add_test(cases, every_descriptor_closes_on_exec);
    tcase_add_test(cases, files_are_ours_alone);
    tcase_add_test(cases, a_file_cut_at_any_page_is_refused_or_sound);
    tcase_add_test(cases, a_file_shorter_by_free_pages_only_is_sound);
    tcase_add_test(cases, garbage_is_refused);
    tcase_add_test(cases, an_empty_file_is_a_store_to_be);
    tcase_add_test(cases, a_file_whose_making_was_cut_short_is_made_again);
    tcase_add_test(cases, a_stump_of_a_used_file_is_refused);
    tcase_add_test(cases, every_flipped_byte_of_the_meta_pages_is_survived);
    tcase_add_test(cases, a_walk_finds_every_torn_page);
    tcase_add_test(cases, a_walk_beside_a_writer_finds_nothing);
    tcase_add_test(cases, a_garbage_lock_file_is_made_anew);
    tcase_add_test(cases, a_lock_file_of_another_version_in_use_is_refused);
    tcase_add_test(cases, a_disk_that_ends_says_so_and_loses_nothing);
#ifndef RN_SANITIZED
    tcase_add_test(cases, a_small_address_space_gets_a_small_map);
    tcase_add_test(cases, a_file_grown_by_another_process_is_mapped_again);
#endif
    tcase_add_test(cases, a_killed_writer_blocks_nobody);
    tcase_add_test(cases, threads_share_a_store);
    tcase_add_test(cases, every_failed_allocation_is_reported);
    suite_add_tcase(suite, cases);
    return suite;
}
