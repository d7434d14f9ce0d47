#include "theatre.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/varint.h"
#include "store/room.h"
#include "store/userkey.h"
#include "venue.h"

static struct room room;
static struct rn_error error;
static struct rn_trace_id root_id;
static char root_text[33];
static bool gap_wanted;
static bool left_open;

static struct rn_store *store;
static struct rn_catalog catalog;
static struct rn_loop *loop;
static struct rn_wake *stop_wake;
static struct rn_wake *ask_wake;
static struct rn_redactor *redactor;
static struct rn_replayer *replayer;
static struct rn_gateway *gateway;
static struct rn_venue venue;
static pthread_t thread;
static bool running;

/* --- recording ----------------------------------------------------------------------------------------------------- */

/* One entry with the memory its fields lie in. */
struct taken {
    struct rn_entry entry;
    struct rn_arena arena;
};

static void set(struct taken *taken, enum rn_tag tag, struct rn_bytes bytes)
{
    rn_event_set(&taken->entry.event, tag, rn_arena_copy(&taken->arena, bytes));
}

static void set_text(struct taken *taken, enum rn_tag tag, const char *text)
{
    set(taken, tag, rn_bytes_text(text));
}

static void set_byte(struct taken *taken, enum rn_tag tag, int byte)
{
    uint8_t value = (uint8_t)byte;
    set(taken, tag, rn_bytes_of(&value, 1));
}

static void set_numbers(struct taken *taken, enum rn_tag tag, const uint64_t *numbers, size_t count)
{
    struct rn_buffer buffer = {0};
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(rn_varint_put(&buffer, numbers[i]), RN_OK);
    }
    set(taken, tag, rn_buffer_bytes(&buffer));
    rn_buffer_free(&buffer);
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text == NULL ? otherwise : text;
}

static const char *body_of(const struct scene *scene)
{
    return or_else(scene->body, "{}");
}

static void request_head(const struct scene *scene, char out[2048])
{
    snprintf(out, 2048, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%sContent-Length: %zu\r\n\r\n",
             or_else(scene->method, "POST"), or_else(scene->target, "/v1/chat"),
             or_else(scene->fields, "Content-Type: application/json\r\n"),
             scene->close ? "Connection: close\r\n" : "", strlen(body_of(scene)));
}

static void put_answer(struct taken *taken, const struct scene *scene)
{
    const char *const usual[] = {"ok", NULL};
    const char *const *pieces = scene->pieces[0] == NULL ? usual : scene->pieces;
    struct rn_buffer body = {0};
    struct rn_buffer head = {0};
    uint64_t cuts[8];
    size_t count = 0;
    for (; count < 8 && pieces[count] != NULL; count++) {
        cuts[count] = strlen(pieces[count]);
        ck_assert_int_eq(rn_buffer_add(&body, rn_bytes_text(pieces[count])), RN_OK);
    }
    enum rn_http_framing framing =
        scene->framing == RN_FRAMING_NONE ? RN_FRAMING_LENGTH : scene->framing;
    if (scene->head != NULL) {
        rn_buffer_addf(&head, "%s", scene->head);
    } else if (framing == RN_FRAMING_CHUNKED) {
        rn_buffer_addf(&head,
                       "HTTP/1.1 200 OK\r\nX-Ray: %s\r\nTransfer-Encoding: chunked\r\n%s\r\n",
                       "one", scene->close ? "Connection: close\r\n" : "");
    } else {
        rn_buffer_addf(&head, "HTTP/1.1 200 OK\r\nX-Ray: one\r\nContent-Length: %zu\r\n%s\r\n",
                       body.len, scene->close ? "Connection: close\r\n" : "");
    }
    set(taken, RN_TAG_RESPONSE_HEAD, rn_buffer_bytes(&head));
    set_byte(taken, RN_TAG_RESPONSE_FRAMING, framing);
    if (body.len > 0) {
        set(taken, RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&body));
        set_numbers(taken, RN_TAG_RESPONSE_CUTS, cuts, count);
        set_numbers(taken, RN_TAG_PIECE_TIMES, scene->piece_ns, count);
        if (scene->has_stamps) {
            set_numbers(taken, RN_TAG_PIECE_STAMPS, scene->since_stamps, count);
        }
    }
    rn_buffer_free(&body);
    rn_buffer_free(&head);
}

