#!/bin/sh
# CPU per request of the loop thread, with and without the hand-over to a writer thread, against nginx proxy_pass.
#
#   bench/handover.sh BUILD-DIRECTORY [ROUNDS] [SECONDS] [CONNECTIONS]
#
# Needs nginx and wrk. Documents: 1,000 different JSON requests of about 1.5 KB, 16 different answers of about 2 KB. Rounds
# are interleaved and their order turns round; what is printed are medians, and medians of the ratios within one round.
set -eu
build=$(cd "$1" && pwd)
rounds=${2:-7}
seconds=${3:-2}
connections=${4:-32}
room=$(mktemp -d "$build/handover.XXXXXX")
pids=
stop() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$room"
}
trap stop EXIT INT TERM
cd "$room"

python3 - <<'PY'
import json, random
rng = random.Random(7)
words = "the order refund customer policy model answer token window tool result search index agent plan step because without number delivery invoice reply".split()
def text(n):
    out = []
    while sum(map(len, out)) + len(out) < n:
        out.append(rng.choice(words) + ("" if rng.random() < .8 else str(rng.randrange(10**6))))
    return " ".join(out)
def request():
    return json.dumps({"model": "gpt-4o-mini", "temperature": round(rng.random(), 3), "messages": [
        {"role": "system", "content": text(300)}, {"role": "user", "content": text(700)},
        {"role": "assistant", "content": text(200)}, {"role": "user", "content": text(100)}],
        "metadata": {"run": "%032x" % rng.getrandbits(128)}})
def answer():
    return json.dumps({"id": "chatcmpl-%024x" % rng.getrandbits(96), "object": "chat.completion", "created": 1763600000 + rng.randrange(10**6),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text(1750)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": rng.randrange(900), "completion_tokens": rng.randrange(900)}})
with open("post.lua", "w") as f:
    f.write("local docs = {\n" + "".join("[=[%s]=],\n" % request() for _ in range(1000)) + "}\n")
    f.write('''wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-test-0123456789"
wrk.headers["X-Stainless-Lang"] = "python"
wrk.headers["User-Agent"] = "OpenAI/Python 1.0"
wrk.headers["Accept"] = "application/json"
local n = 0
request = function() n = n % #docs + 1; return wrk.format(nil, nil, nil, docs[n]) end
done = function(s) io.write(string.format("requests %d errors %d\\n", s.requests, s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout)) end
''')
split = "".join(" 6.25%% %d;\n" % i for i in range(15)) + " * 15;\n"
places = "".join(" location /%d { default_type application/json; add_header X-Request-Id Req-1; return 200 '%s'; }\n" % (i, answer()) for i in range(16))
common = "worker_processes 1; daemon off; pid %s.pid; error_log %s.err warn; events { worker_connections 15000; }\n"
paths = "access_log off; keepalive_requests 100000000; keepalive_timeout 600; client_body_buffer_size 64k; tcp_nodelay on; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
open("up.conf", "w").write(common % ("up", "up") + "http { " + paths + "split_clients $request_id $doc {\n" + split + "}\n"
    "server { listen 127.0.0.1:19000 reuseport backlog=4096; location / { rewrite ^ /$doc last; }\n" + places + "} }\n")
open("px.conf", "w").write(common % ("px", "px") + "http { " + paths + 'proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection "";\n'
    "upstream js { server 127.0.0.1:19000; keepalive 512; keepalive_requests 100000000; }\n"
    "server { listen 127.0.0.1:19100 reuseport backlog=4096; location / { proxy_pass http://js; } } }\n")
PY

nginx -p "$room" -c "$room/up.conf" 2>/dev/null &
pids="$pids $!"
nginx -p "$room" -c "$room/px.conf" 2>/dev/null &
px=$!
pids="$pids $px"
"$build/bench/bench_handover" 19200 http://127.0.0.1:19000 plain "$room/plain.bin" &
plain=$!
pids="$pids $plain"
"$build/bench/bench_handover" 19300 http://127.0.0.1:19000 held "$room/held.bin" &
held=$!
pids="$pids $held"
for port in 19000 19100 19200 19300; do
    until wrk -t1 -c1 -d1s "http://127.0.0.1:$port/" >/dev/null 2>&1; do :; done
done
worker=$(tr -d " " <"/proc/$px/task/$px/children")

# Nanoseconds on a CPU of one process: all threads, or those of one name.
cpu() {
    total=0
    for task in /proc/"$1"/task/*; do
        if [ $# -eq 1 ] || [ "$(cat "$task/comm")" = "$2" ]; then
            read -r ns _ <"$task/schedstat"
            total=$((total + ns))
        fi
    done
    echo "$total"
}
# NAME PORT PID [THREAD]: one line of results.
measure() {
    before=$(cpu "$3" ${4:-})
    all_before=$(cpu "$3")
    result=$(wrk -t1 -c"$connections" -d"${seconds}s" -s post.lua "http://127.0.0.1:$2/" | grep '^requests')
    after=$(cpu "$3" ${4:-})
    all_after=$(cpu "$3")
    echo "$round $1 $((after - before)) $((all_after - all_before)) $result" >>results
}
round=1
while [ "$round" -le "$rounds" ]; do
    if [ $((round % 2)) -eq 1 ]; then
        measure nginx 19100 "$worker"
        measure plain 19200 "$plain" loop
        measure held 19300 "$held" loop
    else
        measure held 19300 "$held" loop
        measure plain 19200 "$plain" loop
        measure nginx 19100 "$worker"
    fi
    round=$((round + 1))
done

python3 - "$seconds" <<'PY'
import sys
from statistics import median
rows = {}
errors = 0
for line in open("results"):
    n, name, ns, all_ns, _, requests, _, bad = line.split()
    errors += int(bad)
    rows.setdefault(name, {})[int(n)] = (int(ns) / int(requests) / 1e3, int(all_ns) / int(requests) / 1e3, int(requests) / float(sys.argv[1]))
base = rows["nginx"]
print("%-6s %10s %10s %8s   %10s %12s %8s" % ("", "loop us", "process us", "rps", "loop x", "process x", "rps x"))
for name, r in rows.items():
    print("%-6s %10.1f %10.1f %8.0f   %10.2f %12.2f %8.2f" % ((name,) + tuple(median(v[i] for v in r.values()) for i in range(3))
          + tuple(median(r[n][i] / base[n][i] for n in r) for i in range(3))))
print("errors", errors)
PY
