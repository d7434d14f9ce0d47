/*
 * --fail-if: a small expression is parsed into a tree and judged with three values.
 *
 * "unknown" is what a comparison is when nothing was measured for its metric. It goes through "not"
 * unchanged and yields only where the other side decides alone (Kleene's logic), so that missing evidence
 * never becomes a pass. docs/backtest.md has the grammar and the table.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "metric.h"

#define DEPTH_MAX 64u
#define DIGITS_MAX 15u /* so many are exact in a double */

enum node_kind { NODE_COMPARE, NODE_NOT, NODE_AND, NODE_OR };
enum operation { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, UNEQUAL };

struct node {
    enum node_kind kind;
    struct node *left; /* of NODE_NOT the only one */
    struct node *right;
    const struct rn_metric *metric;
    enum operation operation;
    double number;
};

struct rn_condition {
    struct rn_arena arena;
    struct node *root;
};

/* --- reading ------------------------------------------------------------------------------------------------------- */

struct parser {
    struct rn_arena *arena;
    struct rn_bytes text;
    size_t at;
    unsigned depth;
    struct rn_error *error;
    enum rn_status status; /* the first trouble; what follows does nothing */
};

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->text.len && parser->text.data[parser->at] != 0 &&
           strchr(" \t\r\n", parser->text.data[parser->at]) != NULL) {
        parser->at++;
    }
}

static void *expected(struct parser *parser, const char *what)
{
    struct rn_bytes rest = rn_bytes_sub(parser->text, parser->at, 24);
    if (parser->status == RN_OK) {
        parser->status =
            rest.len == 0
                ? rn_fail(parser->error, RN_INVALID, "--fail-if ends where %s is expected.", what)
                : rn_fail(parser->error, RN_INVALID,
                          "--fail-if: at character %zu %s is expected, not \"%.*s\".",
                          parser->at + 1, what, (int)rest.len, (const char *)rest.data);
    }
    return NULL;
}

static bool is_letter(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

/* The word at the place, which is not moved. */
static struct rn_bytes word_at(const struct parser *parser)
{
    size_t end = parser->at;
    while (end < parser->text.len && is_letter(parser->text.data[end])) {
        end++;
    }
    return rn_bytes_sub(parser->text, parser->at, end - parser->at);
}

static bool take_word(struct parser *parser, const char *word)
{
    skip_blanks(parser);
    bool found = rn_bytes_equal_nocase(word_at(parser), rn_bytes_text(word));
    parser->at += found ? strlen(word) : 0;
    return found;
}

static bool take(struct parser *parser, const char *text)
{
    skip_blanks(parser);
    bool found = rn_bytes_starts_with(rn_bytes_from(parser->text, parser->at), rn_bytes_text(text));
    parser->at += found ? strlen(text) : 0;
    return found;
}

static struct node *node_of(struct parser *parser, enum node_kind kind, struct node *left,
                            struct node *right)
{
    struct node *node =
        parser->status == RN_OK ? rn_arena_alloc(parser->arena, sizeof *node) : NULL;
    if (node == NULL) {
        parser->status = parser->status == RN_OK ? RN_NOMEM : parser->status;
        return NULL;
    }
    *node = (struct node){.kind = kind, .left = left, .right = right};
    return node;
}

/* --- comparisons --------------------------------------------------------------------------------------------------- */

static const struct rn_metric *read_metric(struct parser *parser)
{
    skip_blanks(parser);
    struct rn_bytes word = word_at(parser);
    const struct rn_metric *metric = rn_metric_find(word);
    if (metric != NULL) {
        parser->at += word.len;
        return metric;
    }
    /* A name that begins alike is probably meant. */
    for (size_t len = word.len; len > 2; len--) {
        for (size_t i = 0; rn_metric_at(i) != NULL; i++) {
            struct rn_bytes name = rn_bytes_text(rn_metric_at(i)->name);
            if (rn_bytes_starts_with(name, rn_bytes_sub(word, 0, len))) {
                char what[128];
                (void)snprintf(what, sizeof what, "a metric (%s, perhaps)", rn_metric_at(i)->name);
                return expected(parser, what);
            }
        }
    }
    return expected(parser, "a metric, \"not\" or \"(\"");
}

static enum operation read_operation(struct parser *parser)
{
    static const struct {
        const char *text;
        enum operation operation;
    } operations[] = {{"<=", LESS_EQUAL}, {"<", LESS},   {">=", GREATER_EQUAL},
                      {">", GREATER},     {"==", EQUAL}, {"!=", UNEQUAL}};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (take(parser, operations[i].text)) {
            return operations[i].operation;
        }
    }
    (void)expected(parser, "one of < <= > >= == !=");
    return LESS;
}

