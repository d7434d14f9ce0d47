/*
 * Plans of environment variables: made when recording, filled with ports when a command is run.
 *
 * Knows which variable belongs to which client library (wire.md 4.1) and nothing of processes.
 */
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "gateway/route.h"

/*
 * Variables that client libraries read. `fallback` is the template when the variable is not set; NULL: only if it is. `port` is
 * where a value without scheme and port goes.
 */
struct known_variable {
    const char *name;
    const char *upstream;
    const char *fallback;
    const char *port;
};

static const struct known_variable known_variables[] = {
    {"OPENAI_BASE_URL", "openai", "{openai}/v1", NULL},
    {"OPENAI_API_BASE", "openai", "{openai}/v1", NULL},
    {"ANTHROPIC_BASE_URL", "anthropic", "{anthropic}", NULL},
    {"GOOGLE_GEMINI_BASE_URL", "gemini", "{gemini}", NULL},
    {"OLLAMA_HOST", "ollama", "{ollama|authority}", "11434"},
    {"CO_API_URL", "cohere", "{cohere}", NULL},
    {"GROQ_BASE_URL", "groq", "{groq}", NULL},
    {"AZURE_OPENAI_ENDPOINT", "azure-openai", NULL, NULL},
    {"OPENROUTER_BASE_URL", "openrouter", NULL, NULL},
    {"MISTRAL_BASE_URL", "mistral", NULL, NULL},
    {"DEEPSEEK_BASE_URL", "deepseek", NULL, NULL},
};

void rn_environment_free(struct rn_environment *plan)
{
    rn_arena_free(&plan->arena);
    *plan = (struct rn_environment){0};
}

static struct rn_variable *variable_find(const struct rn_environment *plan, struct rn_bytes name)
{
    for (struct rn_variable *v = plan->first; v != NULL; v = v->next) {
        if (rn_bytes_equal(v->name, name)) {
            return v;
        }
    }
    return NULL;
}

/* The next "{name}" or "{name|form}" of a template, from *at on. False when there is none. */
static bool template_next(struct rn_bytes template, size_t *at, struct rn_bytes *before,
                          struct rn_bytes *name, struct rn_bytes *form)
{
    struct rn_bytes rest = rn_bytes_from(template, *at);
    size_t open = rn_bytes_find_byte(rest, '{');
    size_t close = open == RN_NPOS ? RN_NPOS : rn_bytes_find_byte(rn_bytes_from(rest, open), '}');
    if (close == RN_NPOS) {
        *before = rest;
        return false;
    }
    struct rn_bytes inside = rn_bytes_sub(rest, open + 1, close - 1);
    size_t bar = rn_bytes_find_byte(inside, '|');
    *before = rn_bytes_sub(rest, 0, open);
    *name = rn_bytes_sub(inside, 0, bar);
    *form = bar == RN_NPOS ? (struct rn_bytes){NULL, 0} : rn_bytes_from(inside, bar + 1);
    *at += open + close + 1;
    return true;
}

static struct rn_variable_upstream *upstream_find(const struct rn_environment *plan,
                                                  struct rn_bytes name)
{
    struct rn_variable_upstream *found = plan->upstreams;
    while (found != NULL && !rn_bytes_equal(rn_bytes_text(found->name), name)) {
        found = found->next;
    }
    return found;
}

static enum rn_status upstream_note(struct rn_environment *plan, struct rn_bytes name)
{
    if (upstream_find(plan, name) != NULL) {
        return RN_OK;
    }
    struct rn_variable_upstream *noted = rn_arena_alloc(&plan->arena, sizeof *noted);
    if (noted == NULL || (noted->name = rn_arena_text(&plan->arena, name)) == NULL) {
        return RN_NOMEM;
    }
    noted->origin = NULL;
    noted->next = plan->upstreams;
    plan->upstreams = noted;
    return RN_OK;
}

static enum rn_status upstreams_note(struct rn_environment *plan, struct rn_bytes template)
{
    size_t at = 0;
    struct rn_bytes before;
    struct rn_bytes name;
    struct rn_bytes form;
    enum rn_status status = RN_OK;
    while (status == RN_OK && template_next(template, &at, &before, &name, &form)) {
        status = name.len == 0 ? RN_OK : upstream_note(plan, name);
    }
    return status;
}

