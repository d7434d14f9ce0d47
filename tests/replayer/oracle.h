/*
 * A model server for the tests of backtests: threads, keep-alive, and a script that says what is answered to question N the Mth time. A
 * question is the number behind "question " in a request's body.
 */
#ifndef RN_TESTS_ORACLE_H
#define RN_TESTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_QUESTIONS_MAX 4096

/* What is answered. Zeroed: 200 with a chat completion of 10 tokens in and 5 out. */
struct oracle_word {
    unsigned status;
    const char *fields; /* whole lines */
    const char *body;
    bool cut;  /* the connection ends within the body */
    bool mute; /* it ends without an answer */
    bool hang; /* nothing more comes until the peer leaves or oracle_open_gate */
};

typedef void oracle_script(void *self, unsigned question, unsigned time, struct oracle_word *word);

/* `script` may be NULL; it is called by many threads, one at a time. */
void oracle_start(oracle_script *script, void *self);
void oracle_stop(void);
uint16_t oracle_port(void);
void oracle_open_gate(void);
/* How often question N was asked; how often any was; how many were open at once at most. */
unsigned oracle_times(unsigned question);
unsigned oracle_asked(void);
unsigned oracle_peak(void);
void oracle_forget(void);
/* The same as oracle_asked, for scripts: they are called with the lock held. */
unsigned oracle_asked_in_script(void);
/* The last request, head and body, lent until the next one. */
const char *oracle_last(void);

#endif
