/* `reenact show`: finds the trace, chooses the way to show it, and leaves the showing to show_*.c. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "show.h"
#include "store/find.h"

/* Below this, lines are wrapped by the terminal instead of cut by us. */
#define WIDTH_MIN 40

static struct {
    const char *store;
    const char *event;
    uint32_t raw;
    bool curl;
    bool talk;
    bool tree;
    bool lineage;
    bool as_json;
} asked = {.raw = RN_OPTION_UNCHOSEN};

static const struct rn_option options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--event", RN_OPTION_TEXT, &asked.event, "N",
     "one event in full: 0 the run, g1 a gap, n1 a note"},
    {"--raw", RN_OPTION_CHOICE, &asked.raw, "request|response|head",
     "that part of the event, byte for byte"},
    {"--curl", RN_OPTION_FLAG, &asked.curl, NULL, "the request as a command line for curl"},
    {"--talk", RN_OPTION_FLAG, &asked.talk, NULL, "all that was said, and what each call had new"},
    {"--tree", RN_OPTION_FLAG, &asked.tree, NULL, "each step under what caused it"},
    {"--lineage", RN_OPTION_FLAG, &asked.lineage, NULL, "which text stands verbatim where"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.show/1 or reenact.event/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

struct place {
    bool given;
    enum rn_event_class class;
    uint32_t n;
};

size_t rn_show_width(const struct rn_show *show)
{
    unsigned width = show->screen.width > 0 ? show->screen.width : 120;
    return width > WIDTH_MIN ? width : WIDTH_MIN;
}

const char *rn_show_event_name(enum rn_event_class class, uint32_t n, char out[16])
{
    static const char *const letters[] = {"", "g", "n"};
    (void)snprintf(out, 16, "%s%u", letters[class], n);
    return out;
}

/* "3", "g1", "n1" */
static enum rn_status read_event(const char *text, struct place *place, struct rn_error *error)
{
    uint64_t n = 0;
    struct rn_bytes digits = rn_bytes_text(text);
    place->class = text[0] == 'g' ? RN_CLASS_GAP : text[0] == 'n' ? RN_CLASS_NOTE : RN_CLASS_EVENT;
    if (place->class != RN_CLASS_EVENT) {
        digits = rn_bytes_from(digits, 1);
    }
    if (!rn_bytes_to_u64(digits, &n) || n > RN_TRACE_EVENTS_MAX) {
        return rn_fail(error, RN_INVALID,
                       "--event takes a number, g and a number, or n and a number, not '%s'", text);
    }
    place->n = (uint32_t)n;
    place->given = true;
    return RN_OK;
}

/* TRACE:N and --event N say the same; --raw and --curl may leave it out where there is only one. */
static enum rn_status choose_event(const struct rn_show *show, uint32_t in_name,
                                   struct place *place, struct rn_error *error)
{
    if (asked.event != NULL && in_name != UINT32_MAX) {
        return rn_fail(error, RN_INVALID,
                       "the event is given twice, behind the trace and by --event");
    }
    if (asked.event != NULL) {
        return read_event(asked.event, place, error);
    }
    if (in_name != UINT32_MAX) {
        *place = (struct place){true, RN_CLASS_EVENT, in_name};
    } else if (asked.curl || asked.raw != RN_OPTION_UNCHOSEN) {
        if (show->summary.events != 1) {
            return rn_fail(error, RN_INVALID, "which event? --event N, from 1 to %u",
                           show->summary.events);
        }
        *place = (struct place){true, RN_CLASS_EVENT, 1};
    }
    return RN_OK;
}

static enum rn_status check_event(const struct rn_show *show, const struct place *place,
                                  struct rn_error *error)
{
    char name[16];
    bool present = place->class == RN_CLASS_GAP ? place->n >= 1 && place->n <= show->summary.gaps
                   : place->class == RN_CLASS_NOTE
                       ? place->n >= 1 && place->n <= show->summary.notes
                   : place->n == 0 ? show->summary.has_run
                                   : place->n <= show->summary.events;
    if (present) {
        return RN_OK;
    }
    char id[33];
    rn_trace_id_text(&show->summary.id, id);
    return rn_fail(error, RN_NOTFOUND, "trace %s has no event %s; it has %u%s", id + 24,
                   rn_show_event_name(place->class, place->n, name), show->summary.events,
                   show->summary.has_run ? ", and 0 for the run" : "");
}

/* `3.t1`, `g1` and `n1` are printed beside the numbers, so they are asked for like numbers; they are shown elsewhere. */
static enum rn_status explain_place(const struct rn_show *show, const char *text,
                                    enum rn_status status, struct rn_error *error)
{
    struct rn_trace_id id;
    struct rn_error inner = {.text = ""};
    char trace[128];
    char rest = 0;
    unsigned n = 0;
    unsigned k = 0;
    uint32_t in_name = UINT32_MAX;
    const char *colon = strrchr(text, ':');
    if (status != RN_NOTFOUND || colon == NULL || (size_t)(colon - text) >= sizeof trace) {
        return status;
    }
    (void)snprintf(trace, sizeof trace, "%.*s", (int)(colon - text), text);
    if (rn_find_trace(show->store, trace, &id, &in_name, &inner) != RN_OK) {
        return status;
    }
    if (sscanf(colon, ":%9u.t%9u%c", &n, &k, &rest) == 2) {
        return rn_fail(error, status, "%s was told to %u: `reenact show %s:%u` has it", colon + 1,
                       n, trace, n);
    }
    if (sscanf(colon, ":g%9u%c", &n, &rest) == 1 || sscanf(colon, ":n%9u%c", &n, &rest) == 1) {
        return rn_fail(error, status, "gaps and notes have an option: `reenact show %s --event %s`",
                       trace, colon + 1);
    }
    return rn_fail(error, status, "behind a trace stands the number of an exchange, not '%.40s'",
                   colon + 1);
}

static enum rn_status show_in(struct rn_show *show, const char *text, struct rn_error *error)
{
    struct rn_trace_id id;
    uint32_t in_name = UINT32_MAX;
    struct place place = {false, RN_CLASS_EVENT, 0};
    enum rn_status status = rn_find_trace(show->store, text, &id, &in_name, error);
    status = explain_place(show, text, status, error);
    if (status == RN_OK) {
        status = rn_trace_summary(show->store, &id, &show->arena, &show->summary, error);
    }
    if (status == RN_OK) {
        status = choose_event(show, in_name, &place, error);
    }
    if (status == RN_OK && place.given) {
        status = check_event(show, &place, error);
    }
    if (status != RN_OK) {
        return status;
    }
    if (asked.raw != RN_OPTION_UNCHOSEN || asked.curl) {
        if (place.class != RN_CLASS_EVENT || place.n == 0) {
            return rn_fail(error, RN_INVALID, "--raw and --curl are for exchanges, 1 and up");
        }
        return asked.curl ? rn_show_curl(show, place.n, error)
                          : rn_show_raw(show, place.n, (enum rn_show_raw)asked.raw, error);
    }
    if (place.given && (asked.talk || asked.tree || asked.lineage)) {
        return rn_fail(error, RN_INVALID, "--talk, --tree and --lineage are for a whole trace");
    }
    if (asked.tree || asked.lineage) {
        return asked.tree ? rn_show_tree(show, asked.as_json, error)
                          : rn_show_lineage(show, asked.as_json, error);
    }
    if (place.given) {
        return asked.as_json ? rn_show_event_json(show, place.class, place.n, error)
                             : rn_show_event(show, place.class, place.n, error);
    }
    if (asked.as_json) {
        return rn_show_timeline_json(show, error);
    }
    return asked.talk ? rn_show_timeline(show, error) : rn_show_steps(show, error);
}

static enum rn_status check_words(const struct rn_cli_line *line, struct rn_error *error)
{
    if (line->word_count != 1 || line->rest_count > 0) {
        return rn_fail(error, RN_INVALID,
                       line->word_count == 0
                           ? "which trace? `reenact log` lists them, `last` is the newest"
                           : "takes one TRACE, or TRACE:N for one event");
    }
    int ways = asked.curl + asked.talk + (asked.raw != RN_OPTION_UNCHOSEN);
    if (ways + asked.tree + asked.lineage > 1 || (ways > 0 && asked.as_json)) {
        return rn_fail(error, RN_INVALID,
                       "--raw, --curl, --talk, --tree and --lineage are ways to show, and --json "
                       "goes with the last two or alone; give one");
    }
    return RN_OK;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_show show;
    memset(&show, 0, sizeof show);
    int done = rn_cli_begin(&rn_cmd_show, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    show.screen = rn_screen_of(stdout);
    enum rn_status status = check_words(&line, &error);
    if (status == RN_OK) {
        status = rn_store_open_given(asked.store, RN_STORE_READ, &show.store, &error);
    }
    if (status == RN_OK) {
        status = show_in(&show, line.words[0], &error);
    }
    rn_arena_free(&show.arena);
    rn_store_close(show.store);
    if (status != RN_OK) {
        return rn_cli_complain("show", status == RN_DAMAGED ? RN_EXIT_DIFFERS : RN_EXIT_TROUBLE,
                               &error);
    }
    return show.damaged > 0 ? RN_EXIT_DIFFERS : RN_EXIT_SAME;
}

const struct rn_cli_command rn_cmd_show = {"show",
                                           "show [options] TRACE[:N]",
                                           "show what was asked and answered, call by call",
                                           options,
                                           run,
                                           RN_EXIT_TROUBLE,
                                           NULL};
