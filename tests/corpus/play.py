#!/usr/bin/env python3
"""Plays a corpus of HTTP exchanges through reenact and back: what the client is sent must stay the same.

    tests/corpus/play.py REENACT DATA.jsonl[.zst] ...       real traffic, one JSON object a line (see below)
    tests/corpus/play.py REENACT --generate N [--seed S]    N generated exchanges, as the test suite does

Pass 1: `reenact serve` records while a local upstream plays the recorded answers. Pass 2: the upstream is gone and
`reenact replay --serve` answers the same requests, sent with another API key of another length. Both raw answers must be
equal byte for byte, chunk sizes included, except inside redacted spans. (A thousand times the recorded pace, because
--pace=instant would set retry-after to 0.) Pass 3: every trace is replayed against itself by `bytes`. Last, the names of all
header fields that were redacted are printed.

A line: {trace, method, url, req_headers: [[k, v]], req_body | req_body_b64, status, resp_headers, resp_body |
resp_body_b64, chunks: [[bytes, delta_us] ...]}; lines whose URL is not http(s) are left out. Heads that do not fit their
bodies (Content-Length, Transfer-Encoding) are mended and counted.
"""
import argparse
import base64
import collections
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import urllib.parse

PLACEHOLDER = re.compile(rb"RN-REDACTED-x*|x+")
KEYS = ("sk-corpus-recording-0123456789abcdef", "sk-corpus-replay-another-and-longer-key-0123456789abcdefghijkl")


# --- the corpus -------------------------------------------------------------------------------------------------------

class Exchange:
    def __init__(self, trace, method, host, target, fields, body, answer, mended):
        self.trace, self.method, self.host, self.target = trace, method, host, target
        self.fields, self.body, self.answer, self.mended = fields, body, answer, mended

    def request(self, number, key, prefix):
        lines = [f"{self.method} {prefix}{self.target} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        lines += [f"Authorization: Bearer {key}", f"X-Corpus: {number}", f"X-Reenact-Trace: {self.trace}"]
        if self.body or self.method not in ("GET", "HEAD", "DELETE"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines + ["", ""]).encode("latin-1", "replace") + self.body


def body_of(record, name):
    if record.get(name + "_b64") is not None:
        return base64.b64decode(record[name + "_b64"])
    return (record.get(name) or "").encode("utf-8", "surrogatepass")


def clean(value):
    return "".join(c for c in str(value) if c == "\t" or " " <= c != "\x7f").strip()


HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade", "trailer", "host", "content-length",
       "authorization", "expect", "accept-encoding"}


def answer_bytes(record):
    """The answer as the upstream writes it: a list of byte strings, one per write; and whether its head was mended."""
    body = body_of(record, "resp_body")
    fields = [(k, clean(v)) for k, v in record["resp_headers"]]
    announced = [v for k, v in fields if k.lower() == "content-length"]
    head_only = record["method"] == "HEAD" or record["status"] in (204, 304)
    chunks = [n for n, _ in record.get("chunks") or []]
    chunked = bool(record.get("sse")) and sum(chunks) == len(body) and not head_only
    mended = bool(announced) and (chunked or announced != [str(len(body))]) and not head_only
    lines = [f"HTTP/1.1 {record['status']} {record.get('reason', 'OK')}"]
    lines += [f"{k}: {v}" for k, v in fields
              if k.lower() not in ("content-length", "transfer-encoding", "connection", "keep-alive")]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif not head_only:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines + ["", ""]).encode("latin-1", "replace")
    if head_only:
        return [head], mended
    if not chunked:
        return [head + body], mended
    writes, at = [head], 0
    for length in chunks:
        if length:
            writes.append(f"{length:x}\r\n".encode() + body[at:at + length] + b"\r\n")
            at += length
    return writes + [b"0\r\n\r\n"], mended


def label(text):
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[-60:]


def load(paths):
    exchanges, left_out = [], 0
    for path in paths:
        lines = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout if path.endswith(".zst") \
            else open(path, "rb").read()
        for line in lines.splitlines():
            record = json.loads(line)
            url = urllib.parse.urlsplit(record.get("url", ""))
            if url.scheme not in ("http", "https"):
                left_out += 1
                continue
            target = urllib.parse.quote(url.path or "/", safe="/%:@!$&'()*+,;=~-._") + ("?" + url.query if url.query else "")
            fields = [(k, clean(v)) for k, v in record["req_headers"] if k.lower() not in HOP]
            answer, mended = answer_bytes(record)
            name = label(os.path.basename(path).split(".")[0] + "-" + str(record["trace"]))
            exchanges.append(Exchange(name, record["method"], url.hostname, target, fields, body_of(record, "req_body"), answer,
                                      mended))
    return exchanges, left_out


