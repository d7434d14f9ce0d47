/*
 * What a user typed, as a plan holds it: the target, edits, the name; and the key that goes with it. Private to replayer/.
 */
#ifndef RN_REPLAYER_PLAN_TARGET_H
#define RN_REPLAYER_PLAN_TARGET_H

#include "plan.h"

/*
 * Splits UPSTREAM/MODEL at the first slash, and finds the URL: of `upstreams` ("NAME=URL"), else of a variable in `environment` that
 * `record` would obey as well (OPENAI_BASE_URL, ...), else the built-in one. RN_INVALID.
 */
enum rn_status rn_plan_aim(struct rn_plan *plan, const char *to, const char *const *upstreams,
                           char *const *environment, struct rn_error *error);
/*
 * Appends the credential for the plan's upstream: the value of `variable`, or of its usual one where that is NULL; nothing where
 * neither is set. `url` is where it goes (NULL: the plan's). RN_REFUSED: `variable` is not set, or the upstream is a public one that wants a key.
 */
enum rn_status rn_plan_credential(const struct rn_plan *plan, const char *url, const char *variable,
                                  char *const *environment, struct rn_buffer *out,
                                  struct rn_error *error);
/*
 * --set, --unset, --rename, in that order. A value that is JSON is taken as such, anything else as a string. RN_INVALID: no place, the model
 * (--to says that), too many; RN_REFUSED: a credential in a value.
 */
enum rn_status rn_plan_edits(struct rn_plan *plan, const struct rn_backtest_settings *settings,
                             struct rn_error *error);
/* [A-Za-z0-9] first, then [A-Za-z0-9._-], at most 63; neither "last" nor 32 hex digits. RN_INVALID. */
enum rn_status rn_plan_check_name(const char *name, struct rn_error *error);
/* RN_REFUSED where a text that would be kept holds the shape of a credential: `what` names it. */
enum rn_status rn_plan_check_text(const char *what, struct rn_bytes text, struct rn_error *error);

#endif
