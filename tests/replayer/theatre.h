/*
 * A store with recorded exchanges, and a gateway with a replayer on a thread of its own that answers from it. For the tests of
 * replayer/. One theatre at a time.
 */
#ifndef RN_TESTS_THEATRE_H
#define RN_TESTS_THEATRE_H

#include <check.h>

#include "replayer.h"
#include "store/writer.h"

/* One exchange as it is recorded. What is NULL or 0 is taken from the usual. */
struct scene {
    const char *upstream;         /* "openai" */
    const char *method;           /* "POST" */
    const char *target;           /* "/v1/chat" */
    const char *fields;           /* whole lines of the request, "" */
    const char *body;             /* "{}" */
    const char *head;             /* of the answer; a chunked or an announced one by `framing` */
    enum rn_http_framing framing; /* RN_FRAMING_NONE: announced length */
    const char *pieces[8];        /* of the answer; "ok" */
    uint64_t piece_ns[8];         /* since the one before */
    const char *trailers;
    const char *interim;
    enum rn_end end;          /* ended */
    uint64_t since_stamps[8]; /* stamps given since the piece before */
    bool has_stamps;          /* they are recorded */
    uint64_t mono_ns;         /* arrival on the monotonic clock; 0: not recorded */
    uint64_t stamps[3];       /* arrival, first byte, end; zeros: one after the other */
    uint64_t arrived_ns;      /* wall; its arrival stamp in ms where 0 */
    uint64_t connection;      /* 1 */
    bool close;               /* the client did not keep the connection */
    bool no_answer;           /* the client left before a head came */
    uint64_t flags;
    unsigned
        trace; /* 0: the run's, or the first one; others are opened as aliases "one", "two", ... */
};

/* A run of COMMAND in trace 0. */
struct scene_run {
    const char *const *argv; /* NULL: no run */
    const char *output;
    const char *errors;
    const char *input;
    int wait_status;
    bool unfinished; /* no exit status was recorded */
    bool foreign;    /* marked with another user's key */
};

void theatre_open(void);
void theatre_close(void);
const char *theatre_store(void);

/* Records scenes; `run` may be NULL. Returns the id of trace 0 as text (static). */
const char *theatre_record(const struct scene *scenes, size_t count, const struct scene_run *run);
#define THEATRE_RECORD(...)                                                                        \
    theatre_record((const struct scene[]){__VA_ARGS__},                                            \
                   sizeof((const struct scene[]){__VA_ARGS__}) / sizeof(struct scene), NULL)
/* The same with a gap in trace 0, or without closing it. */
void theatre_with_gap(bool with_gap);
void theatre_left_open(bool left_open);

/* Loads what was recorded; theatre_catalog is then filled. */
void theatre_load(void);
struct rn_catalog *theatre_catalog(void);

/* Opens the doors: a gateway and a replayer on their thread. Zeroed settings are bytes and json, recorded order, instant. */
struct theatre_settings {
    unsigned rules;
    enum rn_order order;
    double pace;
    uint64_t patience_ns;
    bool any_order;
};
void theatre_begin(const struct theatre_settings *settings);
/* Ends the thread; what it left can be looked at until theatre_close. */
void theatre_end(void);
struct rn_replayer *theatre_replayer(void);
uint16_t theatre_port(const char *upstream); /* "" for ours */
/* Waits until `question` says yes on the loop's thread. */
void theatre_await(bool (*question)(struct rn_replayer *replayer, uint64_t number),
                   uint64_t number);
bool is_waiting(struct rn_replayer *replayer, uint64_t number);
bool is_served(struct rn_replayer *replayer, uint64_t number);
bool is_asked(struct rn_replayer *replayer, uint64_t number);

/* A connection to a port of an upstream. */
int guest_come(const char *upstream);
/* Sends the request of a scene (as recorded), or raw bytes. */
void guest_ask(int guest, const struct scene *scene);
void guest_send(int guest, const char *bytes);
/* Everything up to `end`, which must come; with a final zero, freed by free(). */
char *guest_read_to(int guest, const char *end);
/* Exactly this comes. */
void guest_expect(int guest, const char *expected);
/* Everything up to the end of the connection. */
char *guest_read_all(int guest);
void guest_leave(int guest);

#endif