static void put_exchange(struct taken *taken, const struct scene *scene, uint64_t number)
{
    char head[2048];
    uint64_t usual[] = {3 * number + 1, 3 * number + 2, 3 * number + 3};
    const uint64_t *stamps = scene->stamps[0] == 0 ? usual : scene->stamps;
    uint64_t arrived = scene->arrived_ns == 0 ? stamps[0] * 1000000 : scene->arrived_ns;
    uint64_t spent = 0;
    for (size_t i = 0; i < 8; i++) {
        spent += scene->piece_ns[i];
    }
    uint64_t times[] = {arrived, 0, spent};
    uint64_t connection = scene->connection == 0 ? 1 : scene->connection;
    uint8_t client[] = {1, scene->close ? 0 : 1, 0};
    request_head(scene, head);
    set_byte(taken, RN_TAG_KIND, RN_EVENT_EXCHANGE);
    set_text(taken, RN_TAG_UPSTREAM, or_else(scene->upstream, "openai"));
    set_text(taken, RN_TAG_METHOD, or_else(scene->method, "POST"));
    set_text(taken, RN_TAG_TARGET, or_else(scene->target, "/v1/chat"));
    set_text(taken, RN_TAG_REQUEST_HEAD, head);
    set_text(taken, RN_TAG_REQUEST_BODY, body_of(scene));
    set_byte(taken, RN_TAG_REQUEST_FRAMING, RN_FRAMING_LENGTH);
    set(taken, RN_TAG_CLIENT, rn_bytes_of(client, 3));
    set_numbers(taken, RN_TAG_CONNECTION, &connection, 1);
    set_numbers(taken, RN_TAG_TIMES, times, 3);
    uint64_t order[] = {stamps[0], stamps[1], stamps[2], scene->mono_ns};
    set_numbers(taken, RN_TAG_ORDER, order, scene->mono_ns == 0 ? 3 : 4);
    set_byte(taken, RN_TAG_END, scene->end == RN_END_NONE ? RN_END_ENDED : scene->end);
    set_text(taken, RN_TAG_END_REASON, "");
    if (!scene->no_answer) {
        put_answer(taken, scene);
    }
    if (scene->interim != NULL) {
        set_text(taken, RN_TAG_INTERIM, scene->interim);
    }
    if (scene->trailers != NULL) {
        set_text(taken, RN_TAG_RESPONSE_TRAILERS, scene->trailers);
    }
    if (scene->flags != 0) {
        set_numbers(taken, RN_TAG_FLAGS, &scene->flags, 1);
    }
}

static void put_mac(struct taken *taken, bool foreign)
{
    uint8_t key[RN_USERKEY_BYTES];
    uint8_t mac[RN_SHA256_BYTES];
    struct rn_buffer message = {0};
    ck_ok(rn_userkey_load(true, key, &error));
    key[0] ^= foreign ? 1 : 0;
    rn_buffer_add(&message, rn_event_get(&taken->entry.event, RN_TAG_ARGV));
    rn_buffer_add(&message, rn_event_get(&taken->entry.event, RN_TAG_CWD));
    rn_buffer_append(&message, root_id.bytes, sizeof root_id.bytes);
    ck_assert(rn_hmac_sha256(rn_bytes_of(key, sizeof key), rn_buffer_bytes(&message), mac));
    set(taken, RN_TAG_MAC, rn_bytes_of(mac, sizeof mac));
    rn_buffer_free(&message);
}

