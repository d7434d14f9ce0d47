/*
 * What a store is after the power went: rounds of work are logged, crash images are cut from the log, and each is opened,
 * verified and held against what had been acknowledged.
 *
 *   powerloss [--images N] [--seed S]
 *
 * 1,000 images, and 20,000 with REENACT_FULL=1. The same with syncs left out must fail, or the simulator proves nothing. The
 * seed chooses the work, the moments and what is kept; how commits were grouped is the machine's, so an image that failed is
 * kept and named.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image.h"
#include "judge.h"

#define ROUND_IMAGES 40u
#define ROUND_STEPS 45u
#define IMAGE_SECONDS_MAX 120u
#define TOLD_MAX 5u
#define AGAIN_EVERY 8u /* such an image loses power once more while it is being opened */

enum verdict { VERDICT_NONE, VERDICT_HELD, VERDICT_FAILED, VERDICT_DIED };

struct result {
    enum verdict verdict;
    char finding[400];
};

/* One image, all of it from its seed. */
struct choice {
    enum image_mode mode;
    size_t cut;
    uint64_t seed;
    bool again;
};

struct trial {
    char directory[PATH_MAX / 4];
    char bundle[PATH_MAX / 2];
    uint64_t seed;
    bool is_quiet; /* of what is expected to fail */
    unsigned images[IMAGE_MODE_COUNT];
    unsigned failed[IMAGE_MODE_COUNT];
    unsigned told;
};

static struct load load;
static struct result *results; /* shared with the children */

/* --- one image ------------------------------------------------------------------------------------------------------ */

static struct choice choose(uint64_t seed, unsigned number)
{
    struct choice choice = {.seed = seed + number * UINT64_C(0x632be59bd9b4e019)};
    choice.mode = (enum image_mode)(number % IMAGE_MODE_COUNT);
    choice.cut = (size_t)(image_chance(&choice.seed) % (load.log.count + 1));
    if (image_chance(&choice.seed) % 4 == 0) { /* just when a meta page was written */
        while (choice.cut < load.log.count && load.log.ops[choice.cut].kind != DISK_META) {
            choice.cut++;
        }
    }
    choice.again = choice.mode != IMAGE_STUMP && image_chance(&choice.seed) % AGAIN_EVERY == 0;
    return choice;
}

static void put_file(const char *path, const struct image *image)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL &&
              (image->len == 0 || fwrite(image->bytes, 1, image->len, file) == image->len);
    if (!ok || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

/* A store of one file: nobody is left who had it open. */
static void put_store(const char *directory, const struct image *image)
{
    char path[PATH_MAX];
    (void)mkdir(directory, 0700);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/data.mdb", directory);
    (void)unlink(path);
    put_file(path, image);
}

static bool judge_image(const char *directory, const struct choice *choice, struct result *result)
{
    struct image image = {0};
    struct image second = {0};
    struct disk_log log = {0};
    struct judge_terms terms = {.cut = choice->cut, .goes_on = choice->again};
    terms.may_be_damaged = choice->mode == IMAGE_STUMP || !image_has_commit(&load.log, choice->cut);
    image_build(&(struct image){0}, &load.log, choice->cut, choice->mode, choice->seed, &image);
    put_store(directory, &image);
    if (choice->again) {
        disk_record(&log);
    }
    bool ok = judge_store(directory, &load, &terms, result->finding, sizeof result->finding);
    disk_record(NULL);
    if (ok && log.count > 0) {
        uint64_t seed = choice->seed;
        size_t cut = (size_t)(image_chance(&seed) % (log.count + 1));
        image_build(&image, &log, cut, choice->mode, seed, &second);
        put_store(directory, &second);
        terms.goes_on = false;
        ok = judge_store(directory, &load, &terms, result->finding, sizeof result->finding);
    }
    image_free(&image);
    image_free(&second);
    disk_log_free(&log);
    return ok;
}

/* --- one round ------------------------------------------------------------------------------------------------------ */

/* In a child: an image may bring down who opens it, and that is a finding too. */
static void judge_from(const struct trial *trial, uint64_t seed, unsigned from, unsigned count)
{
    char directory[PATH_MAX / 2];
    (void)snprintf(directory, sizeof directory, "%s/image", trial->directory);
    for (unsigned i = from; i < count; i++) {
        struct choice choice = choose(seed, i);
        results[i].verdict = VERDICT_DIED;
        (void)alarm(IMAGE_SECONDS_MAX);
        results[i].verdict =
            judge_image(directory, &choice, &results[i]) ? VERDICT_HELD : VERDICT_FAILED;
    }
    _exit(0);
}

static void judge_round(const struct trial *trial, uint64_t seed, unsigned count)
{
    memset(results, 0, sizeof *results * ROUND_IMAGES);
    for (unsigned from = 0; from < count; from++) {
        fflush(NULL);
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            exit(2);
        }
        if (child == 0) {
            if (trial->is_quiet && freopen("/dev/null", "w", stderr) == NULL) {
                _exit(2);
            }
            judge_from(trial, seed, from, count);
        }
        int status = 0;
        (void)waitpid(child, &status, 0);
        while (from < count && results[from].verdict != VERDICT_DIED) {
            from++;
        }
        if (from < count) {
            (void)snprintf(results[from].finding, sizeof results[from].finding,
                           "who opened it died, wait status %d", status);
        }
    }
}

