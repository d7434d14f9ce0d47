/*
 * The environment a command is run in: which variables point a client library at which of our ports.
 *
 * A plan is a list of variables with templates. `{openai}` stands for the URL of that upstream's own port
 * ("http://127.0.0.1:4711"), `{ollama|authority}` for "127.0.0.1:4711", `{db|host}` and `{db|port}` for the halves, and `{}`
 * for the URL of the port with our paths. The plan is made when recording, stored with the run, and used again on replay, so
 * that a client sees the very paths it would see live.
 */
#ifndef RN_GATEWAY_ENVIRONMENT_H
#define RN_GATEWAY_ENVIRONMENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "gateway/upstream.h"

struct rn_variable {
    struct rn_variable *next;
    struct rn_bytes name;     /* with a final zero behind it */
    struct rn_bytes template; /* likewise */
};

/* An upstream that some template names; each stands once in a plan. */
struct rn_variable_upstream {
    struct rn_variable_upstream *next;
    const char *name;
    const char *origin; /* what a variable made it, with userinfo; NULL where none did */
};

/* Everything lives in `arena`; a zeroed struct is an empty plan, rn_environment_free ends it. */
struct rn_environment {
    struct rn_arena arena;
    struct rn_variable *first;
    struct rn_variable *last;
    struct rn_variable_upstream *upstreams;
};
void rn_environment_free(struct rn_environment *plan);
enum rn_status rn_environment_set(struct rn_environment *plan, struct rn_bytes name,
                                  struct rn_bytes template);

/*
 * The plan for `record`: the variables of DESIGN 5.2. One that is already set in `environment` makes its value the upstream
 * (origin becomes the upstream's URL, its path stays in the template); other variables of that upstream then stay unset.
 * `wraps` are VAR or HOSTVAR,PORTVAR (NULL-terminated or
 * NULL); their upstream is named after the variable (QDRANT_URL: qdrant). RN_INVALID with a sentence, which repeats no
 * credential: a wrapped variable that is not set, no URL, or a name that is taken by another URL.
 */
enum rn_status rn_environment_plan(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                   char *const *environment, const char *const *wraps,
                                   struct rn_error *error);

/* Which port is whose: NULL name for the port with our paths. */
struct rn_port {
    const char *upstream;
    uint16_t port;
};

/*
 * A new environment: `base` with the plan's variables filled in, NO_PROXY and no_proxy extended by 127.0.0.1 and localhost, and
 * `extra` ("NAME=value", NULL-terminated or NULL) set. NULL-terminated; freed by rn_environment_drop. NULL: out of memory.
 */
char **rn_environment_build(const struct rn_environment *plan, const struct rn_port *ports,
                            size_t port_count, char *const *base, const char *const *extra);
void rn_environment_drop(char **environment);

/* The form RN_TAG_VARIABLES holds: pairs of runs. */
enum rn_status rn_environment_encode(const struct rn_environment *plan, struct rn_buffer *out);
enum rn_status rn_environment_decode(struct rn_bytes in, struct rn_environment *plan);

/* Whether a variable of that name holds a credential by its name (..._KEY, ..._TOKEN, ..._SECRET, ...PASSWORD...). */
bool rn_environment_is_credential(struct rn_bytes name);
/* The value of NAME in an environment, or NULL. */
const char *rn_environment_get(char *const *environment, const char *name);

#endif