enum rn_status rn_environment_set(struct rn_environment *plan, struct rn_bytes name,
                                  struct rn_bytes template)
{
    struct rn_bytes kept = rn_arena_copy(&plan->arena, template);
    struct rn_variable *variable = variable_find(plan, name);
    if (variable == NULL) {
        variable = rn_arena_alloc(&plan->arena, sizeof *variable);
        struct rn_bytes kept_name = rn_arena_copy(&plan->arena, name);
        if (variable == NULL || kept_name.data == NULL || kept.data == NULL) {
            return RN_NOMEM;
        }
        variable->name = kept_name;
        if (plan->last == NULL) {
            plan->first = variable;
        } else {
            plan->last->next = variable;
        }
        plan->last = variable;
    }
    if (kept.data == NULL) {
        return RN_NOMEM;
    }
    variable->template = kept;
    return upstreams_note(plan, kept);
}

const char *rn_environment_get(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=') {
            return environment[i] + len + 1;
        }
    }
    return NULL;
}

bool rn_environment_is_credential(struct rn_bytes name)
{
    static const char *const words[] = {"KEY",      "TOKEN",  "SECRET",
                                        "PASSWORD", "PASSWD", "CREDENTIAL"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (rn_bytes_find_nocase(name, rn_bytes_text(words[i])) != RN_NPOS) {
            return true;
        }
    }
    return false;
}

/* --- planning ------------------------------------------------------------------------------------------------------ */

/* "https://host:1/v1/" as origin "https://host:1", the path "/v1/", and whether a scheme was written. */
struct split_url {
    char origin[512];
    const char *path;
    bool had_scheme;
};

static bool url_split(const char *value, struct split_url *out)
{
    out->had_scheme = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    if (!out->had_scheme && strstr(value, "://") != NULL) {
        return false;
    }
    const char *authority = out->had_scheme ? strstr(value, "://") + 3 : value;
    size_t authority_len = strcspn(authority, "/?#");
    if (authority_len == 0) {
        return false;
    }
    size_t len = (size_t)(authority - value) + authority_len;
    int put = snprintf(out->origin, sizeof out->origin, "%s%.*s", out->had_scheme ? "" : "http://",
                       (int)len, value);
    out->path = value + len;
    return put > 0 && (size_t)put < sizeof out->origin;
}

/* QDRANT_URL -> "qdrant"; VECTOR_DB_HOST -> "vector-db". */
static bool upstream_name_of(const char *variable, char out[33])
{
    static const char *const endings[] = {"_BASE_URL", "_API_URL", "_API_BASE", "_ENDPOINT",
                                          "_URL",      "_HOST",    "_ADDRESS",  "_URI"};
    size_t len = strlen(variable);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(variable + len - ending, endings[i]) == 0) {
            len -= ending;
            break;
        }
    }
    if (len < 2 || len > 32) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = variable[i] == '_' ? '-' : (char)rn_byte_lower((uint8_t)variable[i]);
    }
    out[len] = '\0';
    return rn_route_name_is_legal(rn_bytes_text(out));
}

/* An origin as it may be shown and compared with an upstream's URL: without userinfo. */
static void origin_strip(const char *origin, char out[512])
{
    const char *authority = strstr(origin, "://") + 3;
    const char *at = strrchr(authority, '@');
    (void)snprintf(out, 512, "%.*s%s", (int)(authority - origin), origin,
                   at == NULL ? authority : at + 1);
}

/* Adds `name` for `origin`, unless an earlier variable of this plan has given that name to another origin. */
static enum rn_status upstream_claim(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                     const char *name, const char *origin, const char *variable,
                                     struct rn_error *error)
{
    char shown[512];
    struct rn_variable_upstream *named = upstream_find(plan, rn_bytes_text(name));
    const struct rn_upstream *known = rn_upstreams_find(upstreams, rn_bytes_text(name));
    origin_strip(origin, shown);
    bool differs = named != NULL && named->origin != NULL
                       ? strcmp(named->origin, origin) != 0
                       : known != NULL && strcmp(rn_upstream_url(known), shown) != 0;
    if (named != NULL && differs) {
        return rn_fail(error, RN_INVALID,
                       "%s names %s, but the upstream %s is %s already; give one of them with "
                       "--upstream",
                       variable, shown, name, known == NULL ? "another" : rn_upstream_url(known));
    }
    enum rn_status status = rn_upstreams_add(upstreams, name, origin, error);
    if (status == RN_OK) {
        status = upstream_note(plan, rn_bytes_text(name));
    }
    if (status == RN_OK) {
        named = upstream_find(plan, rn_bytes_text(name));
        named->origin = rn_arena_text(&plan->arena, rn_bytes_text(origin));
        status = named->origin == NULL ? RN_NOMEM : RN_OK;
    }
    return status;
}

