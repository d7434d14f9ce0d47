/*
 * The cases of `record --each FILE`: its lines that are not empty, each with its number. Private to recorder/.
 *
 * A line ends with LF or CRLF or where the file ends; a byte order mark in front of the first is no part of it. A line becomes
 * an argument of a command and stands on a terminal and in documents, so it is UTF-8 without a zero byte, and has a limit.
 */
#ifndef RN_RECORDER_LINES_H
#define RN_RECORDER_LINES_H

#include "base/arena.h"
#include "base/status.h"

struct rn_line {
    uint32_t number; /* in the file, from 1 */
    const char *text;
};

/* A zeroed struct is none. */
struct rn_lines {
    struct rn_arena arena;
    struct rn_line *at;
    size_t count;
};
void rn_lines_free(struct rn_lines *lines);

/*
 * `path` "-" is stdin. RN_NOTFOUND, RN_IO; RN_LIMIT (a line, or the whole); RN_INVALID (a line, or no line at all), each with a
 * sentence that names file and line.
 */
enum rn_status rn_lines_read(const char *path, struct rn_lines *out, struct rn_error *error);
/* The same from bytes; `path` is for the sentences. */
enum rn_status rn_lines_split(struct rn_bytes text, const char *path, struct rn_lines *out,
                              struct rn_error *error);
/* "suite/questions.txt" -> "questions"; "-" -> "stdin". Lives in the arena of `lines`; NULL when memory ran out. */
const char *rn_lines_name(struct rn_lines *lines, const char *path);

#endif
