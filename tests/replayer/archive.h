/*
 * A store of recorded calls at a path of its own, for tests that ask it by that path. Header only: each test binary has its own copy.
 */
#ifndef RN_TESTS_ARCHIVE_H
#define RN_TESTS_ARCHIVE_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"
#include "store/room.h"
#include "store/traces.h"

static struct room room;
static char store_path[PATH_MAX];
static struct rn_error error;

static inline void archive_open(void)
{
    room_open(&room);
    setenv("XDG_CONFIG_HOME", room.path, 1);
    snprintf(store_path, sizeof store_path, "%s", room_file(&room, "store"));
    error = (struct rn_error){.text = ""};
}

static inline void archive_close(void)
{
    room_close(&room);
}

/* Waits, without a clock, until the writer gave back so many entries, all of them good. */
static inline void archive_collect(struct maker *maker, uint32_t count)
{
    while (count > 0) {
        const struct rn_entry *back = rn_writer_collect(maker->writer);
        ck_assert(back == NULL || back->status == RN_OK);
        count -= back != NULL;
        pthread_mutex_lock(&maker->lock);
        while (back == NULL && !maker->is_woken) {
            pthread_cond_wait(&maker->woken, &maker->lock);
        }
        maker->is_woken = back != NULL && maker->is_woken;
        pthread_mutex_unlock(&maker->lock);
    }
}

/* All events of one trace, committed together; what they are made of is freed. */
static inline void archive_record(const struct rn_recording_settings *settings,
                                  struct made_call *made, uint32_t count)
{
    struct maker maker;
    struct rn_entry *entries = calloc(count, sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    maker_open(&maker, store_path);
    struct rn_recording *trace = rn_recording_open(maker.writer, settings, NULL);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] =
            (struct rn_entry){.kind = RN_ENTRY_EVENT, .trace = trace, .event = made[i].event};
        rn_writer_submit(maker.writer, &entries[i]);
    }
    archive_collect(&maker, count);
    maker_end(&maker, trace);
    maker_close(&maker);
    for (uint32_t i = 0; i < count; i++) {
        rn_arena_free(&made[i].arena);
    }
    free(entries);
}

#endif
