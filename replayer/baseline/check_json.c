/* What came of a check as a document, reenact.check/1. */
#include "check_parts.h"
#include "members.h"

static json_t *counts_of(const struct rn_check_outcome *outcome)
{
    json_t *counts = json_object();
    for (int result = RN_CHECK_REPRODUCED; result <= RN_CHECK_TROUBLE; result++) {
        rn_member_count(counts, rn_check_result_name((enum rn_check_result)result),
                        outcome->by_result[result]);
    }
    return counts;
}

static json_t *case_of(const struct rn_check_case *one)
{
    const struct {
        const char *name;
        struct rn_bytes text;
    } texts[] = {{"verdict", one->verdict},   {"sentence", one->sentence}, {"place", one->place},
                 {"expected", one->expected}, {"came", one->came},         {"cause", one->cause},
                 {"advice", one->advice}};
    json_t *object = json_object();
    rn_member_id(object, "trace", &one->id);
    rn_member_bytes(object, "name", one->name);
    rn_member_text(object, "result", rn_check_result_name(one->result));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rn_member_bytes(object, texts[i].name, texts[i].text);
    }
    rn_member_u64(object, "wall_ns", one->wall_ns);
    return object;
}

enum rn_status rn_check_json(const struct rn_check_outcome *outcome, struct rn_buffer *out)
{
    json_t *document = rn_members_new("reenact.check/1");
    json_t *cases = json_array();
    for (size_t i = 0; i < outcome->count; i++) {
        rn_member_of_list(cases, case_of(&outcome->cases[i]));
    }
    rn_member_bytes(document, "baseline", outcome->name);
    rn_member_digest(document, "root", outcome->root);
    rn_member_count(document, "exit", (uint64_t)rn_check_exit(outcome));
    rn_member_count(document, "signal", (uint64_t)outcome->signal_number);
    rn_member_text(document, "bypasses", "not observed");
    rn_member_text(document, "output", outcome->ignored_output ? "not compared" : "compared");
    rn_member(document, "counts", counts_of(outcome));
    rn_member_u64(document, "wall_ns", outcome->wall_ns);
    rn_member(document, "cases", cases);
    return rn_members_print(document, out);
}
