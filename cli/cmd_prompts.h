/* The parts of `reenact prompts`, and what they share with it. */
#ifndef RN_CLI_CMD_PROMPTS_H
#define RN_CLI_CMD_PROMPTS_H

#include <jansson.h>

#include "options.h"
#include "replayer/prompts.h"

extern const struct rn_cli_command rn_cmd_prompts_show;
extern const struct rn_cli_command rn_cmd_prompts_diff;

/* The store that `path` names, its facts brought up. */
enum rn_status rn_prompts_open(const char *path, struct rn_store **store, struct rn_error *error);
/* Complains where there is something to complain of, closes the store and returns the exit status. */
int rn_prompts_finish(const char *command, struct rn_store *store, enum rn_status status,
                      const struct rn_error *error);
/* The key's text in `out`, or "none". */
const char *rn_prompts_key_words(const struct rn_prompt_key *key,
                                 char out[2 * RN_PROMPT_KEY_BYTES + 1]);
/* Members of documents; none is null. */
void rn_prompts_put_key(json_t *object, const char *name, const struct rn_prompt_key *key);
void rn_prompts_put_place(json_t *object, const char *name, const struct rn_prompt_place *place);

#endif