/* A path as it may stand in a template: braces, which no URL holds as they are, in their other spelling. */
static bool path_encode(const char *path, char out[1024])
{
    size_t at = 0;
    for (; *path != '\0' && at + 4 < 1024; path++) {
        if (*path == '{' || *path == '}') {
            at += (size_t)snprintf(out + at, 4, "%%%02X", (unsigned)*path);
        } else {
            out[at++] = *path;
        }
    }
    out[at] = '\0';
    return *path == '\0';
}

static enum rn_status set_text(struct rn_environment *plan, const char *name, const char *format,
                               const char *upstream, const char *rest)
{
    char template[1024];
    int len = snprintf(template, sizeof template, format, upstream, rest);
    if (len < 0 || (size_t)len >= sizeof template) {
        return RN_LIMIT;
    }
    return rn_environment_set(plan, rn_bytes_text(name), rn_bytes_text(template));
}

/* A variable that holds a URL (or host:port): its origin becomes the upstream, its path stays. */
static enum rn_status plan_url(struct rn_environment *plan, struct rn_upstreams *upstreams,
                               const char *variable, const char *value, const char *upstream,
                               struct rn_error *error)
{
    struct split_url url;
    char path[1024];
    if (!url_split(value, &url) || !path_encode(url.path, path)) {
        return rn_fail(error, RN_INVALID,
                       "%s holds no http or https URL that reenact can stand in for", variable);
    }
    enum rn_status status = upstream_claim(plan, upstreams, upstream, url.origin, variable, error);
    if (status != RN_OK) {
        return status;
    }
    status =
        set_text(plan, variable, url.had_scheme ? "{%s}%s" : "{%s|authority}%s", upstream, path);
    return status == RN_OK ? RN_OK
                           : rn_fail(error, status, "the value of %s is too long", variable);
}

/* Where a port is implied ("10.0.0.2", ":8080"), what the client library would make of it. */
static void authority_complete(const char *value, const char *port, char out[2048])
{
    size_t len = strcspn(value, "/?#");
    bool whole = port == NULL || strstr(value, "://") != NULL;
    const char *bracket = memchr(value, ']', len);
    const char *colon = memchr(bracket == NULL ? value : bracket, ':',
                               len - (bracket == NULL ? 0 : (size_t)(bracket - value)));
    (void)snprintf(out, 2048, "%s%.*s%s%s%s", whole || value[0] != ':' ? "" : "127.0.0.1", (int)len,
                   value, whole || colon != NULL ? "" : ":", whole || colon != NULL ? "" : port,
                   value + len);
}

/*
 * Variables that are set speak first. Where one of them made its value the upstream, the others of that upstream stay unset:
 * whoever reads those goes elsewhere live, and would be sent to the wrong server with its key.
 */
static enum rn_status plan_known(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                 char *const *environment, struct rn_error *error)
{
    enum { COUNT = sizeof known_variables / sizeof known_variables[0] };
    bool is_set[COUNT];
    char whole[2048];
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < COUNT; i++) {
        const struct known_variable *known = &known_variables[i];
        const char *value = rn_environment_get(environment, known->name);
        is_set[i] = value != NULL && value[0] != '\0';
        if (is_set[i]) {
            authority_complete(value, known->port, whole);
            status = plan_url(plan, upstreams, known->name, whole, known->upstream, error);
        }
    }
    for (size_t i = 0; status == RN_OK && i < COUNT; i++) {
        const struct known_variable *known = &known_variables[i];
        bool claimed = false;
        for (size_t k = 0; k < COUNT; k++) {
            claimed =
                claimed || (is_set[k] && strcmp(known_variables[k].upstream, known->upstream) == 0);
        }
        if (known->fallback != NULL && !claimed) {
            status = rn_environment_set(plan, rn_bytes_text(known->name),
                                        rn_bytes_text(known->fallback));
        }
    }
    return status;
}

