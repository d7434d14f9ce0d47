/*
 * What the files of `reenact show` share: one trace in hand, and the ways to show it.
 */
#ifndef RN_CLI_SHOW_H
#define RN_CLI_SHOW_H

#include "json_out.h"
#include "screen.h"
#include "store/trace.h"
#include "store/view.h"

struct rn_show {
    struct rn_store *store;
    struct rn_arena arena; /* holds the summary's text */
    struct rn_trace_summary summary;
    struct rn_screen screen; /* of stdout */
    uint32_t damaged;        /* events that could not be read; each was shown as such */
};

/* Where texts are cut: the terminal's width (40 at least), or 120 where there is none. */
size_t rn_show_width(const struct rn_show *show);

/* show_steps.c: the whole trace, a line per step. */
enum rn_status rn_show_steps(struct rn_show *show, struct rn_error *error);
/* show_tree.c: the steps under what caused them. show_lineage.c: what stands verbatim in what. */
enum rn_status rn_show_tree(struct rn_show *show, bool as_json, struct rn_error *error);
enum rn_status rn_show_lineage(struct rn_show *show, bool as_json, struct rn_error *error);
/* show_timeline.c: the steps in full, with all that was said and was not said before. */
enum rn_status rn_show_timeline(struct rn_show *show, struct rn_error *error);

/* show_event.c: one event in full. */
enum rn_status rn_show_event(struct rn_show *show, enum rn_event_class class, uint32_t n,
                             struct rn_error *error);
/* show_reading.c: what it was for, in the lines of facts; and the documents it gave, a section of its own. */
enum rn_status rn_show_reading(struct rn_buffer *out, const struct rn_reading *reading);
enum rn_status rn_show_documents(struct rn_buffer *out, const struct rn_show *show,
                                 const struct rn_reading *reading);
/* show_body.c: one body, as JSON, as events of a stream with the pieces they came in, as text or as bytes. */
enum rn_status rn_show_body(struct rn_buffer *out, const struct rn_view *view,
                            const struct rn_view_body *body);

/* show_json.c: reenact.show/1 and reenact.event/1. */
enum rn_status rn_show_timeline_json(struct rn_show *show, struct rn_error *error);
enum rn_status rn_show_event_json(struct rn_show *show, enum rn_event_class class, uint32_t n,
                                  struct rn_error *error);

/* show_raw.c: stored bytes as they are (escaped on a terminal), and a command line for curl. */
enum rn_show_raw { RN_SHOW_RAW_REQUEST, RN_SHOW_RAW_RESPONSE, RN_SHOW_RAW_HEAD };
enum rn_status rn_show_raw(struct rn_show *show, uint32_t n, enum rn_show_raw what,
                           struct rn_error *error);
/* show_curl.c */
enum rn_status rn_show_curl(struct rn_show *show, uint32_t n, struct rn_error *error);

/* "3", "g1", "n1" */
const char *rn_show_event_name(enum rn_event_class class, uint32_t n, char out[16]);

#endif
