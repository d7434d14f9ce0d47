/*
 * `reenact tag` and `reenact note`: what somebody says of a trace afterwards. Neither changes what was recorded, nor a digest; a frozen
 * trace and one that is still being recorded take them as well.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "commands.h"
#include "human.h"
#include "no_store.h"
#include "ports.h"
#include "printable.h"
#include "screen.h"
#include "store/copy.h"
#include "store/find.h"

#define NOTE_BYTES_MAX ((size_t)64 * 1024)

static struct {
    const char *store;
    struct rn_option_list removed;
} asked;

/* --- the trace ------------------------------------------------------------------------------------------------------ */

static enum rn_status find(struct rn_store *store, const char *text, struct rn_trace_id *id,
                           struct rn_error *error)
{
    uint32_t event = UINT32_MAX;
    enum rn_status status = rn_find_trace(store, text, id, &event, error);
    if (status == RN_OK && event != UINT32_MAX) {
        return rn_fail(error, RN_INVALID,
                       "'%.100s' names an event; tags and notes are of a whole trace", text);
    }
    return status;
}

static int finish(const char *command, struct rn_store *store, enum rn_status status,
                  const struct rn_error *error)
{
    int code = status == RN_OK ? RN_EXIT_SAME
               : store == NULL ? rn_cli_complain_store(command, error)
                               : rn_cli_complain(command, RN_EXIT_TROUBLE, error);
    rn_store_close(store);
    return code;
}

/* --- tag ------------------------------------------------------------------------------------------------------------ */

