/*
 * What came of a check for a pull request: one line that says it, then a table of what did not pass. Recorded text stays text: it
 * neither ends a cell nor formats, links or mentions anybody.
 */
#include <string.h>

#include "check_parts.h"
#include "base/utf8.h"

#define TABLE_BYTES_MAX                                                                            \
    ((size_t)50 * 1024)     /* then no further row: a comment on GitHub ends at 65,536 characters */
#define CELL_BYTES_MAX 200u /* of one piece of recorded text */

/* --- text ---------------------------------------------------------------------------------------------------------- */

/*
 * What Markdown or GitHub reads something into becomes a character reference; a backslash would not do inside a table. A colon
 * begins a link only before a slash.
 */
static enum rn_status put_byte(struct rn_buffer *out, uint8_t byte, uint8_t next)
{
    if (byte < 0x20 || byte == 0x7f) {
        return rn_buffer_add_byte(out, ' ');
    }
    return strchr("\\`*_[]<>#|~&@$", byte) != NULL || (byte == ':' && next == '/')
               ? rn_buffer_addf(out, "&#%u;", (unsigned)byte)
               : rn_buffer_add_byte(out, byte);
}

static enum rn_status put_text(struct rn_buffer *out, struct rn_bytes text)
{
    enum rn_status status = RN_OK;
    size_t at = 0;
    while (at < text.len && at < CELL_BYTES_MAX && status == RN_OK) {
        uint32_t point = 0;
        size_t len = rn_utf8_take(text, at, &point);
        if (len == 1) {
            status = put_byte(out, text.data[at], at + 1 < text.len ? text.data[at + 1] : 0);
        } else if (len > 1 && rn_utf8_steers(point)) {
            status = rn_buffer_addf(out, "&#92;u%04x", (unsigned)point);
        } else {
            status = len == 0 ? rn_buffer_add(out, RN_LIT("\xef\xbf\xbd"))
                              : rn_buffer_append(out, text.data + at, len);
        }
        at += len == 0 ? 1 : len;
    }
    return status == RN_OK && at < text.len ? rn_buffer_add(out, RN_LIT("...")) : status;
}

static enum rn_status put(struct rn_buffer *out, const char *before, struct rn_bytes text)
{
    enum rn_status status = rn_buffer_add(out, rn_bytes_text(before));
    return status == RN_OK ? put_text(out, text) : status;
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

/* Place and both sides where there are any, else the sentence. */
static enum rn_status put_difference(struct rn_buffer *out, const struct rn_check_case *one)
{
    enum rn_status status = put(out, "", one->place.len > 0 ? one->place : one->sentence);
    if (status == RN_OK && one->expected.len > 0) {
        status = put(out, "<br>recorded: ", one->expected);
    }
    if (status == RN_OK && one->came.len > 0) {
        status = put(out, "<br>came: ", one->came);
    }
    return status;
}

static enum rn_status put_row(struct rn_buffer *out, const struct rn_check_case *one)
{
    char id[33];
    enum rn_status status = put(out, "| ", rn_bytes_text(rn_check_result_name(one->result)));
    status = status == RN_OK ? put(out, " | ", rn_check_label(one, id)) : status;
    status = status == RN_OK ? rn_buffer_add(out, RN_LIT(" | ")) : status;
    status = status == RN_OK ? put_difference(out, one) : status;
    status = status == RN_OK ? put(out, " | ", one->cause) : status;
    return status == RN_OK ? rn_buffer_add(out, RN_LIT(" |\n")) : status;
}

static enum rn_status put_table(struct rn_buffer *out, const struct rn_check_outcome *outcome)
{
    size_t begin = out->len;
    size_t left = 0;
    enum rn_status status = rn_buffer_add(
        out, RN_LIT("\n| result | trace | first difference | cause |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < outcome->count && status == RN_OK; i++) {
        if (outcome->cases[i].result == RN_CHECK_REPRODUCED) {
            continue;
        }
        if (left == 0 && out->len - begin < TABLE_BYTES_MAX) {
            status = put_row(out, &outcome->cases[i]);
        } else {
            left++;
        }
    }
    return status == RN_OK && left > 0
               ? rn_buffer_addf(out, "\n%zu more are in the JSON document.\n", left)
               : status;
}

/* "**rc1: 6 of 8 reproduced**, 2 diverged; root 1a2b3c4d5e6f, bypasses not observed" */
static enum rn_status put_summary(struct rn_buffer *out, const struct rn_check_outcome *outcome)
{
    char root[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(outcome->root, sizeof outcome->root), root);
    enum rn_status status = put(out, "**", outcome->name);
    if (status == RN_OK) {
        status = rn_buffer_addf(out, ": %zu of %zu reproduced**",
                                outcome->by_result[RN_CHECK_REPRODUCED], outcome->count);
    }
    for (int result = RN_CHECK_DIVERGED; result <= RN_CHECK_TROUBLE && status == RN_OK; result++) {
        if (outcome->by_result[result] > 0) {
            status = rn_buffer_addf(out, ", %zu %s", outcome->by_result[result],
                                    rn_check_result_name((enum rn_check_result)result));
        }
    }
    if (status == RN_OK && outcome->signal_number != 0) {
        status = rn_buffer_add(out, RN_LIT(", interrupted"));
    }
    return status == RN_OK ? rn_buffer_addf(out, "; root %.12s, bypasses not observed%s\n", root,
                                            outcome->ignored_output ? ", output not compared" : "")
                           : status;
}

enum rn_status rn_check_markdown(const struct rn_check_outcome *outcome, struct rn_buffer *out)
{
    enum rn_status status = put_summary(out, outcome);
    return status == RN_OK && outcome->by_result[RN_CHECK_REPRODUCED] < outcome->count
               ? put_table(out, outcome)
               : status;
}
