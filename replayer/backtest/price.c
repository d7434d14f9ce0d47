/*
 * The price list: a JSON document of a user's or our own, read into rows, and the arithmetic on it.
 *
 * Amounts are read from their decimal text and never pass through a double: 0.1 dollars per million tokens is 100,000
 * pico-dollars per token, exactly. The list we bring along is share/prices.json, put into the program by CMake; users are
 * expected to bring a better one.
 */
#include "price.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/memory.h"
#include "price_builtin.h"
#include "wire/json.h"

#define SCHEMA "reenact.prices/1"
#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define TOKENS_OF_A_PRICE UINT64_C(1000000) /* prices are written per million tokens */

struct row {
    struct rn_bytes name; /* without its star */
    bool is_prefix;
    struct rn_price price;
};

struct rn_prices {
    struct rn_arena arena;
    char origin[PATH_MAX];
    char date[16];
    struct row *rows;
    size_t count;
};

/* --- amounts -------------------------------------------------------------------------------------------------------- */

static bool add_digit(uint64_t *value, uint8_t digit)
{
    return digit >= '0' && digit <= '9' && !__builtin_mul_overflow(*value, UINT64_C(10), value) &&
           !__builtin_add_overflow(*value, (uint64_t)(digit - '0'), value);
}

/* Decimal text as a number of 1e-12. Zeros beyond twelve decimals are no amount either: nobody writes them. */
static bool read_amount(struct rn_bytes text, uint64_t *pico)
{
    size_t dot = rn_bytes_find_byte(text, '.');
    size_t whole = dot == RN_NPOS ? text.len : dot;
    size_t decimals = dot == RN_NPOS ? 0 : text.len - dot - 1;
    uint64_t value = 0;
    if (whole == 0 || decimals > 12 || (dot != RN_NPOS && decimals == 0)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (i != dot && !add_digit(&value, text.data[i])) {
            return false;
        }
    }
    for (size_t i = decimals; i < 12; i++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) {
            return false;
        }
    }
    *pico = value;
    return true;
}