static const struct rn_option tag_options[] = {
    {"--remove", RN_OPTION_LIST, &asked.removed, "KEY", "take this tag away; may be given often"},
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to change ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status check_tags(const struct rn_cli_line *line, struct rn_error *error)
{
    struct rn_option_list given = {.count = 0};
    for (int i = 1; i < line->word_count && given.count < RN_OPTION_VALUES_MAX; i++) {
        given.at[given.count++] = line->words[i];
    }
    if (line->word_count == 0 || line->rest_count > 0) {
        return rn_fail(error, RN_INVALID, "which trace? `reenact log` lists them");
    }
    if ((unsigned)line->word_count - 1 + asked.removed.count > RN_OPTION_VALUES_MAX) {
        return rn_fail(error, RN_INVALID, "takes up to %d tags at once", RN_OPTION_VALUES_MAX);
    }
    if (given.count + asked.removed.count == 0) {
        return rn_fail(error, RN_INVALID, "which tag? give KEY=VALUE, or --remove KEY");
    }
    for (unsigned i = 0; i < asked.removed.count; i++) {
        if (asked.removed.at[i][0] == '\0' || strchr(asked.removed.at[i], '=') != NULL) {
            return rn_fail(error, RN_INVALID, "--remove takes the KEY alone, not '%.100s'",
                           asked.removed.at[i]);
        }
    }
    return rn_pairs_check("a tag", &given, error);
}

/* Those taken away first: a key that is given as well is then set. */
static enum rn_status change(struct rn_store *store, const struct rn_trace_id *id,
                             const struct rn_cli_line *line, struct rn_error *error)
{
    const char *changes[RN_OPTION_VALUES_MAX + 1];
    size_t count = 0;
    for (unsigned i = 0; i < asked.removed.count; i++) {
        changes[count++] = asked.removed.at[i];
    }
    for (int i = 1; i < line->word_count; i++) {
        changes[count++] = line->words[i];
    }
    changes[count] = NULL;
    return rn_trace_tag(store, id, changes, error);
}

/* "5f3a91c2: team=blue, case=7": what it has now, without the credentials that were in it. */
static enum rn_status tell_tags(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_buffer line = {0};
    struct rn_bytes tag;
    char text[33];
    bool is_first = true;
    rn_trace_id_text(id, text);
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    if (status != RN_OK) {
        rn_arena_free(&arena);
        return status;
    }
    status = rn_buffer_addf(&line, "%s:%s", text + 24, summary.tags.len == 0 ? " no tags" : "");
    while (status == RN_OK && rn_run_get(&summary.tags, &tag)) {
        status = rn_buffer_addf(&line, "%s", is_first ? " " : ", ");
        status = status == RN_OK ? rn_printable(&line, tag, RN_PRINTABLE_LINE) : status;
        is_first = false;
    }
    status = status == RN_OK ? rn_buffer_add_byte(&line, '\n') : status;
    status = status == RN_OK ? RN_OK : rn_fail(error, status, "out of memory");
    if (status == RN_OK && !rn_screen_put(stdout, &line)) {
        status = rn_fail(error, RN_IO, "cannot print");
    }
    rn_buffer_free(&line);
    rn_arena_free(&arena);
    return status;
}

static int run_tag(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_trace_id id;
    int done = rn_cli_begin(&rn_cmd_tag, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = check_tags(&line, &error);
    if (status != RN_OK) {
        return rn_cli_complain("tag", RN_EXIT_TROUBLE, &error);
    }
    status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    status = status == RN_OK ? find(store, line.words[0], &id, &error) : status;
    status = status == RN_OK ? change(store, &id, &line, &error) : status;
    status = status == RN_OK ? tell_tags(store, &id, &error) : status;
    return finish("tag", store, status, &error);
}

const struct rn_cli_command rn_cmd_tag = {"tag",
                                          "tag [options] TRACE [KEY=VALUE...]",
                                          "give a trace labels, to be selected by",
                                          tag_options,
                                          run_tag,
                                          RN_EXIT_TROUBLE,
                                          NULL};

/* --- note ----------------------------------------------------------------------------------------------------------- */

static const struct rn_option note_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to change ($REENACT_STORE, else .reenact)"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status check_note(const struct rn_cli_line *line, struct rn_error *error)
{
    if (line->word_count == 0 || line->rest_count > 0) {
        return rn_fail(error, RN_INVALID, "which trace? `reenact log` lists them");
    }
    if (line->word_count != 2) {
        return rn_fail(error, RN_INVALID,
                       line->word_count == 1 ? "what is to be noted? give TRACE and TEXT"
                                             : "takes one TEXT: put quotes around it");
    }
    size_t len = strlen(line->words[1]);
    if (len == 0 || len > NOTE_BYTES_MAX) {
        return rn_fail(error, RN_INVALID,
                       len == 0 ? "the note is empty" : "the note is longer than 64 KiB");
    }
    return RN_OK;
}

static enum rn_status tell_note(struct rn_store *store, const struct rn_trace_id *id,
                                struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    char text[33];
    rn_trace_id_text(id, text);
    enum rn_status status = rn_trace_summary(store, id, &arena, &summary, error);
    if (status == RN_OK) {
        struct rn_human count;
        (void)printf("%s: %s\n", text + 24, rn_human_count(&count, summary.notes, "note", "notes"));
    }
    rn_arena_free(&arena);
    return status;
}

static int run_note(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_store *store = NULL;
    struct rn_trace_id id;
    int done = rn_cli_begin(&rn_cmd_note, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    enum rn_status status = check_note(&line, &error);
    if (status != RN_OK) {
        return rn_cli_complain("note", RN_EXIT_TROUBLE, &error);
    }
    status = rn_store_open_given(asked.store, RN_STORE_READ, &store, &error);
    status = status == RN_OK ? find(store, line.words[0], &id, &error) : status;
    status = status == RN_OK ? rn_trace_add_note(store, &id, rn_bytes_text(line.words[1]), &error)
                             : status;
    status = status == RN_OK ? tell_note(store, &id, &error) : status;
    return finish("note", store, status, &error);
}

const struct rn_cli_command rn_cmd_note = {"note",
                                           "note [options] TRACE TEXT",
                                           "write a remark beside a trace",
                                           note_options,
                                           run_note,
                                           RN_EXIT_TROUBLE,
                                           NULL};