static void tell(struct trial *trial, uint64_t seed, unsigned number)
{
    char path[PATH_MAX];
    struct image image = {0};
    struct choice choice = choose(seed, number);
    if (trial->is_quiet || trial->told++ >= TOLD_MAX) {
        return;
    }
    image_build(&(struct image){0}, &load.log, choice.cut, choice.mode, choice.seed, &image);
    (void)snprintf(path, sizeof path, "/tmp/reenact-powerloss-%" PRIu64 "-%u.mdb", seed, number);
    put_file(path, &image);
    printf("image %u of seed %" PRIu64 " (%s, after operation %zu of %zu%s): %s\n  kept as %s\n",
           number, seed, image_mode_name(choice.mode), choice.cut, load.log.count,
           choice.again ? ", twice" : "", results[number].finding, path);
    image_free(&image);
}

static void empty(const char *directory, const char *name)
{
    char command[PATH_MAX];
    (void)snprintf(command, sizeof command, "rm -rf '%s/%s'", directory, name);
    if (system(command) != 0) {
        exit(2);
    }
}

static bool run_round(struct trial *trial, uint64_t seed, unsigned count)
{
    char directory[PATH_MAX / 2];
    empty(trial->directory, "store");
    (void)snprintf(directory, sizeof directory, "%s/store", trial->directory);
    bool ok = load_run(&load, directory, trial->bundle,
                       &(struct load_plan){.seed = seed, .steps = ROUND_STEPS});
    if (!ok) {
        printf("the work of seed %" PRIu64 " failed on a sound disk\n", seed);
        return false;
    }
    unsigned unsafe = load_unsafe_flags;
    load_unsafe_flags = 0; /* who opens it afterwards is careful */
    judge_round(trial, seed, count);
    load_unsafe_flags = unsafe;
    for (unsigned i = 0; i < count; i++) {
        enum image_mode mode = choose(seed, i).mode;
        trial->images[mode]++;
        if (results[i].verdict != VERDICT_HELD) {
            trial->failed[mode]++;
            tell(trial, seed, i);
        }
    }
    load_free(&load);
    return true;
}

static bool run_images(struct trial *trial, unsigned images)
{
    uint64_t seed = trial->seed;
    for (unsigned done = 0; done < images; done += ROUND_IMAGES) {
        unsigned count = images - done < ROUND_IMAGES ? images - done : ROUND_IMAGES;
        if (!run_round(trial, image_chance(&seed) % 1000000000u, count)) {
            return false;
        }
    }
    return true;
}

/* --- claims --------------------------------------------------------------------------------------------------------- */

static unsigned passed;
static unsigned failed;

static void claim(bool holds, const char *text)
{
    printf("%s %s\n", holds ? "holds: " : "FAILED:", text);
    passed += holds;
    failed += !holds;
}

static void claim_modes(const struct trial *trial)
{
    char text[200];
    for (unsigned mode = 0; mode < IMAGE_MODE_COUNT; mode++) {
        (void)snprintf(text, sizeof text, "%u images, unsynced writes kept: %s; %u failed",
                       trial->images[mode], image_mode_name((enum image_mode)mode),
                       trial->failed[mode]);
        claim(trial->images[mode] > 0 && trial->failed[mode] == 0, text);
    }
}

/* The work done with `flags`, which promise less: the simulator must notice. */
static void claim_noticed(struct trial *trial, unsigned flags, const char *name)
{
    char text[200];
    struct trial other = *trial;
    unsigned noticed = 0;
    unsigned images = 0;
    memset(other.images, 0, sizeof other.images);
    memset(other.failed, 0, sizeof other.failed);
    other.is_quiet = true;
    load_unsafe_flags = flags;
    bool ok = run_images(&other, 3 * ROUND_IMAGES);
    load_unsafe_flags = 0;
    for (unsigned mode = 0; mode < IMAGE_MODE_COUNT; mode++) {
        images += other.images[mode];
        noticed += other.failed[mode];
    }
    (void)snprintf(text, sizeof text, "with %s %u of %u images fail, as they must", name, noticed,
                   images);
    claim(ok && noticed > 0 && other.failed[IMAGE_ALWAYS] == 0, text);
}

static bool prepare(struct trial *trial)
{
    char other[PATH_MAX / 2];
    const char *base = getenv("TMPDIR");
    (void)snprintf(trial->directory, sizeof trial->directory, "%s/reenact-powerloss-XXXXXX",
                   base != NULL ? base : "/tmp");
    if (mkdtemp(trial->directory) == NULL) {
        perror(trial->directory);
        return false;
    }
    (void)snprintf(trial->bundle, sizeof trial->bundle, "%s/bundle", trial->directory);
    (void)snprintf(other, sizeof other, "%s/other", trial->directory);
    results = mmap(NULL, sizeof *results * ROUND_IMAGES, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return results != MAP_FAILED && load_bundle_make(other, trial->bundle);
}

int main(int argc, char **argv)
{
    struct trial trial = {.seed = 1};
    unsigned images = getenv("REENACT_FULL") != NULL ? 20000 : 1000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--images") == 0) {
            images = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            trial.seed = strtoull(argv[i + 1], NULL, 10);
        }
    }
    bool ok = prepare(&trial) && run_images(&trial, images);
    if (ok) {
        claim_modes(&trial);
        claim_noticed(&trial, MDB_NOSYNC, "MDB_NOSYNC");
        claim_noticed(&trial, MDB_NOMETASYNC, "MDB_NOMETASYNC");
    } else {
        claim(false, "the work is done");
    }
    empty(trial.directory, "");
    printf("seed %" PRIu64 "\ncounted: %u passed, %u failed\n", trial.seed, passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
