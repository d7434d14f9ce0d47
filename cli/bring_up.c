/* Progress of facts on a terminal, a few times a second. */
#include "bring_up.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "screen.h"

#define SHOWN_EVERY_NS UINT64_C(200000000)

struct watching {
    uint64_t shown_ns;
    bool has_shown;
};

static bool show(void *self, uint64_t done, uint64_t of)
{
    struct watching *watching = self;
    char text[96];
    uint64_t now = rn_clock_mono_ns();
    if (now - watching->shown_ns >= SHOWN_EVERY_NS && done < of) {
        (void)snprintf(text, sizeof text,
                       "reading what was recorded: %" PRIu64 " of %" PRIu64 " rows", done, of);
        rn_screen_progress(text);
        watching->shown_ns = now;
        watching->has_shown = true;
    }
    return true;
}

/* A store that takes no facts can be read all the same: then every event is opened, which takes longer. */
static enum rn_status go_on_reading(enum rn_status status, const struct rn_error *error)
{
    if (status != RN_FULL && status != RN_REFUSED) {
        return status;
    }
    (void)fprintf(stderr, "%s; what was recorded is read anew each time until there is room\n",
                  error->text);
    return RN_OK;
}

enum rn_status rn_cli_bring_up(struct rn_store *store, bool again, struct rn_error *error)
{
    struct watching watching = {.shown_ns = rn_clock_mono_ns()};
    enum rn_status status = again ? rn_facts_rebuild(store, show, &watching, error)
                                  : rn_facts_bring_up(store, show, &watching, error);
    if (watching.has_shown) {
        rn_screen_progress_end();
    }
    return again ? status : go_on_reading(status, error);
}