/* Decimal digits with at most one point: value times 10^scale, exactly. */
static bool read_digits(struct parser *parser, double *value, unsigned *scale)
{
    unsigned digits = 0;
    bool point = false;
    *value = 0;
    *scale = 0;
    while (parser->at < parser->text.len) {
        uint8_t byte = parser->text.data[parser->at];
        if (byte == '.' && !point && digits > 0) {
            point = true;
        } else if (byte >= '0' && byte <= '9' && digits < DIGITS_MAX) {
            *value = *value * 10 + (byte - '0');
            *scale += point;
            digits++;
        } else {
            break;
        }
        parser->at++;
    }
    bool more = parser->at < parser->text.len && parser->text.data[parser->at] >= '0' &&
                parser->text.data[parser->at] <= '9';
    bool dangling = digits > 0 && parser->text.data[parser->at - 1] == '.';
    return digits > 0 && !more && !dangling;
}

/* The unit behind the number, if that metric can have it: tenths to go on dividing by. */
static unsigned read_unit(struct parser *parser, enum rn_metric_kind kind)
{
    bool is_share = kind == RN_METRIC_SHARE || kind == RN_METRIC_RATIO;
    if (is_share && take(parser, "%")) {
        return 2;
    }
    if (kind == RN_METRIC_TIME) {
        if (take_word(parser, "ms")) {
            return 3;
        }
        (void)take_word(parser, "s");
    }
    if (kind == RN_METRIC_MONEY) {
        (void)take(parser, "$");
    }
    return 0;
}

static double read_number(struct parser *parser, enum rn_metric_kind kind)
{
    static const char *const what[] = {"a whole or decimal number", "a number such as 0.95 or 95%",
                                       "a number such as 1.5 or 150%",
                                       "a time such as 1.5s or 300ms", "an amount such as 12.50$"};
    double value = 0;
    unsigned scale = 0;
    double divisor = 1;
    bool negative = take(parser, "-");
    if (kind == RN_METRIC_MONEY) {
        (void)take(parser, "$");
    }
    skip_blanks(parser);
    size_t begin = parser->at;
    bool good = read_digits(parser, &value, &scale);
    if (good) {
        scale += read_unit(parser, kind);
    }
    /* What stands directly behind it would be a unit of something else. */
    skip_blanks(parser);
    bool behind = parser->at < parser->text.len && parser->text.data[parser->at] != ')' &&
                  !rn_bytes_equal_nocase(word_at(parser), RN_LIT("and")) &&
                  !rn_bytes_equal_nocase(word_at(parser), RN_LIT("or"));
    if (!good || behind) {
        parser->at = good ? parser->at : begin;
        (void)expected(parser, good ? "\"and\", \"or\", \")\" or the end" : what[kind]);
    }
    for (; scale > 0; scale--) {
        divisor *= 10;
    }
    return (negative ? -value : value) / divisor;
}

static struct node *read_comparison(struct parser *parser)
{
    const struct rn_metric *metric = read_metric(parser);
    if (metric == NULL) {
        return NULL;
    }
    enum operation operation = read_operation(parser);
    double number = parser->status == RN_OK ? read_number(parser, metric->kind) : 0;
    struct node *node = node_of(parser, NODE_COMPARE, NULL, NULL);
    if (node != NULL) {
        node->metric = metric;
        node->operation = operation;
        node->number = number;
    }
    return node;
}

/* --- the tree ------------------------------------------------------------------------------------------------------ */

static struct node *read_any(struct parser *parser);

static struct node *read_one(struct parser *parser)
{
    if (parser->depth == DEPTH_MAX) {
        parser->status =
            rn_fail(parser->error, RN_INVALID,
                    "--fail-if: more than %u parentheses and \"not\" in one another.", DEPTH_MAX);
        return NULL;
    }
    struct node *node = NULL;
    parser->depth++;
    if (take_word(parser, "not")) {
        node = read_one(parser);
        node = node_of(parser, NODE_NOT, node, NULL);
    } else if (take(parser, "(")) {
        node = read_any(parser);
        if (parser->status == RN_OK && !take(parser, ")")) {
            (void)expected(parser, "\"and\", \"or\" or \")\"");
        }
    } else {
        node = read_comparison(parser);
    }
    parser->depth--;
    return node;
}

