/*
 * Where a replay takes place: our listening ports and the environment that points an application at them (DESIGN 6.1).
 * Private to replayer/.
 */
#ifndef RN_REPLAYER_VENUE_H
#define RN_REPLAYER_VENUE_H

#include "catalog.h"
#include "gateway/environment.h"
#include "gateway/gateway.h"

#define RN_VENUE_PORTS_MAX 128u

/* A zeroed struct is an empty venue. */
struct rn_venue {
    struct rn_arena arena;
    struct rn_environment plan;
    struct rn_port ports[RN_VENUE_PORTS_MAX]; /* the first one is ours, with "" for a name */
    size_t port_count;
    const char
        *term;  /* set it before the environment is built: TERM of COMMAND's terminal; NULL: ours */
    bool fresh; /* set it before listening: recorded ports are not asked for */
    bool moved; /* a recorded port was taken, so another one was given */
};
void rn_venue_free(struct rn_venue *venue);

/*
 * The variables of the recorded run, or, where there is none, those that recording would set now in `environment`. A loop is
 * needed for the second.
 */
enum rn_status rn_venue_plan(struct rn_venue *venue, const struct rn_catalog *catalog,
                             char *const *environment, struct rn_loop *loop,
                             struct rn_error *error);
/*
 * Opens the port with our paths (`port`, else the recorded one where it is free, else any), the recorded ports of upstreams
 * where they are free (with `fresh` any), and one for every other upstream that the plan or the recording names.
 */
enum rn_status rn_venue_listen(struct rn_venue *venue, struct rn_gateway *gateway,
                               const struct rn_catalog *catalog, uint16_t port,
                               struct rn_error *error);
/*
 * `base` with the plan filled in, REENACT_URL, the recorded REENACT_TRACE and TRACEPARENT, and a placeholder for every key
 * that was set when recorded and is not set in `known`. By rn_environment_drop; NULL: out of memory.
 */
char **rn_venue_environment(struct rn_venue *venue, const struct rn_catalog *catalog,
                            char *const *base, char *const *known);
/* "http://127.0.0.1:PORT" of the port with our paths. */
void rn_venue_url(const struct rn_venue *venue, char out[40]);
/* The port of an upstream's own, or 0. */
uint16_t rn_venue_port(const struct rn_venue *venue, struct rn_bytes upstream);

#endif
