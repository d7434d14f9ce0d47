/*
 * What record, serve and replay share about ports: checking the words, and printing the exports that point a client at them.
 */
#ifndef RN_CLI_PORTS_H
#define RN_CLI_PORTS_H

#include "gateway/environment.h"
#include "options.h"

/* Every NAME=PORT has a port from 1 to 65535, and so has `listen` (0: none given). */
enum rn_status rn_ports_check(const struct rn_option_list *ports, uint64_t listen,
                              struct rn_error *error);
/* Every element is KEY=VALUE with a key. */
enum rn_status rn_pairs_check(const char *option, const struct rn_option_list *list,
                              struct rn_error *error);

/*
 * Appends "export NAME=value" lines for the gateway at `url`: REENACT_URL and every variable of the plan of DESIGN 5.2, with
 * an upstream's own port where it has one, else the path /NAME of `url`.
 */
enum rn_status rn_ports_exports(struct rn_buffer *out, const char *url, const struct rn_port *ports,
                                size_t port_count, const struct rn_environment *plan);

/* Appends "export NAME=value" for each entry of `environment` that `base` does not have like this. */
enum rn_status rn_ports_changes(struct rn_buffer *out, char *const *environment, char *const *base);

#endif
