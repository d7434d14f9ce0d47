/* Templates of gateway/environment.h, filled in for a gateway that serves many upstreams on one port. */
#include "ports.h"

#include <string.h>

#include "shell.h"

/* --- checks -------------------------------------------------------------------------------------------------------- */

enum rn_status rn_ports_check(const struct rn_option_list *ports, uint64_t listen,
                              struct rn_error *error)
{
    if (listen > UINT16_MAX) {
        return rn_fail(error, RN_INVALID, "--listen takes a port from 1 to 65535");
    }
    for (unsigned i = 0; i < ports->count; i++) {
        uint64_t port = 0;
        struct rn_bytes word = rn_bytes_text(ports->at[i]);
        size_t equals = rn_bytes_find_byte(word, '=');
        if (equals == RN_NPOS || equals == 0 ||
            !rn_bytes_to_u64(rn_bytes_from(word, equals + 1), &port) || port == 0 ||
            port > UINT16_MAX) {
            return rn_fail(error, RN_INVALID,
                           "--port takes NAME=PORT with a port from 1 to 65535, not '%s'",
                           ports->at[i]);
        }
    }
    return RN_OK;
}

enum rn_status rn_pairs_check(const char *option, const struct rn_option_list *list,
                              struct rn_error *error)
{
    for (unsigned i = 0; i < list->count; i++) {
        size_t equals = rn_bytes_find_byte(rn_bytes_text(list->at[i]), '=');
        if (equals == RN_NPOS || equals == 0) {
            return rn_fail(error, RN_INVALID, "%s takes KEY=VALUE, not '%s'", option, list->at[i]);
        }
    }
    return RN_OK;
}

/* --- exports ------------------------------------------------------------------------------------------------------- */

static enum rn_status add_export(struct rn_buffer *out, struct rn_bytes name, struct rn_bytes value)
{
    if (!rn_shell_is_name(name)) {
        return RN_OK;
    }
    enum rn_status status =
        rn_buffer_addf(out, "export %.*s=", (int)name.len, (const char *)name.data);
    status = status == RN_OK ? rn_shell_word(out, value) : status;
    return status == RN_OK ? rn_buffer_addf(out, "\n") : status;
}

static uint16_t port_of(struct rn_bytes upstream, const struct rn_port *ports, size_t port_count)
{
    for (size_t i = 0; i < port_count; i++) {
        if (ports[i].upstream != NULL &&
            rn_bytes_equal(rn_bytes_text(ports[i].upstream), upstream)) {
            return ports[i].port;
        }
    }
    return 0;
}

/*
 * What "{NAME}" or "{NAME|authority}" stands for. False for what has no place on a shared port: half an address
 * without a port of its own.
 */
static bool fill(struct rn_buffer *out, struct rn_bytes inner, const char *url,
                 const struct rn_port *ports, size_t port_count)
{
    size_t bar = rn_bytes_find_byte(inner, '|');
    struct rn_bytes name = rn_bytes_sub(inner, 0, bar);
    struct rn_bytes form = bar == RN_NPOS ? RN_LIT("url") : rn_bytes_from(inner, bar + 1);
    bool bare = rn_bytes_equal(form, RN_LIT("authority"));
    uint16_t port = port_of(name, ports, port_count);
    const char *after = strstr(url, "://");
    const char *shared = bare && after != NULL ? after + 3 : url;
    if (rn_bytes_equal(form, RN_LIT("host"))) {
        return port != 0 && rn_buffer_addf(out, "127.0.0.1") == RN_OK;
    }
    if (rn_bytes_equal(form, RN_LIT("port"))) {
        return port != 0 && rn_buffer_addf(out, "%u", port) == RN_OK;
    }
    if (port != 0) {
        return rn_buffer_addf(out, "%s127.0.0.1:%u", bare ? "" : "http://", port) == RN_OK;
    }
    return rn_buffer_addf(out, name.len > 0 ? "%s/%.*s" : "%s%.*s", shared, (int)name.len,
                          (const char *)name.data) == RN_OK;
}

static bool expand(struct rn_buffer *out, struct rn_bytes template, const char *url,
                   const struct rn_port *ports, size_t port_count)
{
    while (template.len > 0) {
        size_t open = rn_bytes_find_byte(template, '{');
        if (rn_buffer_add(out, rn_bytes_sub(template, 0, open)) != RN_OK) {
            return false;
        }
        if (open == RN_NPOS) {
            return true;
        }
        template = rn_bytes_from(template, open + 1);
        size_t close = rn_bytes_find_byte(template, '}');
        if (close == RN_NPOS ||
            !fill(out, rn_bytes_sub(template, 0, close), url, ports, port_count)) {
            return false;
        }
        template = rn_bytes_from(template, close + 1);
    }
    return true;
}

enum rn_status rn_ports_exports(struct rn_buffer *out, const char *url, const struct rn_port *ports,
                                size_t port_count, const struct rn_environment *plan)
{
    struct rn_buffer value = {0};
    enum rn_status status = add_export(out, RN_LIT("REENACT_URL"), rn_bytes_text(url));
    for (const struct rn_variable *variable = plan->first; variable != NULL && status == RN_OK;
         variable = variable->next) {
        rn_buffer_clear(&value);
        if (!rn_bytes_equal(variable->name, RN_LIT("REENACT_URL")) &&
            expand(&value, variable->template, url, ports, port_count)) {
            status = add_export(out, variable->name, rn_buffer_bytes(&value));
        }
    }
    rn_buffer_free(&value);
    return status;
}

static bool is_among(const char *entry, char *const *base)
{
    for (size_t i = 0; base[i] != NULL; i++) {
        if (strcmp(base[i], entry) == 0) {
            return true;
        }
    }
    return false;
}

enum rn_status rn_ports_changes(struct rn_buffer *out, char *const *environment, char *const *base)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; environment[i] != NULL && status == RN_OK; i++) {
        struct rn_bytes entry = rn_bytes_text(environment[i]);
        size_t equals = rn_bytes_find_byte(entry, '=');
        if (equals != RN_NPOS && !is_among(environment[i], base)) {
            status =
                add_export(out, rn_bytes_sub(entry, 0, equals), rn_bytes_from(entry, equals + 1));
        }
    }
    return status;
}
