/* Where a store lies, who has it open, and the user's own key. */
#include "main.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "owner.h"
#include "place.h"
#include "room.h"
#include "store/store.h"
#include "store/userkey.h"

#define NOBODY 65534

static struct room room;
static struct rn_error error;
static char found[PATH_MAX];

static void setup(void)
{
    room_open(&room);
    unsetenv("REENACT_STORE");
    ck_assert_int_eq(chdir(room.path), 0);
}

static void teardown(void)
{
    rn_owner_pretend(0, NULL);
    ck_assert_int_eq(chdir("/"), 0);
    room_close(&room);
}

/* Runs `body` in a child as nobody (as ourselves when we are not root) and gives its exit status. */
static int as_nobody(int (*body)(void))
{
    int status = 0;
    if (geteuid() == 0) {
        ck_assert_int_eq(chmod(room.path, 0777), 0);
    }
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(99);
        }
        _exit(body());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- which path --- */

START_TEST(a_given_path_comes_first)
{
    setenv("REENACT_STORE", "/somewhere/else", 1);
    ck_ok(rn_store_place("given", RN_STORE_CREATE, found, sizeof found, &error));
    ck_assert_str_eq(found, "given");
    ck_ok(rn_store_place(NULL, RN_STORE_CREATE, found, sizeof found, &error));
    ck_assert_str_eq(found, "/somewhere/else");
    ck_assert_int_eq(rn_store_place("", RN_STORE_CREATE, found, sizeof found, &error), RN_INVALID);
    ck_assert_int_eq(rn_store_place("given", RN_STORE_READ, found, sizeof found, &error),
                     RN_NOTFOUND);
    ck_assert_int_eq(rn_store_place("given", RN_STORE_CREATE, found, 5, &error), RN_LIMIT);
    ck_ok(rn_store_place("given", RN_STORE_CREATE, found, 6, &error));
}
END_TEST

START_TEST(the_nearest_directory_above_is_found)
{
    ck_assert_int_eq(mkdir(".reenact", 0700), 0);
    ck_assert_int_eq(mkdir("a", 0700), 0);
    ck_assert_int_eq(mkdir("a/b", 0700), 0);
    ck_assert_int_eq(chdir("a/b"), 0);
    ck_ok(rn_store_place(NULL, RN_STORE_READ, found, sizeof found, &error));
    ck_assert_str_eq(found, room_file(&room, ".reenact"));
    ck_assert_int_eq(mkdir(room_file(&room, "a/.reenact"), 0700), 0);
    ck_ok(rn_store_place(NULL, RN_STORE_CREATE, found, sizeof found, &error));
    ck_assert_str_eq(found, room_file(&room, "a/.reenact"));
}
END_TEST

START_TEST(nothing_above_is_made_here)
{
    ck_assert_int_eq(rn_store_place(NULL, RN_STORE_READ, found, sizeof found, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "--store"));
    ck_ok(rn_store_place(NULL, RN_STORE_CREATE, found, sizeof found, &error));
    ck_assert_str_eq(found, room_file(&room, ".reenact"));
}
END_TEST

static int nobody_looks_above(void)
{
    return chdir("mine") == 0 &&
                   rn_store_place(NULL, RN_STORE_READ, found, sizeof found, &error) == RN_NOTFOUND
               ? 0
               : 1;
}

START_TEST(a_strangers_directory_above_is_not_taken_up)
{
    ck_assert_int_eq(mkdir(".reenact", 0755), 0);
    ck_assert_int_eq(mkdir("mine", 0777), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(as_nobody(nobody_looks_above), 0);
    }
}
END_TEST

/* --- is it fit --- */