static void put_run(struct taken *taken, const struct scene_run *run)
{
    struct rn_buffer argv = {0};
    struct rn_buffer variables = {0};
    uint64_t times[] = {1000, 5, 5};
    uint64_t status = (uint64_t)(unsigned)run->wait_status;
    for (size_t i = 0; run->argv[i] != NULL; i++) {
        rn_run_put(&argv, rn_bytes_text(run->argv[i]));
    }
    rn_run_put(&variables, RN_LIT("OPENAI_BASE_URL"));
    rn_run_put(&variables, RN_LIT("{openai}/v1"));
    set_byte(taken, RN_TAG_KIND, RN_EVENT_RUN);
    set_numbers(taken, RN_TAG_TIMES, times, 3);
    set(taken, RN_TAG_ARGV, rn_buffer_bytes(&argv));
    set_text(taken, RN_TAG_CWD, room.path);
    set(taken, RN_TAG_VARIABLES, rn_buffer_bytes(&variables));
    set_text(taken, RN_TAG_STDIO, run->input == NULL ? "npp" : "ppp");
    set_text(taken, RN_TAG_STDOUT, or_else(run->output, ""));
    set_text(taken, RN_TAG_STDERR, or_else(run->errors, ""));
    if (run->input != NULL) {
        set_text(taken, RN_TAG_STDIN, run->input);
    }
    if (!run->unfinished) {
        set_numbers(taken, RN_TAG_EXIT, &status, 1);
    }
    put_mac(taken, run->foreign);
    rn_buffer_free(&argv);
    rn_buffer_free(&variables);
}

static void wake_nobody(void *self)
{
    (void)self;
}

static void submit(struct rn_writer *writer, struct taken *taken, enum rn_entry_kind kind,
                   struct rn_recording *trace, enum rn_event_class class, uint32_t n)
{
    taken->entry.kind = kind;
    taken->entry.trace = trace;
    taken->entry.owner = taken;
    taken->entry.event.class = class;
    taken->entry.event.n = n;
    rn_writer_submit(writer, &taken->entry);
}

static void put_gap(struct taken *taken)
{
    struct rn_buffer gap = {0};
    rn_varint_put(&gap, 1);
    rn_varint_put(&gap, 5);
    rn_varint_put(&gap, 6);
    rn_buffer_add(&gap, RN_LIT("the disk was full"));
    set_byte(taken, RN_TAG_KIND, RN_EVENT_GAP);
    set(taken, RN_TAG_GAP, rn_buffer_bytes(&gap));
    rn_buffer_free(&gap);
}

#define TRACES_MAX 4

const char *theatre_record(const struct scene *scenes, size_t count, const struct scene_run *run)
{
    static const char *const names[TRACES_MAX] = {NULL, "one", "two", "three"};
    struct rn_store *writing = NULL;
    struct rn_writer *writer = NULL;
    struct rn_recording *traces[TRACES_MAX] = {NULL};
    uint32_t ordinals[TRACES_MAX] = {0};
    struct taken *taken = calloc(count + 2 + TRACES_MAX, sizeof *taken);
    size_t used = 0;
    ck_ok(rn_store_open(theatre_store(), RN_STORE_CREATE, &writing, &error));
    ck_ok(rn_writer_start(writing, wake_nobody, NULL, RN_LIT(""), &writer, &error));
    rn_uuid7(root_id.bytes);
    rn_trace_id_text(&root_id, root_text);
    for (size_t i = 0; i < TRACES_MAX; i++) {
        struct rn_recording_settings settings = {.session = root_id,
                                                 .kind = run != NULL ? "run" : "serve"};
        bool wanted = i == 0;
        for (size_t k = 0; k < count; k++) {
            wanted = wanted || scenes[k].trace == i;
        }
        if (wanted) {
            settings.id = root_id;
            if (i > 0) {
                rn_uuid7(settings.id.bytes);
            }
            settings.name = names[i];
            settings.is_alias = i > 0;
            traces[i] = rn_recording_open(writer, &settings, traces[0]);
        }
    }
    if (run != NULL) {
        put_run(&taken[used], run);
        submit(writer, &taken[used++], RN_ENTRY_EVENT, traces[0], RN_CLASS_EVENT, 0);
    }
    for (size_t i = 0; i < count; i++) {
        put_exchange(&taken[used], &scenes[i], i);
        submit(writer, &taken[used++], RN_ENTRY_EVENT, traces[scenes[i].trace], RN_CLASS_EVENT,
               ++ordinals[scenes[i].trace]);
    }
    if (gap_wanted) {
        put_gap(&taken[used]);
        submit(writer, &taken[used++], RN_ENTRY_EVENT, traces[0], RN_CLASS_GAP, 1);
    }
    for (size_t i = 0; i < TRACES_MAX && !left_open; i++) {
        if (traces[i] != NULL) {
            submit(writer, &taken[used++], RN_ENTRY_TRACE_CLOSE, traces[i], RN_CLASS_EVENT, 0);
        }
    }
    rn_writer_stop(writer);
    struct rn_entry *entry;
    size_t returned = 0;
    char sentence[256];
    while ((entry = rn_writer_collect(writer)) != NULL) {
        rn_writer_last_error(writer, sentence, sizeof sentence);
        ck_assert_msg(entry->status == RN_OK, "%s: %s", rn_status_name(entry->status), sentence);
        returned++;
    }
    ck_assert_uint_eq(returned, used);
    rn_writer_free(writer);
    rn_store_close(writing);
    for (size_t i = 0; i < used; i++) {
        rn_arena_free(&taken[i].arena);
    }
    free(taken);
    return root_text;
}

