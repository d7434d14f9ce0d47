/*
 * What tokens cost: a dated file that users edit (docs/backtest.md, "Prices").
 *
 * Money is counted in pico-dollars (1e-12 USD), so that no price per token is a fraction. A model without a price has no cost:
 * never zero.
 */
#ifndef RN_REPLAYER_PRICE_H
#define RN_REPLAYER_PRICE_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define RN_PICO_PER_DOLLAR UINT64_C(1000000000000)

struct rn_price {
    uint64_t in;     /* pico-dollars per prompt token */
    uint64_t cached; /* per prompt token read from a cache */
    uint64_t out;    /* per token of the answer */
};

struct rn_prices;

/*
 * The file `path`; NULL: $XDG_CONFIG_HOME/reenact/prices.json (~/.config) where there is one, else the built-in list.
 * {"schema":"reenact.prices/1","date":"2026-11-20","models":{"gpt-4.1":{"in":2.0,"cached":0.5,"out":8.0},...}}: USD per million tokens,
 * at most six decimals; a name may end with '*', "UPSTREAM/MODEL" wins over "MODEL", the longest match wins. RN_INVALID names the
 * place; RN_NOTFOUND.
 */
enum rn_status rn_prices_load(const char *path, struct rn_prices **out, struct rn_error *error);
void rn_prices_free(struct rn_prices *prices);
/* "2026-11-20"; and where it came from: the path, or "built in". Lent. */
const char *rn_prices_date(const struct rn_prices *prices);
const char *rn_prices_origin(const struct rn_prices *prices);
/* False: no price is known. */
bool rn_price_of(const struct rn_prices *prices, struct rn_bytes upstream, struct rn_bytes model,
                 struct rn_price *out);
/* Saturates instead of wrapping. `cached` is part of `in`. */
uint64_t rn_price_cost(const struct rn_price *price, uint64_t in, uint64_t cached, uint64_t out);
/* Reads "12.50", "$3", "0.05" USD. False where it is no amount. */
bool rn_price_parse(const char *text, uint64_t *pico);

#endif
