/*
 * Text as it reads, for comparing: what a typist, a font or a Markdown habit adds is folded away. Pure;
 * docs/backtest.md ("Comparison") lists what is folded.
 */
#ifndef RN_REPLAYER_FOLD_H
#define RN_REPLAYER_FOLD_H

#include "base/arena.h"

/*
 * ASCII letters in lower case; every run of blanks and line ends one space; invisible characters gone;
 * typographic quotes, dashes and the ellipsis as their ASCII relatives; outside: no blanks, quotes,
 * asterisks, underscores and backticks, and behind the text no . , ; : ! either. Never longer than
 * `text`; bytes that are no UTF-8 stay. In the arena; NULL data when memory ran out.
 */
struct rn_bytes rn_fold(struct rn_arena *arena, struct rn_bytes text);

/* Blank characters of Unicode, line ends included; not the invisible ones. */
bool rn_fold_is_blank(uint32_t point);

/* Whether a folded text begins as refusals do. */
bool rn_fold_refuses(struct rn_bytes folded);

#endif
