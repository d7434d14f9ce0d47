/* Where a run came from, read from repositories laid out by hand. */
#include "main.h"

#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/varint.h"
#include "provenance.h"
#include "store/room.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "fedcba9876543210fedcba9876543210fedcba98"

static struct room room;
static struct rn_buffer out;

static void set_up(void)
{
    room_open(&room);
    out = (struct rn_buffer){0};
}

static void tear_down(void)
{
    rn_buffer_free(&out);
    room_close(&room);
}

/* Writes a file of the room, with the directories above it. */
static void put(const char *name, const char *content)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", room.path, name);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    room_write(path, content, strlen(content));
}

static void ck_commit(const char *directory, const char *expected)
{
    rn_buffer_clear(&out);
    rn_provenance_commit(room_file(&room, directory), &out);
    ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&out), rn_bytes_text(expected)),
                  "\"%.*s\" is not \"%s\"", (int)out.len,
                  out.data == NULL ? "" : (const char *)out.data, expected);
}

START_TEST(a_branch_names_its_commit_from_anywhere_below)
{
    put("repo/.git/HEAD", "ref: refs/heads/main\n");
    put("repo/.git/refs/heads/main", COMMIT "\n");
    put("repo/a/b/file", "");
    ck_commit("repo", COMMIT);
    ck_commit("repo/a/b", COMMIT);
    put("repo/.git/refs/heads/main",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    ck_commit("repo", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}
END_TEST

START_TEST(a_detached_head_is_the_commit)
{
    put("repo/.git/HEAD", COMMIT "\n");
    ck_commit("repo", COMMIT);
}
END_TEST

START_TEST(a_packed_branch_is_found_by_its_whole_name)
{
    put("repo/.git/HEAD", "ref: refs/heads/main\n");
    put("repo/.git/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n" OTHER
                                 " refs/heads/main2\n" COMMIT " refs/heads/main\n^" OTHER "\n");
    ck_commit("repo", COMMIT);
    put("repo/.git/HEAD", "ref: refs/heads/mai\n");
    ck_commit("repo", "");
}
END_TEST

START_TEST(a_branch_without_a_commit_has_none_and_ends_the_search)
{
    put("outer/.git/HEAD", OTHER "\n");
    put("outer/inner/.git/HEAD", "ref: refs/heads/main\n");
    ck_commit("outer/inner", "");
    ck_commit("outer", OTHER);
}
END_TEST

START_TEST(a_submodule_has_its_own_commit_not_the_one_around_it)
{
    put("outer/.git/HEAD", OTHER "\n");
    put("outer/.git/modules/sub/HEAD", "ref: refs/heads/main\n");
    put("outer/.git/modules/sub/refs/heads/main", COMMIT "\n");
    put("outer/sub/.git", "gitdir: ../.git/modules/sub\n");
    ck_commit("outer/sub", COMMIT);
}
END_TEST

START_TEST(a_linked_work_tree_has_its_own_head_and_shared_branches)
{
    char link[PATH_MAX];
    put("main/.git/HEAD", OTHER "\n");
    put("main/.git/refs/heads/side", COMMIT "\n");
    put("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
    put("main/.git/worktrees/side/commondir", "../..\n");
    snprintf(link, sizeof link, "gitdir: %s\n", room_file(&room, "main/.git/worktrees/side"));
    put("side/.git", link);
    ck_commit("side", COMMIT);
}
END_TEST

START_TEST(what_is_no_commit_is_not_kept)
{
    put("repo/.git/HEAD", "ref: ../token\n");
    put("repo/token", "ghp_0123456789abcdefghijklmnopqrstuvwxyz\n"); /* 40 bytes, like a commit */
    ck_commit("repo", "");
    put("repo/.git/HEAD", "0123456789ABCDEF0123456789abcdef01234567\n");
    ck_commit("repo", "");
    put("repo/.git/HEAD", "0123\n");
    ck_commit("repo", "");
    put("repo/.git/HEAD", "");
    ck_commit("repo", "");
}
END_TEST

START_TEST(no_repository_is_no_commit)
{
    put("plain/file", "");
    /* The temporary directory may stand in a repository; nothing of the room's may be taken for one. */
    rn_provenance_commit("/", &out);
    ck_assert_uint_eq(out.len, 0);
    rn_provenance_commit("", &out);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(lock_files_are_kept_by_name_and_digest)
{
    struct rn_bytes name;
    struct rn_bytes digest;
    uint8_t expected[RN_SHA256_BYTES];
    const struct rn_bytes content = RN_LIT("flask==3\n");
    put("app/requirements.txt", "flask==3\n");
    put("app/go.sum", "");
    put("app/other.lock", "x");
    rn_provenance_locks(room_file(&room, "app"), &out);
    struct rn_bytes rest = rn_buffer_bytes(&out);
    ck_assert(rn_run_get(&rest, &name) && rn_run_get(&rest, &digest));
    ck_assert(rn_bytes_equal(name, RN_LIT("go.sum")));
    ck_assert(rn_run_get(&rest, &name) && rn_run_get(&rest, &digest));
    ck_assert(rn_bytes_equal(name, RN_LIT("requirements.txt")));
    ck_assert(rn_sha256_of(&content, 1, expected));
    ck_assert(rn_bytes_equal(digest, rn_bytes_of(expected, sizeof expected)));
    ck_assert_uint_eq(rest.len, 0);
    rn_buffer_clear(&out);
    rn_provenance_locks(room_file(&room, "nowhere"), &out);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {a_branch_names_its_commit_from_anywhere_below,
                                  a_detached_head_is_the_commit,
                                  a_packed_branch_is_found_by_its_whole_name,
                                  a_branch_without_a_commit_has_none_and_ends_the_search,
                                  a_submodule_has_its_own_commit_not_the_one_around_it,
                                  a_linked_work_tree_has_its_own_head_and_shared_branches,
                                  what_is_no_commit_is_not_kept,
                                  no_repository_is_no_commit,
                                  lock_files_are_kept_by_name_and_digest};
    Suite *suite = suite_create("provenance");
    TCase *one = tcase_create("provenance");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
