/* Reads a few small files around the working directory. Runs nothing and fails silently: provenance is a courtesy. */
#include "provenance.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/varint.h"

static bool read_small(const char *directory, const char *name, struct rn_buffer *out)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    rn_buffer_clear(out);
    return len > 0 && (size_t)len < sizeof path && rn_file_read(path, out, NULL) == RN_OK;
}

static struct rn_bytes first_line(const struct rn_buffer *buffer)
{
    struct rn_bytes all = rn_buffer_bytes(buffer);
    return rn_bytes_trim(rn_bytes_sub(all, 0, rn_bytes_find_byte(all, '\n')));
}

/* The line "<hex> <ref>" of packed-refs. */
static struct rn_bytes packed_ref(const struct rn_buffer *packed, struct rn_bytes ref)
{
    struct rn_bytes all = rn_buffer_bytes(packed);
    while (all.len > 0) {
        size_t end = rn_bytes_find_byte(all, '\n');
        struct rn_bytes line = rn_bytes_sub(all, 0, end);
        size_t blank = rn_bytes_find_byte(line, ' ');
        if (blank != RN_NPOS && rn_bytes_equal(rn_bytes_from(line, blank + 1), ref)) {
            return rn_bytes_sub(line, 0, blank);
        }
        all = end == RN_NPOS ? (struct rn_bytes){NULL, 0} : rn_bytes_from(all, end + 1);
    }
    return (struct rn_bytes){NULL, 0};
}

static bool commit_in(const char *directory, struct rn_buffer *out)
{
    struct rn_buffer head = {.max = 4096};
    struct rn_buffer file = {.max = RN_PART_BYTES_MAX * 16};
    bool found = read_small(directory, ".git/HEAD", &head);
    struct rn_bytes line = first_line(&head);
    struct rn_bytes commit = line;
    if (found && rn_bytes_starts_with(line, RN_LIT("ref: "))) {
        char name[512];
        struct rn_bytes ref = rn_bytes_from(line, 5);
        (void)snprintf(name, sizeof name, ".git/%.*s", (int)ref.len, (const char *)ref.data);
        if (read_small(directory, name, &file)) {
            commit = first_line(&file);
        } else if (read_small(directory, ".git/packed-refs", &file)) {
            commit = packed_ref(&file, ref);
        }
    }
    if (found && (commit.len == 40 || commit.len == 64)) {
        (void)rn_buffer_add(out, commit);
    }
    rn_buffer_free(&head);
    rn_buffer_free(&file);
    return found;
}

void rn_provenance_commit(const char *cwd, struct rn_buffer *out)
{
    char directory[PATH_MAX];
    int len = snprintf(directory, sizeof directory, "%s", cwd);
    if (len <= 0 || (size_t)len >= sizeof directory) {
        return;
    }
    while (!commit_in(directory, out)) {
        char *slash = strrchr(directory, '/');
        if (slash == NULL || slash == directory) {
            return;
        }
        *slash = '\0';
    }
}

void rn_provenance_locks(const char *cwd, struct rn_buffer *out)
{
    static const char *const names[] = {"Cargo.lock",     "Gemfile.lock", "Pipfile.lock",
                                        "composer.lock",  "go.sum",       "package-lock.json",
                                        "pnpm-lock.yaml", "poetry.lock",  "requirements.txt",
                                        "uv.lock",        "yarn.lock"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct rn_buffer file = {.max = RN_REQUEST_BODY_BYTES_MAX};
        uint8_t digest[RN_SHA256_BYTES];
        if (read_small(cwd, names[i], &file)) {
            struct rn_bytes content = rn_buffer_bytes(&file);
            if (rn_sha256_of(&content, 1, digest)) {
                (void)rn_run_put(out, rn_bytes_text(names[i]));
                (void)rn_run_put(out, rn_bytes_of(digest, sizeof digest));
            }
        }
        rn_buffer_free(&file);
    }
}
