/*
 * What `record` and `serve` both stand on: loop, store, writer, upstreams, ports and the recorder itself, opened and closed
 * in the right order. Private to recorder/.
 */
#ifndef RN_RECORDER_STATION_H
#define RN_RECORDER_STATION_H

#include "recorder/record.h"
#include "store/userkey.h"

#define RN_STATION_PORTS_MAX 80u
#define RN_STATION_INGRESS_MAX 16u

struct rn_station {
    struct rn_loop *loop;
    struct rn_wake *wake;
    struct rn_store *store;
    struct rn_writer *writer;
    struct rn_upstreams *upstreams;
    struct rn_gateway *gateway;
    struct rn_recorder *recorder;
    struct rn_environment plan;
    struct rn_port ports[RN_STATION_PORTS_MAX]; /* the first one is ours */
    size_t port_count;
    const char
        *ingress[RN_STATION_INGRESS_MAX + 1]; /* names, NULL-terminated; the upstreams' own */
    uint8_t userkey[RN_USERKEY_BYTES];
    bool has_userkey;
};

/* Loop, store, writer, upstreams and the plan of variables. The recorder is opened afterwards, once there is a session. */
enum rn_status rn_station_open(struct rn_station *station,
                               const struct rn_record_settings *settings, struct rn_error *error);
/* The recorder and its ports: ours, one per upstream that a variable names, and those of --port. */
enum rn_status rn_station_listen(struct rn_station *station,
                                 const struct rn_record_settings *settings,
                                 struct rn_recording *run, const struct rn_trace_id *session,
                                 struct rn_error *error);
/* Commits and closes everything. Safe after a failed open. */
void rn_station_close(struct rn_station *station);
/* "http://127.0.0.1:PORT" of the port with our paths. */
void rn_station_url(const struct rn_station *station, char out[40]);

#endif
