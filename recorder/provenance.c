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

/* Only what a commit looks like is kept: a ref may name any file. */
static bool is_commit(struct rn_bytes text)
{
    static const uint8_t digits[] = "0123456789abcdef";
    bool good = text.len == 40 || text.len == 64;
    for (size_t i = 0; good && i < text.len; i++) {
        good = memchr(digits, text.data[i], 16) != NULL;
    }
    return good;
}

/* What a file of one line in `directory` names, which counts from there unless it is absolute. */
static bool path_in(const char *directory, const char *name, struct rn_bytes prefix, char *out,
                    size_t out_bytes)
{
    struct rn_buffer file = {.max = PATH_MAX};
    bool found =
        read_small(directory, name, &file) && rn_bytes_starts_with(rn_buffer_bytes(&file), prefix);
    if (found) {
        struct rn_bytes path = rn_bytes_trim(rn_bytes_from(first_line(&file), prefix.len));
        bool absolute = path.len > 0 && path.data[0] == '/';
        int len = snprintf(out, out_bytes, "%s%s%.*s", absolute ? "" : directory,
                           absolute ? "" : "/", (int)path.len, (const char *)path.data);
        found = path.len > 0 && len > 0 && (size_t)len < out_bytes;
    }
    rn_buffer_free(&file);
    return found;
}

/* The commit that HEAD of this git directory names; its refs may stand in the one it shares with other work trees. */
static void read_head(const char *git, struct rn_bytes line, struct rn_buffer *out)
{
    struct rn_buffer file = {.max = RN_PART_BYTES_MAX * 16};
    struct rn_bytes commit = line;
    if (rn_bytes_starts_with(line, RN_LIT("ref: "))) {
        char common[PATH_MAX];
        char name[512];
        struct rn_bytes ref = rn_bytes_trim(rn_bytes_from(line, 5));
        (void)snprintf(name, sizeof name, "%.*s", (int)ref.len, (const char *)ref.data);
        const char *refs =
            path_in(git, "commondir", RN_LIT(""), common, sizeof common) ? common : git;
        commit = (struct rn_bytes){NULL, 0};
        if (read_small(git, name, &file) || read_small(refs, name, &file)) {
            commit = first_line(&file);
        } else if (read_small(refs, "packed-refs", &file)) {
            commit = packed_ref(&file, ref);
        }
    }
    if (is_commit(commit)) {
        (void)rn_buffer_add(out, commit);
    }
    rn_buffer_free(&file);
}

/* Whether this is the top of a repository, of a linked work tree or of a submodule: the search ends here. */
static bool commit_in(const char *directory, struct rn_buffer *out)
{
    char git[PATH_MAX];
    struct rn_buffer head = {.max = 4096};
    int len = snprintf(git, sizeof git, "%s/.git", directory);
    bool found = len > 0 && (size_t)len < sizeof git &&
                 (read_small(git, "HEAD", &head) ||
                  (path_in(directory, ".git", RN_LIT("gitdir: "), git, sizeof git) &&
                   read_small(git, "HEAD", &head)));
    if (found) {
        read_head(git, first_line(&head), out);
    }
    rn_buffer_free(&head);
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