void theatre_with_gap(bool with_gap)
{
    gap_wanted = with_gap;
}

void theatre_left_open(bool open)
{
    left_open = open;
}

/* --- the house ----------------------------------------------------------------------------------------------------- */

const char *theatre_store(void)
{
    return room_file(&room, "store");
}

void theatre_open(void)
{
    room_open(&room);
    gap_wanted = left_open = false;
    ck_assert_int_eq(setenv("XDG_CONFIG_HOME", room_file(&room, "config"), 1), 0);
}

void theatre_close(void)
{
    rn_memory_fail_from(0);
    if (running) {
        theatre_end();
    }
    if (gateway != NULL) {
        rn_gateway_free(gateway);
        gateway = NULL;
    }
    rn_replayer_free(replayer);
    rn_redactor_free(redactor);
    rn_venue_free(&venue);
    replayer = NULL;
    redactor = NULL;
    if (loop != NULL) {
        rn_wake_free(stop_wake);
        rn_wake_free(ask_wake);
        rn_loop_free(loop);
        loop = NULL;
    }
    rn_catalog_free(&catalog);
    if (store != NULL) {
        rn_store_close(store);
        store = NULL;
    }
    room_close(&room);
}

void theatre_load(void)
{
    const char *const texts[] = {root_text, NULL};
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    ck_ok(rn_catalog_choose(&catalog, store, texts, &error));
    ck_ok(rn_catalog_load(&catalog, store, &error));
}

struct rn_catalog *theatre_catalog(void)
{
    return &catalog;
}

/* --- the performance ----------------------------------------------------------------------------------------------- */

static void on_stop(void *self)
{
    (void)self;
    rn_loop_stop(loop);
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool (*question)(struct rn_replayer *replayer, uint64_t number);
    uint64_t number;
    bool asked, answer;
} asking = {.lock = PTHREAD_MUTEX_INITIALIZER, .answered = PTHREAD_COND_INITIALIZER};

static void on_ask(void *self)
{
    (void)self;
    pthread_mutex_lock(&asking.lock);
    asking.answer = asking.question(replayer, asking.number);
    asking.asked = false;
    pthread_cond_signal(&asking.answered);
    pthread_mutex_unlock(&asking.lock);
}

static bool ask_once(void)
{
    pthread_mutex_lock(&asking.lock);
    asking.asked = true;
    rn_wake_send(ask_wake);
    while (asking.asked) {
        pthread_cond_wait(&asking.answered, &asking.lock);
    }
    bool answer = asking.answer;
    pthread_mutex_unlock(&asking.lock);
    return answer;
}

void theatre_await(bool (*question)(struct rn_replayer *replayer, uint64_t number), uint64_t number)
{
    asking.question = question;
    asking.number = number;
    while (!ask_once()) {
        sched_yield();
    }
}