static enum rn_status plan_pair(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                char *const *environment, const char *host_variable,
                                const char *port_variable, struct rn_error *error)
{
    char name[33];
    char origin[512];
    const char *host = rn_environment_get(environment, host_variable);
    const char *port = rn_environment_get(environment, port_variable);
    if (host == NULL || port == NULL) {
        return rn_fail(error, RN_INVALID, "--wrap %s,%s: %s is not set", host_variable,
                       port_variable, host == NULL ? host_variable : port_variable);
    }
    if (!upstream_name_of(host_variable, name)) {
        return rn_fail(error, RN_INVALID, "--wrap: no upstream name can be made of %s",
                       host_variable);
    }
    bool has_scheme = strstr(host, "://") != NULL;
    int len = snprintf(origin, sizeof origin, "%s%s:%s", has_scheme ? "" : "http://", host, port);
    if (len < 0 || (size_t)len >= sizeof origin) {
        return rn_fail(error, RN_INVALID, "the value of %s is too long", host_variable);
    }
    enum rn_status status = upstream_claim(plan, upstreams, name, origin, host_variable, error);
    if (status == RN_OK) {
        status = set_text(plan, host_variable, has_scheme ? "http://{%s|host}%s" : "{%s|host}%s",
                          name, "");
    }
    if (status == RN_OK) {
        status = set_text(plan, port_variable, "{%s|port}%s", name, "");
    }
    return status;
}

static enum rn_status plan_wrap(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                char *const *environment, const char *wrap, struct rn_error *error)
{
    char first[256];
    char name[33];
    size_t len = strcspn(wrap, ",");
    if (len == 0 || len >= sizeof first) {
        return rn_fail(error, RN_INVALID, "--wrap '%s' names no variable", wrap);
    }
    memcpy(first, wrap, len);
    first[len] = '\0';
    if (wrap[len] == ',') {
        return plan_pair(plan, upstreams, environment, first, wrap + len + 1, error);
    }
    const char *value = rn_environment_get(environment, first);
    if (value == NULL) {
        return rn_fail(error, RN_INVALID, "--wrap %s: that variable is not set", first);
    }
    if (!upstream_name_of(first, name)) {
        return rn_fail(error, RN_INVALID, "--wrap: no upstream name can be made of %s", first);
    }
    return plan_url(plan, upstreams, first, value, name, error);
}

enum rn_status rn_environment_plan(struct rn_environment *plan, struct rn_upstreams *upstreams,
                                   char *const *environment, const char *const *wraps,
                                   struct rn_error *error)
{
    enum rn_status status = plan_known(plan, upstreams, environment, error);
    for (size_t i = 0; status == RN_OK && wraps != NULL && wraps[i] != NULL; i++) {
        status = plan_wrap(plan, upstreams, environment, wraps[i], error);
    }
    return status;
}

/* --- templates ----------------------------------------------------------------------------------------------------- */

static uint16_t port_of(struct rn_bytes name, const struct rn_port *ports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(ports[i].upstream))) {
            return ports[i].port;
        }
    }
    return 0;
}

static enum rn_status template_fill(struct rn_bytes template, const struct rn_port *ports,
                                    size_t count, struct rn_buffer *out)
{
    size_t at = 0;
    struct rn_bytes before;
    struct rn_bytes name;
    struct rn_bytes form;
    enum rn_status status = RN_OK;
    while (status == RN_OK && template_next(template, &at, &before, &name, &form)) {
        unsigned port = port_of(name, ports, count);
        status = rn_buffer_add(out, before);
        if (status != RN_OK) {
            break;
        }
        if (rn_bytes_equal(form, RN_LIT("authority"))) {
            status = rn_buffer_addf(out, "127.0.0.1:%u", port);
        } else if (rn_bytes_equal(form, RN_LIT("host"))) {
            status = rn_buffer_addf(out, "127.0.0.1");
        } else if (rn_bytes_equal(form, RN_LIT("port"))) {
            status = rn_buffer_addf(out, "%u", port);
        } else {
            status = rn_buffer_addf(out, "http://127.0.0.1:%u", port);
        }
    }
    return status == RN_OK ? rn_buffer_add(out, before) : status;
}

