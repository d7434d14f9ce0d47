/*
 * A disk that fails: each write, sync, open, truncation and read of a store's files in turn, once or from then on, under a
 * recorder at work and under somebody who opens, verifies and reads.
 *
 *   failing [--seed S] [--rounds N]
 *
 * Each must end with a status and a sentence, nobody may die of it, and afterwards, on a sound disk, the store opens, verifies
 * and holds everything that was acknowledged; a trace of which an event failed is not complete. One round of work and
 * some of its calls; with REENACT_FULL=1 two rounds and each call.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image.h"
#include "judge.h"

#define STEPS 24u
#define SECONDS_MAX 120u
#define NTH_MAX 5000u
#define TOLD_MAX 10u

/* One way of failing. */
struct way {
    enum disk_call call;
    int error; /* 0: a short write */
    bool lasting;
    const char *name;
};

static const struct way ways[] = {
    {DISK_CALL_WRITE, EIO, false, "a write with EIO"},
    {DISK_CALL_WRITE, EIO, true, "all writes with EIO"},
    {DISK_CALL_WRITE, ENOSPC, false, "a write with ENOSPC"},
    {DISK_CALL_WRITE, ENOSPC, true, "all writes with ENOSPC"},
    {DISK_CALL_WRITE, 0, false, "a write, which is short"},
    {DISK_CALL_WRITE, 0, true, "all writes, which are short"},
    {DISK_CALL_FSYNC, EIO, false, "a sync with EIO"},
    {DISK_CALL_FSYNC, EIO, true, "all syncs with EIO"},
    {DISK_CALL_FSYNC, ENOSPC, false, "a sync with ENOSPC"},
    {DISK_CALL_OPEN, EIO, false, "an open with EIO"},
    {DISK_CALL_OPEN, ENOSPC, false, "an open with ENOSPC"},
    {DISK_CALL_OPEN, EMFILE, true, "all opens with EMFILE"},
    {DISK_CALL_TRUNCATE, EIO, false, "a truncation with EIO"},
    {DISK_CALL_TRUNCATE, ENOSPC, false, "a truncation with ENOSPC"},
    {DISK_CALL_READ, EIO, false, "a read with EIO"},
    {DISK_CALL_READ, EIO, true, "all reads with EIO"},
};
#define WAYS (sizeof ways / sizeof ways[0])

enum outcome { OUTCOME_HELD, OUTCOME_NO_FAILURE, OUTCOME_FOUND };

struct sweep {
    char directory[PATH_MAX / 4];
    char bundle[PATH_MAX / 2];
    char store[PATH_MAX / 2];
    uint64_t seed;
    bool is_full;
    struct image sound; /* of the reader's store, before it is opened */
    unsigned runs;
    unsigned told;
};

static struct load load;
/* Shared with the children. */
static char *finding;
static unsigned *refusals; /* what recorders were refused, and readers */
#define FINDING_BYTES 4096u

/* --- the two who suffer --------------------------------------------------------------------------------------------- */

static bool found(const char *text, const char *more)
{
    (void)snprintf(finding, FINDING_BYTES, "%s%s", text, more);
    return false;
}

static bool holds_afterwards(const struct sweep *sweep)
{
    const struct judge_terms terms = {.cut = LOAD_NEVER - 1, .goes_on = true};
    return judge_store(sweep->store, &load, &terms, finding, FINDING_BYTES);
}

static enum outcome outcome_of(bool ok, bool happened)
{
    return !ok ? OUTCOME_FOUND : happened ? OUTCOME_HELD : OUTCOME_NO_FAILURE;
}

/* A recorder and all that is kept beside. */
static enum outcome write_while(const struct sweep *sweep, const struct way *way, unsigned nth)
{
    const struct load_plan plan = {.seed = sweep->seed, .steps = STEPS, .is_failing = true};
    disk_fail(way->call, nth, way->error, way->lasting);
    bool ok = load_run(&load, sweep->store, sweep->bundle, &plan);
    bool happened = disk_failed();
    disk_fail(way->call, 0, 0, false);
    refusals[0] += load.refusals;
    if (!ok) {
        (void)found("something was refused without a status and a sentence", "");
    } else if (!happened && load.refusals > 0) {
        ok = found("something was refused on a sound disk", "");
    }
    return outcome_of(ok && holds_afterwards(sweep), happened);
}

static void on_finding(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    (void)trace;
    *(bool *)self = sentence[0] != '\0';
}

/* Opens, verifies, reads; false where it says nothing of why it does not. */
static bool read_all(const char *directory)
{
    struct rn_store *store = NULL;
    struct rn_error error = {.text = ""};
    struct rn_verify_counts counts = {0};
    bool is_said = true;
    enum rn_status status = rn_store_open(directory, RN_STORE_READ, &store, &error);
    if (status == RN_OK) {
        status = rn_store_verify(store, on_finding, NULL, &is_said, &counts, &error);
    }
    if (status != RN_OK || counts.damaged > 0) {
        refusals[1]++;
    }
    if (status != RN_OK) {
        is_said = error.text[0] != '\0' && error.status == status;
    }
    for (size_t i = 0; is_said && store != NULL && i < load.event_count; i++) {
        struct rn_arena arena = {0};
        struct rn_event event = {0};
        const struct load_event *told = &load.events[i];
        error = (struct rn_error){.text = ""};
        status = rn_trace_event(store, &load.traces[told->trace].id, RN_CLASS_EVENT, told->n,
                                &arena, &event, &error);
        is_said = status == RN_OK || error.text[0] != '\0' || status == RN_NOTFOUND;
        rn_arena_free(&arena);
    }
    rn_store_close(store);
    return is_said;
}

