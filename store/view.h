/*
 * One stored event made readable: heads parsed, bodies decoded, times and redactions read from their canonical lists, and
 * what a dialect makes of it. Best effort throughout: what cannot be read is absent, and says why.
 */
#ifndef RN_STORE_VIEW_H
#define RN_STORE_VIEW_H

#include "base/arena.h"
#include "store/event.h"
#include "wire/http.h"
#include "wire/reading_rules.h"

/* A body as stored and as it reads without its content codings. */
struct rn_view_body {
    struct rn_bytes stored;
    struct rn_bytes decoded; /* the same bytes where there is no coding */
    struct rn_bytes coding;  /* Content-Encoding, trimmed; empty: none */
    struct rn_bytes type;    /* Content-Type, trimmed; empty: none */
    struct rn_buffer memory; /* holds `decoded` where that is not `stored` */
    struct rn_error fault;   /* why `decoded` is empty or short; status RN_OK: no fault */
};

struct rn_view {
    const struct rn_event *event;
    const struct rn_http_head *request_head;  /* NULL where there is none or it does not parse */
    const struct rn_http_head *response_head; /* likewise */
    unsigned status;                          /* 0 without a response head */
    struct rn_view_body request;
    struct rn_view_body response;
    uint64_t arrived_wall_ns;
    uint64_t first_byte_ns; /* since arrival */
    uint64_t complete_ns;   /* since arrival */
    bool has_first_byte;
    bool has_complete;
    uint64_t flags; /* enum rn_flag */
    uint32_t redactions;
    struct rn_reading
        reading; /* dialect RN_DIALECT_NONE where it is nobody's; what is `unread` is there in parts */
};

/*
 * The user's pointer rules, for all views of this process from now on; they must outlive them. NULL: none. For a program, at its
 * beginning, before there are threads.
 */
void rn_view_rules(const struct rn_reading_rules *rules);
/* Another one as soon as the rules are others, 0 without any: what was kept of readings under another key is as good as none. */
uint64_t rn_view_rules_key(void);

/* `event` and `arena` must outlive the view. RN_NOMEM. rn_view_free in every case. */
enum rn_status rn_view_make(struct rn_arena *arena, const struct rn_event *event,
                            struct rn_view *out);
void rn_view_free(struct rn_view *view);

/* One element of RN_TAG_REDACTIONS. */
struct rn_view_redaction {
    enum rn_tag tag;
    uint64_t offset;
    uint64_t len;
    uint64_t kind; /* enum rn_secret_kind */
    struct rn_bytes fingerprint;
};
/* Takes one off the front of the list; false at its end or where it is malformed. */
bool rn_view_redaction_next(struct rn_bytes *list, struct rn_view_redaction *out);

/* RN_TAG_ANSWERS: the recorded call that an exchange of a backtest sends again, and which attempt it is. */
struct rn_view_answered {
    struct rn_trace_id trace;
    uint32_t n;
    uint64_t attempt;
};
/* False where there is none or it is malformed. */
bool rn_view_answered(const struct rn_event *event, struct rn_view_answered *out);

/* A letter of RN_TAG_STDIO as a word; static. */
const char *rn_view_stdio_name(uint8_t letter);

/* Walks the pieces of a response body in step with offsets into it. A struct with the two lists set is at the start. */
struct rn_view_pieces {
    struct rn_bytes cuts;  /* RN_TAG_RESPONSE_CUTS, what is left of it */
    struct rn_bytes times; /* RN_TAG_PIECE_TIMES, likewise */
    uint64_t number;       /* of the current piece: 1, 2, ...; 0 before the first */
    uint64_t end;          /* offset behind it */
    uint64_t at_ns;        /* when it came, since arrival */
};
struct rn_view_pieces rn_view_pieces_of(const struct rn_event *event);
/* The next piece; false when there is none. */
bool rn_view_pieces_next(struct rn_view_pieces *pieces);

#endif