static struct node *read_all(struct parser *parser)
{
    struct node *node = read_one(parser);
    while (parser->status == RN_OK && take_word(parser, "and")) {
        struct node *right = read_one(parser);
        node = node_of(parser, NODE_AND, node, right);
    }
    return node;
}

static struct node *read_any(struct parser *parser)
{
    struct node *node = read_all(parser);
    while (parser->status == RN_OK && take_word(parser, "or")) {
        struct node *right = read_all(parser);
        node = node_of(parser, NODE_OR, node, right);
    }
    return node;
}

enum rn_status rn_condition_parse(const char *text, struct rn_condition **out,
                                  struct rn_error *error)
{
    struct rn_condition *condition = rn_calloc(1, sizeof *condition);
    *out = NULL;
    if (condition == NULL) {
        return rn_fail(error, RN_NOMEM, "There is no memory left to read --fail-if.");
    }
    struct parser parser = {
        .arena = &condition->arena, .text = rn_bytes_text(text), .error = error, .status = RN_OK};
    condition->root = read_any(&parser);
    skip_blanks(&parser);
    if (parser.status == RN_OK && parser.at < parser.text.len) {
        (void)expected(&parser, "\"and\", \"or\" or the end");
    }
    if (parser.status != RN_OK) {
        rn_condition_free(condition);
        return parser.status == RN_NOMEM
                   ? rn_fail(error, RN_NOMEM, "There is no memory left to read --fail-if.")
                   : parser.status;
    }
    *out = condition;
    return RN_OK;
}

void rn_condition_free(struct rn_condition *condition)
{
    if (condition != NULL) {
        rn_arena_free(&condition->arena);
        rn_free(condition);
    }
}

/* --- judging ------------------------------------------------------------------------------------------------------- */

/* In this order "and" is the lesser of two and "or" the greater. */
enum truth { NO, UNKNOWN, YES };

static bool is_met(enum operation operation, double value, double number)
{
    switch (operation) {
    case LESS:
        return value < number;
    case LESS_EQUAL:
        return value <= number;
    case GREATER:
        return value > number;
    case GREATER_EQUAL:
        return value >= number;
    case EQUAL:
        return value >= number && value <= number;
    default:
        return value < number || value > number;
    }
}

static enum truth judge(const struct node *node, const struct rn_report *report,
                        const char **unknown)
{
    if (node->kind == NODE_COMPARE) {
        double value = 0;
        if (!node->metric->value(report, &value)) {
            *unknown = *unknown == NULL ? node->metric->name : *unknown;
            return UNKNOWN;
        }
        return is_met(node->operation, value, node->number) ? YES : NO;
    }
    enum truth left = judge(node->left, report, unknown);
    if (node->kind == NODE_NOT) {
        return left == UNKNOWN ? UNKNOWN : left == YES ? NO : YES;
    }
    enum truth right = judge(node->right, report, unknown);
    enum truth lesser = left < right ? left : right;
    enum truth greater = left < right ? right : left;
    return node->kind == NODE_AND ? lesser : greater;
}

/* Whether the condition itself says what calls without an answer mean to it. */
static bool speaks_of_unanswered(const struct node *node)
{
    if (node->kind == NODE_COMPARE) {
        return strcmp(node->metric->name, "unanswered") == 0;
    }
    return speaks_of_unanswered(node->left) ||
           (node->kind != NODE_NOT && speaks_of_unanswered(node->right));
}

bool rn_condition_holds(const struct rn_condition *condition, const struct rn_report *report,
                        const char **unknown)
{
    const char *first = NULL;
    enum truth truth = judge(condition->root, report, &first);
    /* What was not asked is no pass: shares of a part may be those of its easy half. */
    if (truth == NO && report->pairs[RN_PAIR_UNANSWERED] > 0 &&
        !speaks_of_unanswered(condition->root)) {
        truth = UNKNOWN;
        first = "the calls without an answer";
    }
    if (unknown != NULL) {
        *unknown = truth == UNKNOWN ? first : NULL;
    }
    return truth != NO;
}