/* --- building ------------------------------------------------------------------------------------------------------ */

struct builder {
    char **at;
    size_t count;
    size_t cap;
};

/* Sets "NAME=value" (taken over), replacing an entry of that name. */
static bool builder_set(struct builder *builder, char *entry)
{
    if (entry == NULL) {
        return false;
    }
    size_t name_len = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < builder->count; i++) {
        if (strncmp(builder->at[i], entry, name_len) == 0) {
            rn_free(builder->at[i]);
            builder->at[i] = entry;
            return true;
        }
    }
    if (builder->count + 1 >= builder->cap) {
        rn_free(entry);
        return false;
    }
    builder->at[builder->count++] = entry;
    builder->at[builder->count] = NULL;
    return true;
}

static bool builder_set_variable(struct builder *builder, const struct rn_variable *variable,
                                 const struct rn_port *ports, size_t port_count)
{
    struct rn_buffer entry = {0};
    bool good = rn_buffer_add(&entry, variable->name) == RN_OK &&
                rn_buffer_add_byte(&entry, '=') == RN_OK &&
                template_fill(variable->template, ports, port_count, &entry) == RN_OK;
    good = good && builder_set(builder, rn_dup(entry.data, entry.len));
    rn_buffer_free(&entry);
    return good;
}

/* `now` is what stood there, or in the other spelling where this one was not set: some read one only. */
static bool builder_extend_no_proxy(struct builder *builder, const char *name, const char *now)
{
    struct rn_buffer entry = {0};
    bool good = rn_buffer_addf(&entry, "%s=%s%s127.0.0.1,localhost", name, now == NULL ? "" : now,
                               now == NULL || now[0] == '\0' ? "" : ",") == RN_OK;
    good = good && builder_set(builder, rn_dup(entry.data, entry.len));
    rn_buffer_free(&entry);
    return good;
}

char **rn_environment_build(const struct rn_environment *plan, const struct rn_port *ports,
                            size_t port_count, char *const *base, const char *const *extra)
{
    struct builder builder = {.cap = 4};
    for (size_t i = 0; base != NULL && base[i] != NULL; i++) {
        builder.cap++;
    }
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        builder.cap++;
    }
    for (const struct rn_variable *v = plan->first; v != NULL; v = v->next) {
        builder.cap++;
    }
    builder.at = rn_calloc(builder.cap, sizeof *builder.at);
    bool good = builder.at != NULL;
    for (size_t i = 0; good && base != NULL && base[i] != NULL; i++) {
        good = builder_set(&builder, rn_dup_text(base[i]));
    }
    for (const struct rn_variable *v = plan->first; good && v != NULL; v = v->next) {
        good = builder_set_variable(&builder, v, ports, port_count);
    }
    const char *upper = rn_environment_get(base, "NO_PROXY");
    const char *lower = rn_environment_get(base, "no_proxy");
    good = good && builder_extend_no_proxy(&builder, "NO_PROXY", upper != NULL ? upper : lower) &&
           builder_extend_no_proxy(&builder, "no_proxy", lower != NULL ? lower : upper);
    for (size_t i = 0; good && extra != NULL && extra[i] != NULL; i++) {
        good = builder_set(&builder, rn_dup_text(extra[i]));
    }
    if (!good) {
        rn_environment_drop(builder.at);
        return NULL;
    }
    return builder.at;
}

void rn_environment_drop(char **environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        rn_free(environment[i]);
    }
    rn_free(environment);
}

enum rn_status rn_environment_encode(const struct rn_environment *plan, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (const struct rn_variable *v = plan->first; status == RN_OK && v != NULL; v = v->next) {
        status = rn_run_put(out, v->name);
        if (status == RN_OK) {
            status = rn_run_put(out, v->template);
        }
    }
    return status;
}

enum rn_status rn_environment_decode(struct rn_bytes in, struct rn_environment *plan)
{
    enum rn_status status = RN_OK;
    while (status == RN_OK && in.len > 0) {
        struct rn_bytes name;
        struct rn_bytes template;
        if (!rn_run_get(&in, &name) || !rn_run_get(&in, &template)) {
            return RN_DAMAGED;
        }
        status = rn_environment_set(plan, name, template);
    }
    return status;
}