bool rn_price_parse(const char *text, uint64_t *pico)
{
    struct rn_bytes amount = rn_bytes_text(text);
    if (rn_bytes_starts_with(amount, RN_LIT("$"))) {
        amount = rn_bytes_from(amount, 1);
    }
    return read_amount(amount, pico);
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t rn_price_cost(const struct rn_price *price, uint64_t in, uint64_t cached, uint64_t out)
{
    uint64_t from_cache = cached < in ? cached : in;
    uint64_t asked = add(times(in - from_cache, price->in), times(from_cache, price->cached));
    return add(asked, times(out, price->out));
}

/* --- the document --------------------------------------------------------------------------------------------------- */

static enum rn_status fail_at(const struct rn_prices *prices, struct rn_error *error,
                              struct rn_bytes model, const char *what)
{
    return rn_fail(error, RN_INVALID, "%s: the price of '%.*s' %s", prices->origin,
                   model.len < 100 ? (int)model.len : 100, (const char *)model.data, what);
}

/* USD per million tokens, as number or string. False: it is no such amount. */
static bool read_price(const struct rn_json *value, uint64_t *pico)
{
    struct rn_bytes text = value->raw;
    if (value->kind == RN_JSON_STRING) {
        text = rn_bytes_sub(text, 1, text.len - 2);
    } else if (value->kind != RN_JSON_NUMBER) {
        return false;
    }
    uint64_t million = 0;
    if (!read_amount(text, &million) || million % TOKENS_OF_A_PRICE != 0) {
        return false;
    }
    *pico = million / TOKENS_OF_A_PRICE;
    return true;
}

static enum rn_status read_member(const struct rn_prices *prices, const struct rn_json *model,
                                  const char *name, uint64_t otherwise, uint64_t *pico,
                                  struct rn_error *error)
{
    const struct rn_json *value = rn_json_member(model, name);
    *pico = otherwise;
    if (value != NULL && !read_price(value, pico)) {
        char what[120];
        (void)snprintf(what, sizeof what,
                       "has '%s' that is no amount in USD with at most six decimals", name);
        return fail_at(prices, error, model->name, what);
    }
    return RN_OK;
}

static enum rn_status read_model(struct rn_prices *prices, const struct rn_json *model,
                                 struct rn_error *error)
{
    struct row *row = &prices->rows[prices->count];
    if (model->kind != RN_JSON_OBJECT_BEGIN || rn_json_member(model, "in") == NULL) {
        return fail_at(prices, error, model->name, "is no object with a member 'in'");
    }
    row->is_prefix = rn_bytes_ends_with(model->name, RN_LIT("*"));
    row->name = rn_arena_copy(&prices->arena,
                              rn_bytes_sub(model->name, 0, model->name.len - row->is_prefix));
    if (row->name.data == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read %s", prices->origin);
    }
    prices->count++;
    enum rn_status status = read_member(prices, model, "in", 0, &row->price.in, error);
    status = status == RN_OK
                 ? read_member(prices, model, "cached", row->price.in, &row->price.cached, error)
                 : status;
    return status == RN_OK ? read_member(prices, model, "out", 0, &row->price.out, error) : status;
}

/* "2026-11-20" and nothing else: it is printed beside every amount. */
static bool is_date(struct rn_bytes text)
{
    static const char shape[] = "0000-00-00";
    if (text.len != sizeof shape - 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (shape[i] == '0' ? !is_digit : text.data[i] != '-') {
            return false;
        }
    }
    return true;
}

static enum rn_status read_root(struct rn_prices *prices, const struct rn_json *root,
                                struct rn_arena *arena, struct rn_error *error)
{
    struct rn_bytes date = rn_json_text(arena, rn_json_member(root, "date"));
    const struct rn_json *models = rn_json_member(root, "models");
    if (!rn_json_is(rn_json_member(root, "schema"), SCHEMA)) {
        return rn_fail(error, RN_INVALID, "%s: its schema is not \"" SCHEMA "\"", prices->origin);
    }
    if (!is_date(date)) {
        return rn_fail(error, RN_INVALID, "%s: its date is not like \"2026-11-20\"",
                       prices->origin);
    }
    if (models == NULL || models->kind != RN_JSON_OBJECT_BEGIN) {
        return rn_fail(error, RN_INVALID, "%s: it has no object 'models'", prices->origin);
    }
    memcpy(prices->date, date.data, date.len);
    prices->rows = rn_calloc(models->count + 1, sizeof *prices->rows);
    if (prices->rows == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read %s", prices->origin);
    }
    enum rn_status status = RN_OK;
    for (const struct rn_json *model = models->child; model != NULL && status == RN_OK;
         model = model->next) {
        status = read_model(prices, model, error);
    }
    return status;
}

static enum rn_status read_document(struct rn_prices *prices, struct rn_bytes text,
                                    struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *root = NULL;
    struct rn_error why = {.text = ""};
    size_t duplicates = 0;
    enum rn_status status = rn_json_parse(&arena, text, &root, &duplicates, &why);
    if (status != RN_OK) {
        rn_fail(error, status == RN_NOMEM ? RN_NOMEM : RN_INVALID, "%s: %s", prices->origin,
                why.text);
        status = status == RN_NOMEM ? RN_NOMEM : RN_INVALID;
    } else if (duplicates > 0) {
        status = rn_fail(error, RN_INVALID, "%s: a name stands twice in it", prices->origin);
    } else {
        status = read_root(prices, root, &arena, error);
    }
    rn_arena_free(&arena);
    return status;
}

/* --- where it is ---------------------------------------------------------------------------------------------------- */

/* The user's own list. False when there is no such place. */
static bool own_path(char path[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int len = -1;
    if (config != NULL &&
        config[0] == '/') { /* a relative one is to be ignored (XDG base directories) */
        len = snprintf(path, PATH_MAX, "%s/reenact/prices.json", config);
    } else if (home != NULL && home[0] != '\0') {
        len = snprintf(path, PATH_MAX, "%s/.config/reenact/prices.json", home);
    }
    return len > 0 && len < PATH_MAX && access(path, F_OK) == 0;
}

static enum rn_status load(struct rn_prices *prices, const char *path, struct rn_error *error)
{
    struct rn_buffer text;
    rn_buffer_init(&text, FILE_BYTES_MAX);
    enum rn_status status = RN_OK;
    if (path != NULL) {
        (void)snprintf(prices->origin, sizeof prices->origin, "%s", path);
    } else if (!own_path(prices->origin)) {
        (void)snprintf(prices->origin, sizeof prices->origin, "built in");
        return read_document(prices, rn_bytes_of(rn_prices_builtin, rn_prices_builtin_bytes),
                             error);
    }
    status = rn_file_read(prices->origin, &text, error);
    status = status == RN_OK ? read_document(prices, rn_buffer_bytes(&text), error) : status;
    rn_buffer_free(&text);
    return status;
}

enum rn_status rn_prices_load(const char *path, struct rn_prices **out, struct rn_error *error)
{
    struct rn_prices *prices = rn_calloc(1, sizeof *prices);
    *out = NULL;
    if (prices == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to read prices");
    }
    enum rn_status status = load(prices, path, error);
    if (status != RN_OK) {
        rn_prices_free(prices);
        return status;
    }
    *out = prices;
    return RN_OK;
}

void rn_prices_free(struct rn_prices *prices)
{
    if (prices != NULL) {
        rn_free(prices->rows);
        rn_arena_free(&prices->arena);
        rn_free(prices);
    }
}

const char *rn_prices_date(const struct rn_prices *prices)
{
    return prices->date;
}

const char *rn_prices_origin(const struct rn_prices *prices)
{
    return prices->origin;
}

/* --- looking one up ------------------------------------------------------------------------------------------------- */

/* With an upstream only rows that name it: "*" alone speaks of models. */
static bool fits(const struct row *row, struct rn_bytes upstream, struct rn_bytes model)
{
    struct rn_bytes name = row->name;
    if (upstream.len > 0) {
        if (name.len <= upstream.len || !rn_bytes_starts_with(name, upstream) ||
            name.data[upstream.len] != '/') {
            return false;
        }
        name = rn_bytes_from(name, upstream.len + 1);
    }
    return row->is_prefix ? rn_bytes_starts_with(model, name) : rn_bytes_equal(model, name);
}

/* The longest that fits; a whole name before a prefix that is as long. */
static const struct row *best_row(const struct rn_prices *prices, struct rn_bytes upstream,
                                  struct rn_bytes model)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < prices->count; i++) {
        const struct row *row = &prices->rows[i];
        if (fits(row, upstream, model) && (best == NULL || row->name.len > best->name.len ||
                                           (row->name.len == best->name.len && best->is_prefix))) {
            best = row;
        }
    }
    return best;
}

bool rn_price_of(const struct rn_prices *prices, struct rn_bytes upstream, struct rn_bytes model,
                 struct rn_price *out)
{
    const struct row *row = upstream.len > 0 ? best_row(prices, upstream, model) : NULL;
    row = row != NULL ? row : best_row(prices, rn_bytes_of("", 0), model);
    if (row == NULL) {
        return false;
    }
    *out = row->price;
    return true;
}
