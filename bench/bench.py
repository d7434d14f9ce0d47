"""What the benchmarks share: peers side by side in one run, CPU by schedstat, medians of interleaved rounds.

Absolute numbers mean nothing on shared cores; every figure is a ratio to a peer measured in the same round.
"""
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BENCH_BUILD") or os.path.join(ROOT, "build", "release")
REENACT = os.path.join(BUILD, "cli", "reenact")

NGINX = """worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.err warn; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600; client_body_buffer_size 64k; client_max_body_size 64m;
 tcp_nodelay on; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600;
 client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
 {body} }}
"""


def setup():
    subprocess.run([os.path.join(ROOT, "scripts", "setup"), "bench"], check=True)
    if "BENCH_BUILD" not in os.environ:
        subprocess.run([os.path.join(ROOT, "scripts", "build"), "release"], check=True, stdout=subprocess.DEVNULL)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_port(port, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


class Peer:
    """A process under measurement. `pid` is the one whose CPU counts."""

    def __init__(self, name, process, port, path="", pid=None):
        self.name, self.process, self.port, self.path = name, process, port, path
        self.pid = pid or process.pid

    def cpu_ns(self):
        """CPU of every thread so far: {thread name or id: ns}. The first entry is the main (loop) thread."""
        out = {}
        for path in sorted(glob.glob(f"/proc/{self.pid}/task/*/schedstat"), key=lambda p: int(p.split("/")[4])):
            try:
                with open(path) as file:
                    out[int(path.split("/")[4])] = int(file.read().split()[0])
            except OSError:
                pass
        return out

    def settle(self):
        """Waits until it has nothing to do: a recorder's writer brings its indexes up after the load is over."""
        used = sum(self.cpu_ns().values())
        while True:
            time.sleep(0.25)
            now = sum(self.cpu_ns().values())
            if now - used < 5_000_000:
                return
            used = now

    def memory_kb(self):
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            return int(re.search(r"Pss_Anon: *(\d+)", file.read())[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class IdleStreams:
    """Streams that have had their first event and will get no other, held open."""

    def __init__(self, peer, count):
        self.sockets = []
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        request = (f"POST {peer.path}/idle HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                   f"Content-Length: 1024\r\n\r\n" + "q" * 1024).encode()
        for first in range(0, count, 100):
            batch = [socket.create_connection(("127.0.0.1", peer.port), 30) for _ in range(min(100, count - first))]
            for one in batch:
                one.sendall(request)
            for one in batch:
                seen = b""
                while b"data:" not in seen:
                    piece = one.recv(4096)
                    if not piece:
                        raise SystemExit(f"{peer.name} closed an idle stream: {seen[:300]}")
                    seen += piece
            self.sockets += batch

    def close(self):
        for one in self.sockets:
            one.close()


class Run:
    """A temporary directory and the processes of one benchmark."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="reenact-bench-", dir=os.environ.get("BENCH_DIR"))
        os.chmod(self.directory, 0o755)
        self.peers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in reversed(self.peers):
            peer.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name, command, port, path="", **rest):
        log = open(os.path.join(self.directory, name + ".log"), "wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, **rest)
        self.peers.append(Peer(name, process, port, path))
        wait_port(port)
        return self.peers[-1]

    def upstream(self):
        port = free_port()
        return self.start("upstream", [os.path.join(BUILD, "bench", "bench_upstream"), str(port)], port)

    def nginx(self, name, body, port):
        path = os.path.join(self.directory, name + ".conf")
        with open(path, "w") as file:
            file.write(NGINX.format(dir=self.directory, name=name, body=body))
        peer = self.start(name, ["nginx", "-p", self.directory, "-c", path], port)
        children = open(f"/proc/{peer.pid}/task/{peer.pid}/children").read().split()
        peer.pid = int(children[0])  # the worker
        return peer

    def nginx_proxy(self, upstream, name="nginx"):
        port = free_port()
        return self.nginx(name, f"upstream up {{ server 127.0.0.1:{upstream.port}; keepalive 512; keepalive_requests 100000000; }}"
                          f" server {{ listen 127.0.0.1:{port} reuseport backlog=4096; location / {{ proxy_pass http://up; }} }}", port)

    def reenact_serve(self, upstream, name="reenact", options=()):
        port = free_port()
        environment = os.environ | {"XDG_CONFIG_HOME": os.path.join(self.directory, "config")}
        peer = self.start(name, [REENACT, "serve", "--durability", "sync", "--store", os.path.join(self.directory, name + ".store"), "--listen", str(port),
                                 "--upstream", f"bench=http://127.0.0.1:{upstream.port}", *options], port, "/t/bench/bench", env=environment)
        return peer

    def mitmdump(self, upstream):
        port = free_port()
        return self.start("mitmdump", ["mitmdump", "-q", "--listen-host", "127.0.0.1", "-p", str(port), "--mode",
                                       f"reverse:http://127.0.0.1:{upstream.port}", "-w", os.path.join(self.directory, "flows")], port)


def wrk(peer, connections, seconds):
    """One wrk run; gives requests, rps, p50 and CPU per request: of the main thread and of the whole process, in us.

    Work put off until the load is over (indexes) is waited for and counted.
    """
    peer.settle()
    before = peer.cpu_ns()
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", os.path.join(ROOT, "bench", "load.lua"),
                          f"http://127.0.0.1:{peer.port}"], capture_output=True, text=True,
                         env=os.environ | {"BENCH_PATH": peer.path + "/v1/chat/completions"})
    found = re.search(r"^RESULT (.*)$", out.stdout, re.M)
    if not found:
        raise SystemExit(f"wrk against {peer.name} failed: {out.stdout}{out.stderr}")
    result = json.loads(found[1])
    peer.settle()
    return result | cpu_per(peer, before, max(1, result["requests"])) | {"rps": result["requests"] / (result["us"] / 1e6)}


def cpu_per(peer, before, count):
    after = peer.cpu_ns()
    used = {thread: ns - before.get(thread, 0) for thread, ns in after.items()}
    return {"loop_us": used.get(peer.pid, 0) / count / 1000, "all_us": sum(used.values()) / count / 1000}


def interleave(peers, rounds, measure):
    """Measures every peer once a round, the order reversed in every second one; gives {name: [result, ...]}."""
    results = {peer.name: [] for peer in peers}
    for i in range(rounds):
        for peer in peers if i % 2 == 0 else reversed(peers):
            results[peer.name].append(measure(peer))
            if sys.stderr.isatty():
                print(f"\r  round {i + 1} of {rounds}: {peer.name:12}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return results


def ratio(results, name, other, key):
    """The median of the per-round ratios, with the range."""
    ratios = [a[key] / b[key] for a, b in zip(results[name], results[other]) if b[key]]
    return statistics.median(ratios), min(ratios), max(ratios)


def median(results, name, key):
    return statistics.median(r[key] for r in results[name])


def machine():
    """One line about the noise: what the figures were taken on, and how long a flush of this disk takes meanwhile."""
    times = []
    with tempfile.NamedTemporaryFile(dir=os.environ.get("BENCH_DIR")) as file:
        for _ in range(60):
            file.write(os.urandom(65536))
            file.flush()
            begin = time.monotonic()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - begin) * 1e6)
    times.sort()
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} cores, load average {load:.1f}, fdatasync of 64 KB: p50 {times[30]:.0f} us, p90 {times[54]:.0f} us; "
            f"{time.strftime('%Y-%m-%d %H:%M')}")


def table(title, rows):
    """Aligned columns; the first row is the head."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    print("\n" + title)
    for row in rows:
        print("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def verdict(value, bar, at_least=False):
    good = value >= bar if at_least else value <= bar
    return f"{'met' if good else 'MISSED'} ({'>=' if at_least else '<='} {bar:g} x)"