START_TEST(a_new_directory_is_private)
{
    struct stat about;
    size_t len = 0;
    ck_ok(rn_place_prepare("deep/er", RN_STORE_CREATE, &error));
    ck_assert_int_eq(stat("deep/er", &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0700);
    uint8_t *text = room_read("deep/er/.gitignore", &len);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(memcmp(text, "*\n", 2), 0);
    free(text);
    ck_ok(rn_place_prepare("deep/er", RN_STORE_CREATE, &error));
    ck_assert_int_eq(rn_place_prepare("deep/er", RN_STORE_READ, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_place_prepare("nowhere", RN_STORE_READ, &error), RN_NOTFOUND);
}
END_TEST

START_TEST(an_empty_directory_is_made_private)
{
    struct stat about;
    ck_assert_int_eq(mkdir("open", 0700), 0);
    ck_assert_int_eq(chmod("open", 0777), 0);
    ck_ok(rn_place_prepare("open", RN_STORE_CREATE, &error));
    ck_assert_int_eq(stat("open", &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0700);
}
END_TEST

START_TEST(a_directory_with_other_things_is_refused)
{
    ck_assert_int_eq(mkdir("full", 0700), 0);
    room_write("full/letter.txt", "dear", 4);
    ck_assert_int_eq(rn_place_prepare("full", RN_STORE_CREATE, &error), RN_REFUSED);
    ck_assert_int_ne(access("full/.gitignore", F_OK), 0);
    ck_assert_int_eq(rn_place_prepare("full/letter.txt", RN_STORE_CREATE, &error), RN_REFUSED);
}
END_TEST

START_TEST(a_store_others_may_write_to_is_refused)
{
    ck_ok(rn_place_prepare("st", RN_STORE_CREATE, &error));
    room_write("st/data.mdb", "", 0);
    ck_assert_int_eq(chmod("st", 0770), 0);
    ck_assert_int_eq(rn_place_prepare("st", RN_STORE_READ, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "chmod"));
    ck_assert_int_eq(chmod("st", 0750), 0);
    ck_ok(rn_place_prepare("st", RN_STORE_READ, &error));
}
END_TEST

static int nobody_reads_anothers(void)
{
    struct rn_store *store = NULL;
    enum rn_status status = rn_store_open("st", RN_STORE_READ, &store, &error);
    return status == RN_REFUSED && strstr(error.text, "copy") != NULL ? 0 : 1;
}

START_TEST(a_store_of_another_user_is_refused_with_a_way_out)
{
    ck_ok(rn_place_prepare("st", RN_STORE_CREATE, &error));
    room_write("st/data.mdb", "", 0);
    ck_assert_int_eq(chmod("st", 0755), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(as_nobody(nobody_reads_anothers), 0);
    }
}
END_TEST

static int nobody_reads_readonly(void)
{
    struct rn_store *store = NULL;
    if (rn_store_open("own", RN_STORE_CREATE, &store, &error) != RN_OK) {
        return 1;
    }
    rn_store_close(store);
    if (chmod("own", 0500) != 0) {
        return 2;
    }
    enum rn_status status = rn_store_open("own", RN_STORE_READ, &store, &error);
    bool good = status == RN_REFUSED && strstr(error.text, "cp -r") != NULL;
    return chmod("own", 0700) == 0 && good ? 0 : 3;
}

START_TEST(a_directory_without_write_permission_is_refused_with_a_way_out)
{
    ck_assert_int_eq(as_nobody(nobody_reads_readonly), 0);
}
END_TEST

static int nobody_makes_in_readonly(void)
{
    struct rn_store *store = NULL;
    if (mkdir("closed", 0500) != 0) {
        return 1;
    }
    enum rn_status status = rn_store_open("closed/st", RN_STORE_CREATE, &store, &error);
    return status == RN_IO && error.text[0] != '\0' ? 0 : 2;
}

START_TEST(what_cannot_be_created_says_why)
{
    ck_assert_int_eq(as_nobody(nobody_makes_in_readonly), 0);
}
END_TEST

START_TEST(network_and_foreign_filesystems_are_refused)
{
    ck_assert_str_eq(rn_place_refused_filesystem(0x6969), "NFS");
    ck_assert_str_eq(rn_place_refused_filesystem(0xFF534D42), "CIFS");
    ck_assert_str_eq(rn_place_refused_filesystem(0xFE534D42), "SMB");
    ck_assert_str_eq(rn_place_refused_filesystem(0x65735546), "FUSE");
    ck_assert_str_eq(rn_place_refused_filesystem(0x01021997), "9p");
    ck_assert_ptr_null(rn_place_refused_filesystem(0xEF53));     /* ext4 */
    ck_assert_ptr_null(rn_place_refused_filesystem(0x01021994)); /* tmpfs */
    ck_assert_ptr_null(rn_place_refused_filesystem(0x58465342)); /* XFS */
    ck_assert_ptr_null(rn_place_refused_filesystem(0x794C7630)); /* overlay */
}
END_TEST

/* --- owners --- */

static unsigned count_owners(void)
{
    unsigned count = 0;
    char command[PATH_MAX];
    snprintf(command, sizeof command, "ls '%s/owners' | wc -l", room.path);
    FILE *out = popen(command, "r");
    ck_assert_int_eq(fscanf(out, "%u", &count), 1);
    pclose(out);
    return count;
}

START_TEST(an_owner_lives_until_it_leaves)
{
    struct rn_owner *a = NULL;
    struct rn_owner *b = NULL;
    char id[RN_OWNER_TEXT_BYTES];
    ck_ok(rn_owner_enter(room.path, &a, &error));
    ck_ok(rn_owner_enter(room.path, &b, &error));
    memcpy(id, rn_owner_text(b), sizeof id);
    ck_assert_uint_eq(count_owners(), 2);
    ck_assert(rn_owner_is_live(a, rn_bytes_text(id)));
    ck_assert(rn_owner_is_live(a, rn_bytes_text(rn_owner_text(a))));
    rn_owner_leave(b);
    ck_assert(!rn_owner_is_live(a, rn_bytes_text(id)));
    ck_assert(!rn_owner_is_live(a, RN_LIT("nonsense")));
    ck_assert(!rn_owner_is_live(a, RN_LIT("../../../../../../../etc/passwd12")));
    ck_assert(!rn_owner_is_live(a, RN_LIT("")));
    rn_owner_leave(a);
    ck_assert_uint_eq(count_owners(), 0);
}
END_TEST

START_TEST(a_killed_owner_is_dead_and_its_file_removed)
{
    int ready[2];
    char id[RN_OWNER_TEXT_BYTES] = "";
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rn_owner *held = NULL;
        if (rn_owner_enter(room.path, &held, &error) != RN_OK ||
            write(ready[1], rn_owner_text(held), sizeof id) != sizeof id) {
            _exit(1);
        }
        pause();
    }
    ck_assert_int_eq(read(ready[0], id, sizeof id), sizeof id);
    struct rn_owner *owner = NULL;
    ck_ok(rn_owner_enter(room.path, &owner, &error));
    ck_assert(rn_owner_is_live(owner, rn_bytes_text(id)));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert(!rn_owner_is_live(owner, rn_bytes_text(id)));
    ck_assert_uint_eq(count_owners(), 1);
    rn_owner_leave(owner);
}
END_TEST

START_TEST(an_id_is_claimed_by_one_owner_until_it_lets_go)
{
    const uint8_t ids[2][16] = {{1, 2, 3}, {1, 2, 4}};
    const uint8_t ones[16] = {255, 255, 255, 255, 255, 255, 255, 255, 0};
    struct rn_owner *a = NULL;
    struct rn_owner *b = NULL;
    ck_ok(rn_owner_enter(room.path, &a, &error));
    ck_ok(rn_owner_enter(room.path, &b, &error));
    ck_assert(rn_owner_claim(a, ids[0]));
    ck_assert(rn_owner_claim(a, ids[0])); /* its own */
    ck_assert(!rn_owner_claim(b, ids[0]));
    ck_assert(rn_owner_claim(b, ids[1]));
    ck_assert(rn_owner_claim(b, ones)); /* the last place there is */
    ck_assert(!rn_owner_claim(a, ids[1]));
    ck_assert(!rn_owner_claim(a, ones));
    rn_owner_release(a, ids[1]); /* not a's to give */
    ck_assert(!rn_owner_claim(a, ids[1]));
    rn_owner_release(a, ids[0]);
    ck_assert(rn_owner_claim(b, ids[0]));
    rn_owner_leave(b);
    ck_assert(rn_owner_claim(a, ids[0]));
    ck_assert(rn_owner_claim(a, ids[1]));
    rn_owner_leave(a);
}
END_TEST

START_TEST(the_claims_of_a_killed_owner_are_free)
{
    const uint8_t id[16] = {7};
    int ready[2];
    char byte = 'r';
    ck_assert_int_eq(rn_test_pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rn_owner *held = NULL;
        if (rn_owner_enter(room.path, &held, &error) != RN_OK || !rn_owner_claim(held, id) ||
            write(ready[1], &byte, 1) != 1) {
            _exit(1);
        }
        pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    struct rn_owner *owner = NULL;
    ck_ok(rn_owner_enter(room.path, &owner, &error));
    ck_assert(!rn_owner_claim(owner, id));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert(rn_owner_claim(owner, id));
    rn_owner_leave(owner);
}
END_TEST

START_TEST(a_stale_file_goes_at_the_next_entry)
{
    struct rn_owner *owner = NULL;
    ck_assert_int_eq(mkdir("owners", 0700), 0);
    room_write("owners/0123456789abcdef0123456789abcdef", "pid 1\npid-namespace 2\nboot x\n", 29);
    room_write("owners/README", "not ours", 8);
    ck_ok(rn_owner_enter(room.path, &owner, &error));
    ck_assert_uint_eq(count_owners(), 2);
    ck_assert_int_eq(access("owners/README", F_OK), 0);
    rn_owner_leave(owner);
}
END_TEST

START_TEST(a_live_opener_of_another_pid_namespace_is_refused)
{
    struct rn_owner *other = NULL;
    struct rn_owner *owner = NULL;
    rn_owner_pretend(4026999999, NULL);
    ck_ok(rn_owner_enter(room.path, &other, &error));
    rn_owner_pretend(0, NULL);
    ck_assert_int_eq(rn_owner_enter(room.path, &owner, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "4026999999"));
    ck_assert_uint_eq(count_owners(), 1);
    rn_owner_leave(other);
    ck_ok(rn_owner_enter(room.path, &owner, &error));
    rn_owner_leave(owner);
}
END_TEST

START_TEST(a_live_opener_on_another_machine_is_refused)
{
    struct rn_owner *other = NULL;
    struct rn_owner *owner = NULL;
    rn_owner_pretend(0, "11111111-2222-3333-4444-555555555555");
    ck_ok(rn_owner_enter(room.path, &other, &error));
    rn_owner_pretend(0, NULL);
    ck_assert_int_eq(rn_owner_enter(room.path, &owner, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "another machine"));
    rn_owner_leave(other);
}
END_TEST

START_TEST(an_owner_is_not_inherited_by_a_command)
{
    struct rn_owner *owner = NULL;
    ck_ok(rn_owner_enter(room.path, &owner, &error));
    char command[PATH_MAX + 64];
    snprintf(command, sizeof command, "ls -l /proc/self/fd | grep -c '%s'", room.path);
    FILE *out = popen(command, "r");
    int held = -1;
    ck_assert_int_eq(fscanf(out, "%d", &held), 1);
    pclose(out);
    ck_assert_int_eq(held, 0);
    rn_owner_leave(owner);
}
END_TEST

/* --- a store as a whole --- */

START_TEST(a_store_opens_again_and_knows_its_format)
{
    struct rn_store *store = NULL;
    struct rn_store_facts facts;
    ck_ok(rn_store_open("st", RN_STORE_CREATE, &store, &error));
    ck_assert_str_eq(rn_store_path(store), room_file(&room, "st"));
    rn_store_close(store);
    ck_ok(rn_store_open("st", RN_STORE_READ, &store, &error));
    ck_ok(rn_store_facts(store, &facts, &error));
    ck_assert_uint_eq(facts.format, 1);
    ck_assert_uint_eq(facts.traces, 0);
    ck_assert_uint_eq(facts.rows, 0);
    ck_assert_uint_gt(facts.file_bytes, 0);
    rn_store_close(store);
    ck_assert_int_eq(rn_store_open("other", RN_STORE_READ, &store, &error), RN_NOTFOUND);
    ck_assert_ptr_null(store);
    ck_assert_int_ne(access("other", F_OK), 0);
    rn_store_close(NULL);
}
END_TEST

START_TEST(two_processes_share_a_store)
{
    struct rn_store *store = NULL;
    int status = 0;
    ck_ok(rn_store_open("st", RN_STORE_CREATE, &store, &error));
    rn_store_close(store);
    pid_t child = fork();
    if (child == 0) {
        status = rn_store_open("st", RN_STORE_CREATE, &store, &error) == RN_OK ? 0 : 1;
        rn_store_close(store);
        _exit(status);
    }
    ck_ok(rn_store_open("st", RN_STORE_CREATE, &store, &error));
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    struct rn_store *second = NULL;
    ck_assert_int_eq(rn_store_open("st", RN_STORE_READ, &second, &error), RN_BUSY);
    rn_store_close(store);
}
END_TEST

/* --- the user's key --- */

START_TEST(a_key_is_made_once_and_read_again)
{
    uint8_t first[RN_USERKEY_BYTES];
    uint8_t second[RN_USERKEY_BYTES];
    struct stat about;
    setenv("XDG_CONFIG_HOME", room_file(&room, "config"), 1);
    ck_assert_int_eq(rn_userkey_load(false, first, &error), RN_NOTFOUND);
    ck_ok(rn_userkey_load(true, first, &error));
    ck_ok(rn_userkey_load(false, second, &error));
    ck_ok(rn_userkey_load(true, second, &error));
    ck_assert_int_eq(memcmp(first, second, sizeof first), 0);
    ck_assert_int_eq(stat("config/reenact/key", &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ck_assert_int_eq(about.st_nlink, 1);
    ck_assert_int_eq(stat("config/reenact", &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0700);
}
END_TEST

START_TEST(a_key_others_can_read_is_refused)
{
    uint8_t key[RN_USERKEY_BYTES];
    setenv("XDG_CONFIG_HOME", room_file(&room, "config"), 1);
    ck_ok(rn_userkey_load(true, key, &error));
    ck_assert_int_eq(chmod("config/reenact/key", 0640), 0);
    ck_assert_int_eq(rn_userkey_load(true, key, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "chmod 600"));
}
END_TEST

START_TEST(a_broken_key_is_not_replaced)
{
    uint8_t key[RN_USERKEY_BYTES];
    setenv("XDG_CONFIG_HOME", room_file(&room, "config"), 1);
    ck_ok(rn_userkey_load(true, key, &error));
    ck_assert_int_eq(truncate("config/reenact/key", 63), 0);
    ck_assert_int_eq(rn_userkey_load(true, key, &error), RN_DAMAGED);
    ck_assert_int_eq(truncate("config/reenact/key", 0), 0);
    ck_assert_int_eq(rn_userkey_load(true, key, &error), RN_DAMAGED);
}
END_TEST

START_TEST(without_xdg_the_home_directory_is_used)
{
    uint8_t key[RN_USERKEY_BYTES];
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", room.path, 1);
    ck_ok(rn_userkey_load(true, key, &error));
    ck_assert_int_eq(access(".config/reenact/key", R_OK), 0);
    setenv("XDG_CONFIG_HOME", "relative", 1);
    ck_ok(rn_userkey_load(false, key, &error));
    unsetenv("HOME");
    ck_assert_int_eq(rn_userkey_load(true, key, &error), RN_NOTFOUND);
}
END_TEST

static TCase *with_room(Suite *suite, const char *name)
{
    TCase *cases = tcase_create(name);
    tcase_add_checked_fixture(cases, setup, teardown);
    suite_add_tcase(suite, cases);
    return cases;
}

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/place");
    TCase *path = with_room(suite, "path");
    tcase_add_test(path, a_given_path_comes_first);
    tcase_add_test(path, the_nearest_directory_above_is_found);
    tcase_add_test(path, nothing_above_is_made_here);
    tcase_add_test(path, a_strangers_directory_above_is_not_taken_up);
    TCase *fit = with_room(suite, "fit");
    tcase_add_test(fit, a_new_directory_is_private);
    tcase_add_test(fit, an_empty_directory_is_made_private);
    tcase_add_test(fit, a_directory_with_other_things_is_refused);
    tcase_add_test(fit, a_store_others_may_write_to_is_refused);
    tcase_add_test(fit, a_store_of_another_user_is_refused_with_a_way_out);
    tcase_add_test(fit, a_directory_without_write_permission_is_refused_with_a_way_out);
    tcase_add_test(fit, what_cannot_be_created_says_why);
    tcase_add_test(fit, network_and_foreign_filesystems_are_refused);
    TCase *owners = with_room(suite, "owners");
    tcase_add_test(owners, an_owner_lives_until_it_leaves);
    tcase_add_test(owners, a_killed_owner_is_dead_and_its_file_removed);
    tcase_add_test(owners, an_id_is_claimed_by_one_owner_until_it_lets_go);
    tcase_add_test(owners, the_claims_of_a_killed_owner_are_free);
    tcase_add_test(owners, a_stale_file_goes_at_the_next_entry);
    tcase_add_test(owners, a_live_opener_of_another_pid_namespace_is_refused);
    tcase_add_test(owners, a_live_opener_on_another_machine_is_refused);
    tcase_add_test(owners, an_owner_is_not_inherited_by_a_command);
    TCase *store = with_room(suite, "store");
    tcase_add_test(store, a_store_opens_again_and_knows_its_format);
    tcase_add_test(store, two_processes_share_a_store);
    TCase *key = with_room(suite, "key");
    tcase_add_test(key, a_key_is_made_once_and_read_again);
    tcase_add_test(key, a_key_others_can_read_is_refused);
    tcase_add_test(key, a_broken_key_is_not_replaced);
    tcase_add_test(key, without_xdg_the_home_directory_is_used);
    return suite;
}