/* A reader whose opening has something to finish: the recorder before it died. */
static enum outcome read_while(const struct sweep *sweep, const struct way *way, unsigned nth)
{
    char path[PATH_MAX];
    (void)mkdir(sweep->store, 0700);
    (void)snprintf(path, sizeof path, "%s/data.mdb", sweep->store);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(sweep->sound.bytes, 1, sweep->sound.len, file) != sweep->sound.len ||
        fclose(file) != 0) {
        perror(path);
        _exit(OUTCOME_FOUND);
    }
    disk_fail(way->call, nth, way->error, way->lasting);
    bool ok = read_all(sweep->store);
    bool happened = disk_failed();
    disk_fail(way->call, 0, 0, false);
    if (!ok) {
        (void)found("a reader was refused without a sentence", "");
    }
    return outcome_of(ok && holds_afterwards(sweep), happened);
}

/* --- the sweep ------------------------------------------------------------------------------------------------------ */

static void empty(const char *path)
{
    char command[PATH_MAX];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) {
        exit(2);
    }
}

typedef enum outcome suffer(const struct sweep *sweep, const struct way *way, unsigned nth);

static enum outcome run_one(const struct sweep *sweep, const struct way *way, unsigned nth,
                            suffer *who)
{
    int status = 0;
    empty(sweep->store);
    finding[0] = '\0';
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(SECONDS_MAX);
        _exit((int)who(sweep, way, nth));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(2);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) > OUTCOME_FOUND) {
        (void)snprintf(finding, FINDING_BYTES, "it died, wait status %d", status);
        return OUTCOME_FOUND;
    }
    return (enum outcome)WEXITSTATUS(status);
}

/* False when one of its failures was not borne. */
static bool run_way(struct sweep *sweep, const struct way *way, suffer *who, const char *whose)
{
    bool ok = true;
    /* In the short run the first ones all, then ever fewer. */
    for (unsigned nth = 1; nth < NTH_MAX; nth += sweep->is_full ? 1 : 1 + nth / 6) {
        enum outcome outcome = run_one(sweep, way, nth, who);
        if (outcome == OUTCOME_NO_FAILURE) {
            break;
        }
        sweep->runs++;
        if (outcome == OUTCOME_FOUND) {
            ok = false;
            if (sweep->told++ < TOLD_MAX) {
                printf("%s, seed %" PRIu64 ", %s (number %u): %s\n", whose, sweep->seed, way->name,
                       nth, finding);
            }
        }
    }
    return ok;
}

/* The store of a recorder that died in the middle, all of whose work was acknowledged. */
static bool prepare_reader(struct sweep *sweep)
{
    const struct load_plan plan = {.seed = sweep->seed, .steps = STEPS, .leaves = true};
    empty(sweep->store);
    load_free(&load);
    if (!load_run(&load, sweep->store, sweep->bundle, &plan)) {
        return false;
    }
    image_build(&(struct image){0}, &load.log, load.log.count, IMAGE_ALWAYS, 0, &sweep->sound);
    return true;
}

static bool prepare(struct sweep *sweep)
{
    char other[PATH_MAX / 2];
    const char *base = getenv("TMPDIR");
    (void)snprintf(sweep->directory, sizeof sweep->directory, "%s/reenact-failing-XXXXXX",
                   base != NULL ? base : "/tmp");
    if (mkdtemp(sweep->directory) == NULL) {
        perror(sweep->directory);
        return false;
    }
    (void)snprintf(sweep->bundle, sizeof sweep->bundle, "%s/bundle", sweep->directory);
    (void)snprintf(sweep->store, sizeof sweep->store, "%s/store", sweep->directory);
    (void)snprintf(other, sizeof other, "%s/other", sweep->directory);
    void *shared = mmap(NULL, FINDING_BYTES + 2 * sizeof *refusals, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    refusals = shared;
    finding = (char *)(refusals + 2);
    return shared != MAP_FAILED && load_bundle_make(other, sweep->bundle);
}

int main(int argc, char **argv)
{
    struct sweep sweep = {.seed = 1, .is_full = getenv("REENACT_FULL") != NULL};
    unsigned rounds = sweep.is_full ? 2 : 1;
    bool writer[WAYS];
    bool reader[WAYS];
    unsigned failed = 0;
    memset(writer, true, sizeof writer);
    memset(reader, true, sizeof reader);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            sweep.seed = strtoull(argv[i + 1], NULL, 10);
        }
    }
    if (!prepare(&sweep)) {
        return 2;
    }
    for (unsigned round = 0; round < rounds; round++, sweep.seed++) {
        for (size_t i = 0; i < WAYS; i++) {
            writer[i] &= run_way(&sweep, &ways[i], write_while, "a recorder");
        }
        if (!prepare_reader(&sweep)) {
            return 2;
        }
        for (size_t i = 0; i < WAYS; i++) {
            reader[i] &= run_way(&sweep, &ways[i], read_while, "a reader");
        }
    }
    for (size_t i = 0; i < WAYS; i++) {
        printf("%s a recorder bears %s\n", writer[i] ? "holds: " : "FAILED:", ways[i].name);
        printf("%s a reader bears %s\n", reader[i] ? "holds: " : "FAILED:", ways[i].name);
        failed += (writer[i] ? 0u : 1u) + (reader[i] ? 0u : 1u);
    }
    load_free(&load);
    image_free(&sweep.sound);
    empty(sweep.directory);
    /* Failures that nobody notices would prove nothing. */
    bool is_noticed = refusals[0] > 0 && refusals[1] > 0;
    printf("%s %u failures; recorders were refused %u things, readers %u\n",
           is_noticed ? "holds: " : "FAILED:", sweep.runs, refusals[0], refusals[1]);
    failed += is_noticed ? 0u : 1u;
    printf("counted: %zu passed, %u failed\n", 2 * WAYS + 1 - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
