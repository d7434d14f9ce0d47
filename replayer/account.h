/*
 * What came of a replay: counts, the first divergence, the verdict, all into the outcome (DESIGN 6.5). Private to replayer/.
 */
#ifndef RN_REPLAYER_ACCOUNT_H
#define RN_REPLAYER_ACCOUNT_H

#include "rerun.h"
#include "drive.h"
#include "self.h"
#include "verdict.h"

struct rn_account {
    const struct rn_replay_settings *settings;
    enum rn_replay_mode mode;
    struct rn_catalog *catalog;
    const struct rn_replayer *replayer; /* NULL: it did not come to a replay */
    const struct rn_rerun *rerun;
    bool ports_moved; /* recorded ports were taken by others */
    const struct rn_self *self;
    const struct rn_drive *drive;
        /* NULL unless the application was driven */ /* NULL unless replayed against itself */
    struct rn_redactor *redactor;
    struct rn_gateway_counts gateway;
};

/* Fills the outcome (its texts in its arena) and `facts`. RN_NOMEM. */
enum rn_status rn_account_close(const struct rn_account *account, struct rn_verdict_facts *facts,
                                struct rn_replay_outcome *outcome);

#endif
