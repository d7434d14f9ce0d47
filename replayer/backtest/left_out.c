/* What is not sent again, in a word and in a clause. Who decides it is plan_request.c and plan_make.c. */
#include "backtest.h"

static const char *const texts[RN_LEFT_COUNT][2] = {
    [RN_LEFT_NO_MODEL_CALL] = {"no model call", "no dialect we read asks a model there"},
    [RN_LEFT_TRUNCATED] = {"truncated", "more was said than is kept, or a body was withheld"},
    [RN_LEFT_REDACTED] = {"redacted",
                          "a credential stood in its body or path: what is kept is not what was "
                          "asked"},
    [RN_LEFT_UNREADABLE] = {"unreadable",
                            "it is damaged, or its body is no JSON that can be changed so"},
    [RN_LEFT_UNENDED] = {"unended", "it never got a whole answer, so there is nothing to compare "
                                    "with"},
    [RN_LEFT_STATEFUL] = {"stateful",
                          "it continues what only the recorded provider knows: a response, a "
                          "conversation, a file by its id"},
    [RN_LEFT_RETRIED] = {"retried", "the client repeated it: its last attempt is sent"},
    [RN_LEFT_DIALECT] = {"dialect", "no other model can be asked in its dialect yet"},
};

const char *rn_left_out_name(enum rn_left_out why)
{
    return why < RN_LEFT_COUNT ? texts[why][0] : "";
}

const char *rn_left_out_sentence(enum rn_left_out why)
{
    return why < RN_LEFT_COUNT ? texts[why][1] : "";
}