def generate(count, seed):
    dice = random.Random(seed)
    words = ["".join(dice.choices(string.ascii_lowercase + "äöü€🐎", k=dice.randint(2, 9))) for _ in range(400)]

    def text(n):
        return " ".join(dice.choices(words, k=n))

    exchanges = []
    for i in range(count):
        body = json.dumps({"model": "toy", "n": i, "messages": [{"role": "user", "content": text(dice.randint(1, 300))}]},
                          ensure_ascii=dice.random() < 0.3).encode()
        kind = dice.choice(["json", "json", "sse", "binary", "empty", "error"])
        record = {"method": "POST", "status": 200, "resp_headers": [["Content-Type", "application/json"], ["x-request-id", f"req_{dice.getrandbits(64):x}"],
                  ["Set-Cookie", f"__cf={dice.getrandbits(90):x}; path=/"], ["X-Odd-CASE", ""], ["x-odd-case", "2"]]}
        if kind == "sse":
            pieces = [f"data: {json.dumps({'i': k, 'delta': text(3)})}\n\n".encode() for k in range(dice.randint(1, 40))] + [b"data: [DONE]\n\n"]
            record |= {"sse": True, "chunks": [[len(p), 0] for p in pieces], "resp_body_b64": base64.b64encode(b"".join(pieces)).decode()}
            record["resp_headers"][0] = ["Content-Type", "text/event-stream; charset=utf-8"]
        elif kind == "binary":
            record["resp_body_b64"] = base64.b64encode(dice.randbytes(dice.randint(1, 90000))).decode()
        elif kind == "json":
            record["resp_body"] = json.dumps({"id": f"c{i}", "text": text(dice.randint(1, 900))})
        elif kind == "error":
            record |= {"status": dice.choice([400, 401, 429, 500, 529]), "reason": "", "resp_body": '{"error":{"message":"no"}}'}
        answer, mended = answer_bytes(record)
        exchanges.append(Exchange(f"generated-{i % 23}", "POST", "api.example", f"/v1/x?i={i}", [("Content-Type", "application/json")], body,
                                  answer, mended))
    return exchanges, 0


# --- sockets ----------------------------------------------------------------------------------------------------------

def recv_until(connection, pending, marker):
    while marker not in pending:
        data = connection.recv(262144)
        if not data:
            raise EOFError("the connection ended inside an answer")
        pending += data


def read_answer(connection, method):
    """One raw HTTP/1.1 answer, exactly as its bytes came."""
    pending = bytearray()
    recv_until(connection, pending, b"\r\n\r\n")
    end = pending.index(b"\r\n\r\n") + 4
    head = bytes(pending[:end]).lower()
    status = int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in (204, 304):
        return bytes(pending)
    if b"\r\ntransfer-encoding: chunked" in head:
        at = end
        while True:
            while b"\r\n" not in pending[at:]:
                pending += connection.recv(262144) or eof()
            line_end = pending.index(b"\r\n", at)
            size = int(pending[at:line_end], 16)
            at = line_end + 2 + size + 2
            while len(pending) < at:
                pending += connection.recv(262144) or eof()
            if size == 0:
                return bytes(pending[:at])
    length = int(re.search(rb"\r\ncontent-length: *(\d+)", head)[1])
    while len(pending) < end + length:
        pending += connection.recv(262144) or eof()
    return bytes(pending[:end + length])


def eof():
    raise EOFError("the connection ended inside an answer")


class Upstream:
    def __init__(self, exchanges):
        self.exchanges = exchanges
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        pending = bytearray()
        try:
            while True:
                recv_until(connection, pending, b"\r\n\r\n")
                end = pending.index(b"\r\n\r\n") + 4
                head = bytes(pending[:end]).lower()
                found = re.search(rb"\r\ncontent-length: *(\d+)", head)
                length = int(found[1]) if found else 0
                while len(pending) < end + length:
                    pending += connection.recv(262144) or eof()
                del pending[:end + length]
                for write in self.exchanges[int(re.search(rb"\r\nx-corpus: *(\d+)", head)[1])].answer:
                    connection.sendall(write)
        except (EOFError, OSError):
            connection.close()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def play(exchanges, url, key, connections):
    """Sends every exchange, the ones of a trace in their order; gives the raw answers."""
    port = urllib.parse.urlsplit(url).port
    answers = [None] * len(exchanges)
    traces = {}
    for number, exchange in enumerate(exchanges):
        traces.setdefault(exchange.trace, []).append(number)

    def one_trace(numbers):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.settimeout(120)
        for number in numbers:
            exchange = exchanges[number]
            try:
                connection.sendall(exchange.request(number, key, "/" + name_of(exchange.host)))
                answers[number] = read_answer(connection, exchange.method)
            except (OSError, EOFError) as error:
                answers[number] = f"{type(error).__name__}: {error}".encode()
                connection.close()
                connection = socket.create_connection(("127.0.0.1", port))
                connection.settimeout(120)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(one_trace, traces.values()))
    return answers


def name_of(host):
    return "h-" + re.sub(r"[^a-z0-9-]", "-", host.lower())[-28:]


# --- reenact ----------------------------------------------------------------------------------------------------------