bool is_waiting(struct rn_replayer *of, uint64_t number)
{
    return rn_order_waiting(rn_replayer_stage(of)->order) == number;
}

bool is_served(struct rn_replayer *of, uint64_t number)
{
    struct rn_replayer_counts counts = rn_replayer_counts(of);
    return counts.served + counts.broken >= number;
}

bool is_asked(struct rn_replayer *of, uint64_t number)
{
    struct rn_replayer_counts counts = rn_replayer_counts(of);
    return counts.by_rule[RN_RULE_BYTES] + counts.by_rule[RN_RULE_JSON] >= number;
}

static void *perform(void *self)
{
    (void)self;
    rn_loop_run(loop);
    return NULL;
}

void theatre_begin(const struct theatre_settings *given)
{
    struct theatre_settings none = {0};
    const struct theatre_settings *settings = given == NULL ? &none : given;
    loop = rn_loop_new();
    stop_wake = rn_wake_new(loop, on_stop, NULL);
    ask_wake = rn_wake_new(loop, on_ask, NULL);
    redactor = rn_redactor_new();
    struct rn_replayer_settings play = {
        .loop = loop,
        .catalog = &catalog,
        .redactor = redactor,
        .rules = settings->rules != 0 ? settings->rules : 1u << RN_RULE_BYTES | 1u << RN_RULE_JSON,
        .order = settings->any_order ? RN_ORDER_ANY : RN_ORDER_RECORDED,
        .pace = settings->pace,
        .patience_ns = settings->patience_ns,
        .forced_trace = SIZE_MAX};
    replayer = rn_replayer_new(&play);
    ck_assert_ptr_nonnull(replayer);
    struct rn_handler handler = rn_replayer_handler(replayer);
    gateway = rn_gateway_new(loop, &handler);
    rn_replayer_watch(replayer, gateway);
    ck_ok(rn_venue_listen(&venue, gateway, &catalog, 0, &error));
    ck_assert_int_eq(pthread_create(&thread, NULL, perform, NULL), 0);
    running = true;
}

void theatre_end(void)
{
    rn_wake_send(stop_wake);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    running = false;
}

struct rn_replayer *theatre_replayer(void)
{
    return replayer;
}

uint16_t theatre_port(const char *upstream)
{
    return rn_venue_port(&venue, rn_bytes_text(upstream));
}

/* --- guests -------------------------------------------------------------------------------------------------------- */

int guest_come(const char *upstream)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(theatre_port(upstream)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int guest = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(guest, (struct sockaddr *)&address, sizeof address), 0);
    return guest;
}

void guest_send(int guest, const char *bytes)
{
    ck_assert_int_eq(send(guest, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
}

void guest_ask(int guest, const struct scene *scene)
{
    char request[8192];
    request_head(scene, request);
    strcat(request, body_of(scene));
    guest_send(guest, request);
}

static char *read_until(int guest, const char *end)
{
    size_t cap = 1 << 20;
    char *text = calloc(1, cap);
    size_t len = 0;
    while (end == NULL || len < strlen(end) || strcmp(text + len - strlen(end), end) != 0) {
        ssize_t got = recv(guest, text + len, end == NULL ? cap - 1 - len : 1, 0);
        if (got <= 0) {
            ck_assert_msg(end == NULL, "the connection ended before '%s': %s", end, text);
            break;
        }
        len += (size_t)got;
    }
    return text;
}

char *guest_read_to(int guest, const char *end)
{
    return read_until(guest, end);
}

void guest_expect(int guest, const char *expected)
{
    char *came = guest_read_to(guest, expected + strlen(expected) - 1);
    while (strlen(came) < strlen(expected)) {
        char *more = guest_read_to(guest, expected + strlen(expected) - 1);
        came = realloc(came, strlen(came) + strlen(more) + 1);
        strcat(came, more);
        free(more);
    }
    ck_assert_str_eq(came, expected);
    free(came);
}

char *guest_read_all(int guest)
{
    return read_until(guest, NULL);
}

void guest_leave(int guest)
{
    close(guest);
}
