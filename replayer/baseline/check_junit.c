/*
 * What came of a check as a JUnit suite: a trace is a test. Diverged is a failure; trouble and what could not be compared are errors, because a
 * test that is skipped counts as passed wherever such files are shown.
 */
#include <inttypes.h>

#include "check_parts.h"
#include "markup.h"

static enum rn_status put_seconds(struct rn_buffer *out, uint64_t ns)
{
    return rn_buffer_addf(out, "%" PRIu64 ".%03" PRIu64, ns / 1000000000u, ns / 1000000u % 1000u);
}

/* `before` is ours, `text` anybody's. */
static enum rn_status put(struct rn_buffer *out, const char *before, struct rn_bytes text)
{
    enum rn_status status = rn_buffer_add(out, rn_bytes_text(before));
    return status == RN_OK ? rn_markup_text(out, text) : status;
}

/* The findings, one to a line. */
static enum rn_status put_findings(struct rn_buffer *out, const struct rn_check_case *one)
{
    const struct {
        const char *label;
        struct rn_bytes text;
    } lines[] = {{"where: ", one->place},
                 {"expected: ", one->expected},
                 {"came: ", one->came},
                 {"cause: ", one->cause},
                 {"try: ", one->advice}};
    enum rn_status status = put(out, "", one->sentence);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && status == RN_OK; i++) {
        if (lines[i].text.len > 0) {
            status = put(out, "\n", rn_bytes_text(lines[i].label));
            status = status == RN_OK ? put(out, "", lines[i].text) : status;
        }
    }
    return status;
}

static enum rn_status put_trouble(struct rn_buffer *out, const struct rn_check_case *one)
{
    const char *element = one->result == RN_CHECK_DIVERGED ? "failure" : "error";
    struct rn_bytes message = one->cause.len > 0 ? one->cause : one->sentence;
    enum rn_status status =
        rn_buffer_addf(out, ">\n      <%s type=\"%s\"", element, rn_check_result_name(one->result));
    status = status == RN_OK ? put(out, " message=\"", message) : status;
    status = status == RN_OK ? put(out, "\">", rn_bytes_of(NULL, 0)) : status;
    status = status == RN_OK ? put_findings(out, one) : status;
    return status == RN_OK ? rn_buffer_addf(out, "</%s>\n    </testcase>\n", element) : status;
}

static enum rn_status put_case(struct rn_buffer *out, const struct rn_check_outcome *outcome,
                               const struct rn_check_case *one)
{
    char id[33];
    enum rn_status status = put(out, "    <testcase classname=\"reenact.check.", outcome->name);
    status = status == RN_OK ? put(out, "\" name=\"", rn_check_label(one, id)) : status;
    status = status == RN_OK ? put(out, "\" time=\"", rn_bytes_of(NULL, 0)) : status;
    status = status == RN_OK ? put_seconds(out, one->wall_ns) : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '"') : status;
    if (status != RN_OK) {
        return status;
    }
    return one->result == RN_CHECK_REPRODUCED ? rn_buffer_add(out, RN_LIT("/>\n"))
                                              : put_trouble(out, one);
}

/* The same for <testsuites> and <testsuite>. */
static enum rn_status put_sums(struct rn_buffer *out, const struct rn_check_outcome *outcome)
{
    enum rn_status status = put(out, " name=\"reenact baseline check ", outcome->name);
    if (status == RN_OK) {
        status = rn_buffer_addf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"",
                                outcome->count, outcome->by_result[RN_CHECK_DIVERGED],
                                outcome->by_result[RN_CHECK_INCOMPARABLE] +
                                    outcome->by_result[RN_CHECK_TROUBLE]);
    }
    status = status == RN_OK ? put_seconds(out, outcome->wall_ns) : status;
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\">\n")) : status;
}

enum rn_status rn_check_junit(const struct rn_check_outcome *outcome, struct rn_buffer *out)
{
    enum rn_status status =
        rn_buffer_add(out, RN_LIT("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites"));
    status = status == RN_OK ? put_sums(out, outcome) : status;
    status = status == RN_OK ? rn_buffer_add(out, RN_LIT("  <testsuite")) : status;
    status = status == RN_OK ? put_sums(out, outcome) : status;
    if (status == RN_OK && outcome->ignored_output) {
        status = rn_buffer_add(out, RN_LIT("    <properties>\n      <property name=\"output\" "
                                           "value=\"not compared\"/>\n    </properties>\n"));
    }
    for (size_t i = 0; i < outcome->count && status == RN_OK; i++) {
        status = put_case(out, outcome, &outcome->cases[i]);
    }
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("  </testsuite>\n</testsuites>\n")) : status;
}