def start(command, environment):
    """Starts a serving reenact; gives the process and its URL, which it prints as REENACT_URL."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if found := re.search(r"REENACT_URL=['\"]?(http://[0-9.:]+)", line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, found[1]
    raise SystemExit(f"{command[1]} ended with {process.wait()} before it served")


def stop(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=300)


def difference(recorded, replayed):
    """None when equal outside placeholders of the same length, else a sentence; and how many bytes were redacted."""
    if recorded == replayed:
        return None, 0
    if len(recorded) != len(replayed):
        return f"{len(recorded)} bytes when recording, {len(replayed)} on replay: {replayed[:160]!r}", 0
    masked, redacted = bytearray(recorded), 0
    for span in PLACEHOLDER.finditer(replayed):
        if masked[span.start():span.end()] != span.group():
            redacted += span.end() - span.start()
            masked[span.start():span.end()] = span.group()
    if masked == replayed:
        return None, redacted
    at = next(i for i, (a, b) in enumerate(zip(masked, replayed)) if a != b)
    return f"byte {at}: {recorded[at - 20:at + 40]!r} became {replayed[at - 20:at + 40]!r}", redacted


def redacted_names(command, environment, trace, events):
    """Names of the header fields of a trace that hold a placeholder, and how often."""
    names = collections.Counter()
    for event in range(1, events + 1):
        heads = subprocess.run([*command, f"{trace}:{event}", "--raw", "head"], env=environment, capture_output=True).stdout
        for line in heads.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if b"RN-REDACTED-" in value or re.search(rb"(^|[ =])x{3,11}([; ]|$)", value):
                names[name.decode("latin-1").lower()] += 1
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reenact")
    parser.add_argument("data", nargs="*")
    parser.add_argument("--generate", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--keep", help="keep the store here")
    options = parser.parse_intermixed_args()
    exchanges, left_out = generate(options.generate, options.seed) if options.generate else load(options.data)
    directory = tempfile.mkdtemp(prefix="reenact-corpus-")
    store = options.keep or os.path.join(directory, "store")
    environment = os.environ | {"XDG_CONFIG_HOME": os.path.join(directory, "config")}
    upstream = Upstream(exchanges)
    names = sorted({name_of(exchange.host) for exchange in exchanges})
    upstreams = [f"--upstream={name}=http://127.0.0.1:{upstream.port}" for name in names]
    traces = sorted({exchange.trace for exchange in exchanges})
    print(f"{len(exchanges)} exchanges in {len(traces)} traces for {len(names)} hosts; {left_out} lines are not HTTP; "
          f"{sum(e.mended for e in exchanges)} heads were mended", flush=True)

    process, url = start([options.reenact, "serve", "--store", store, "--session", "corpus", *upstreams], environment)
    recorded = play(exchanges, url, KEYS[0], options.connections)
    served = stop(process)
    upstream.stop()
    unlike = [i for i, answer in enumerate(recorded) if b" 502 " in answer[:40] and b"reenact" in answer]
    print(f"recorded: serve ended with {served}; {sum(map(len, recorded))} bytes of answers; {len(unlike)} of them our own 502",
          flush=True)

    process, url = start([options.reenact, "replay", "--store", store, "--serve", "--order", "any", "--pace", "1000", "corpus"], environment)
    replayed = play(exchanges, url, KEYS[1], options.connections)
    verdict = stop(process)
    differences, redacted = [], 0
    for number, (before, after) in enumerate(zip(recorded, replayed)):
        found, count = difference(before, after)
        redacted += count
        if found:
            differences.append((number, found))
    for number, found in differences[:12]:
        print(f"  exchange {number} ({exchanges[number].trace}, {exchanges[number].method} {exchanges[number].target[:60]}): {found}")
    print(f"replayed: serve ended with {verdict}; {len(differences)} differences; {redacted} bytes inside redacted spans", flush=True)

    failed = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def verify(trace):
            return trace, subprocess.run([options.reenact, "replay", "--store", store, "--strict", trace], env=environment,
                                         capture_output=True, text=True)
        for trace, done in pool.map(verify, traces):
            if done.returncode != 0:
                failed.append((trace, done.stderr.strip()))
    for trace, sentence in failed[:12]:
        print(f"  {trace}: {sentence}")
    print(f"self-replayed by bytes: {len(traces) - len(failed)} of {len(traces)} traces verified", flush=True)
    counts = collections.Counter(exchange.trace for exchange in exchanges)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        show = [options.reenact, "show", "--store", store]
        names = sum(pool.map(lambda trace: redacted_names(show, environment, trace, counts[trace]), traces), collections.Counter())
    print("redacted header fields: " + ", ".join(f"{name} ({count})" for name, count in names.most_common()), flush=True)
    checked = subprocess.run([options.reenact, "verify", "--store", store], env=environment, capture_output=True, text=True)
    print(f"verify: exit {checked.returncode}: {checked.stdout.strip()[-200:]}{checked.stderr.strip()[-200:]}")
    good = not differences and not failed and not unlike and served == 0 and verdict == 0 and checked.returncode == 0
    passed = [not differences, not failed, not unlike, served == 0, verdict == 0, checked.returncode == 0]
    print(f"counted: {sum(passed)} passed, {len(passed) - sum(passed)} failed")
    if not options.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
