/* From a file to cases. In: bytes. Out: numbered lines. All is looked at before any is used. */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "wire/json.h"

#define CHUNK_BYTES ((size_t)64 * 1024)

void rn_lines_free(struct rn_lines *lines)
{
    rn_arena_free(&lines->arena);
    rn_free(lines->at);
    *lines = (struct rn_lines){0};
}

/* --- splitting ----------------------------------------------------------------------------------------------------- */

static struct rn_bytes take_line(struct rn_bytes *rest)
{
    size_t end = rn_bytes_find_byte(*rest, '\n');
    struct rn_bytes line = rn_bytes_sub(*rest, 0, end);
    *rest = end == RN_NPOS ? rn_bytes_from(*rest, rest->len) : rn_bytes_from(*rest, end + 1);
    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

static enum rn_status check_line(struct rn_bytes line, uint32_t number, const char *path,
                                 struct rn_error *error)
{
    if (line.len > RN_EACH_LINE_BYTES_MAX) {
        return rn_fail(error, RN_LIMIT, "line %u of %s has %zu bytes, and one may have %zu", number,
                       path, line.len, RN_EACH_LINE_BYTES_MAX);
    }
    if (rn_bytes_find_byte(line, 0) != RN_NPOS) {
        return rn_fail(error, RN_INVALID,
                       "line %u of %s holds a zero byte, which no argument of a command can hold",
                       number, path);
    }
    return rn_json_is_utf8(line)
               ? RN_OK
               : rn_fail(error, RN_INVALID, "line %u of %s is no UTF-8", number, path);
}

static enum rn_status add_line(struct rn_lines *lines, size_t *cap, uint32_t number,
                               struct rn_bytes line, struct rn_error *error)
{
    if (lines->count == *cap) {
        size_t more = *cap == 0 ? 64 : 2 * *cap;
        struct rn_line *grown = rn_realloc(lines->at, more * sizeof *grown);
        if (grown == NULL) {
            return rn_fail(error, RN_NOMEM, "out of memory");
        }
        lines->at = grown;
        *cap = more;
    }
    const char *text = rn_arena_text(&lines->arena, line);
    if (text == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory");
    }
    lines->at[lines->count++] = (struct rn_line){.number = number, .text = text};
    return RN_OK;
}

enum rn_status rn_lines_split(struct rn_bytes text, const char *path, struct rn_lines *out,
                              struct rn_error *error)
{
    const struct rn_bytes mark = RN_LIT("\xef\xbb\xbf");
    struct rn_bytes rest = rn_bytes_from(text, rn_bytes_starts_with(text, mark) ? mark.len : 0);
    enum rn_status status = RN_OK;
    size_t cap = 0;
    *out = (struct rn_lines){0};
    for (uint32_t number = 1; status == RN_OK && rest.len > 0; number++) {
        struct rn_bytes line = take_line(&rest);
        if (line.len > 0) {
            status = check_line(line, number, path, error);
            status = status == RN_OK ? add_line(out, &cap, number, line, error) : status;
        }
    }
    if (status == RN_OK && out->count == 0) {
        status = rn_fail(error, RN_INVALID, "%s holds no line: there is no case to run", path);
    }
    if (status != RN_OK) {
        rn_lines_free(out);
    }
    return status;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* A pipe as well as a file: lists of cases are often made on the spot. */
static enum rn_status read_all(int file, const char *path, struct rn_buffer *text,
                               struct rn_error *error)
{
    ssize_t got = 1;
    while (got > 0) {
        enum rn_status status = rn_buffer_reserve(text, CHUNK_BYTES);
        if (status != RN_OK) {
            return rn_fail(error, status, "%s has more than %zu bytes", path,
                           RN_EACH_FILE_BYTES_MAX);
        }
        got = read(file, text->data + text->len, CHUNK_BYTES);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        text->len += got > 0 ? (size_t)got : 0;
    }
    return got == 0 ? RN_OK : rn_fail(error, RN_IO, "%s cannot be read: %s", path, strerror(errno));
}

enum rn_status rn_lines_read(const char *path, struct rn_lines *out, struct rn_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    struct rn_buffer text;
    *out = (struct rn_lines){0};
    int file = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return rn_fail(error, errno == ENOENT ? RN_NOTFOUND : RN_IO, "%s cannot be opened: %s",
                       path, strerror(errno));
    }
    rn_buffer_init(&text, RN_EACH_FILE_BYTES_MAX + CHUNK_BYTES);
    enum rn_status status = read_all(file, name, &text, error);
    if (status == RN_OK) {
        status = rn_lines_split(rn_buffer_bytes(&text), name, out, error);
    }
    rn_buffer_free(&text);
    if (!is_stdin) {
        (void)close(file);
    }
    return status;
}

const char *rn_lines_name(struct rn_lines *lines, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(base, '.');
    if (strcmp(path, "-") == 0) {
        return "stdin";
    }
    size_t len = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    return rn_arena_text(&lines->arena, rn_bytes_of(base, len));
}
