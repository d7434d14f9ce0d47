/*
 * Which earlier text stands verbatim in a later one? Sources are added in order; a text is then searched for all places where at
 * least RN_VERBATIM_CHARS_MIN characters of a source stand in it unchanged. Private to replayer/.
 *
 * Every window of 32 bytes of every source is in a hash table; a hit is compared and made as long as it goes. Each place of the
 * text is explained once: by the source that explains most of it from there, of equals by the one added last (what was said again
 * later is nearer; of a window that comes very often the first few are remembered).
 */
#ifndef RN_REPLAYER_VERBATIM_H
#define RN_REPLAYER_VERBATIM_H

#include "base/bytes.h"
#include "base/status.h"

#define RN_VERBATIM_CHARS_MIN 32u
/* Sources beyond this many bytes in all are not searched for; `rn_verbatim_is_full` tells. */
#define RN_VERBATIM_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct rn_verbatim;

struct rn_verbatim *rn_verbatim_new(void);
void rn_verbatim_free(struct rn_verbatim *verbatim);
/* `text` is borrowed until the end. `source` is the caller's number for it. RN_NOMEM. */
enum rn_status rn_verbatim_add(struct rn_verbatim *verbatim, uint32_t source, struct rn_bytes text);
bool rn_verbatim_is_full(const struct rn_verbatim *verbatim);

/* A stretch of the searched text and where it comes from; offsets and length in bytes. */
struct rn_stretch {
    uint32_t source;
    size_t source_at;
    size_t at;
    size_t len;
};
/* In order of `at`; they do not overlap. */
typedef void rn_verbatim_visit(void *self, const struct rn_stretch *stretch);
void rn_verbatim_find(const struct rn_verbatim *verbatim, struct rn_bytes text,
                      rn_verbatim_visit *visit, void *self);

#endif
