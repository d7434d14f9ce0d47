"""Upstreams, clients and commands that misbehave: what was sent is sent again to the byte, and no verdict says more than is true.

The client prints the raw bytes it was sent and how the connection ended, so that the comparison of output, which every verdict
makes, is one of framing, chunk sizes and ends as well.
"""
import gzip
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import REENACT, Case, answer, echo, main

OK = b"HTTP/1.1 200 OK\r\n"

RAW_CLIENT = r'''
import hashlib, os, socket, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
for request in sys.argv[1:]:
    if not request.startswith(("GET", "POST", "HEAD")):
        request = ("POST /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
                   "Content-Length: 2\r\n\r\n{}" % request)
    connection = socket.create_connection((base.hostname, base.port), timeout=60)
    connection.sendall(request.encode("latin1"))
    received, end = b"", "end"
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        end = "reset"
    print(len(received), hashlib.sha256(received).hexdigest(), received[:3000], end)
'''

ASK = r'''
import http.client, os, socket, sys, time, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(body="{}", **fields):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat", body, {"Content-Type": "application/json", **fields})
    text = connection.getresponse().read().decode()
    connection.close()
    return text
def begin(body):
    connection = socket.create_connection((base.hostname, base.port), timeout=60)
    connection.sendall(b"POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    return connection
def again():
    """Whether this program ran in this directory before."""
    ran = os.path.exists("ran")
    open("ran", "w").close()
    return ran
'''


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Answers(Case):
    """`table` maps the last word of a path to the bytes of an answer, which ends with its connection."""

    def serve(self, table, ends_by_reset=False):
        def behaviour(head, body, connection):
            connection.sendall(table[head.split(b" ")[1].rsplit(b"/", 1)[1].decode()])
            if ends_by_reset:
                time.sleep(0.01)  # what is queued must leave before the reset takes it away
                reset(connection)
            return False
        return self.upstream(behaviour)

    def again(self, upstream, *requests):
        """Records, replays and self-replays; gives what the client was sent, one line per request."""
        client = self.write("raw.py", RAW_CLIENT)
        recorded = self.record(upstream, sys.executable, client, *requests)
        upstream.stop()
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        replayed = self.replay()
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)
        self.assertVerdict(self.replay(options=["--self"]), "verified", 0)
        return recorded.stdout.splitlines()

    def all(self, table, **how):
        return dict(zip(table, self.again(self.serve(table, **how), *table)))

    def test_an_answer_cut_at_any_byte_is_never_complete_and_cut_there_again(self):
        whole = OK + b"X-A: b\r\nContent-Length: 4\r\n\r\nabcd"
        chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
        table = {f"{name}{at}": text[:at] for name, text in (("l", whole), ("c", chunked)) for at in range(len(text) + 1)}
        lines = self.all(table)
        for name, line in lines.items():
            part = table[name]
            complete = "abcd' end" in line or r"0\r\nT: v\r\n\r\n" in line
            # libcurl takes a last chunk for one without its very last byte.
            self.assertEqual(complete, part in (whole, chunked, chunked[:-1]), f"{part}: {line}")
            if b"\r\n\r\n" not in part:
                self.assertIn("502 Bad Gateway", line, part)

    def test_an_answer_reset_at_any_place_is_never_complete(self):
        whole = OK + b"Content-Length: 4\r\n\r\nabcd"
        lines = self.all({f"r{at}": whole[:at] for at in range(0, len(whole), 5)}, ends_by_reset=True)
        self.assertFalse([line for line in lines.values() if "abcd" in line])

    def test_a_body_that_only_the_connection_ends_is_reset_where_it_was_cut(self):
        table = {"ended": OK + b"X: y\r\n\r\nall of it", "cut": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}
        old = [f"GET /v1/{name} HTTP/1.0\r\n\r\n" for name in table]
        lines = self.again(self.serve(table), *old)
        self.assertEqual([line.rsplit(" ", 1)[1] for line in lines], ["end", "reset"])

    def test_heads_that_clients_take_lose_no_field(self):
        rest = b"X-B: b\r\nContent-Length: 5\r\n\r\nhello"
        lines = self.all({
            "fold": OK + b"X-A: one\r\n  two\r\n" + rest,
            "blank": OK + b"X-A : one two\r\n" + rest,
            "lf": (OK + b"X-A: one two\r\n" + rest).replace(b"\r\n", b"\n"),
        })
        for line in lines.values():
            self.assertIn(r"200 OK\r\nX-A: one two\r\nX-B: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello' end", line)
        odd = self.all({"name": OK + b"X(A): one\r\n" + rest, "none": OK + b": one\r\n" + rest})
        for line in odd.values():
            self.assertIn(r"one\r\nX-B: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello' end", line)

    def test_a_head_that_contradicts_itself_is_refused_without_its_body(self):
        table = {
            "two": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            "list": OK + b"Content-Length: 5, 6\r\n\r\nhello!",
            "huge": OK + b"Content-Length: 99999999999999999999\r\n\r\nhello!",
        }
        for line in self.all(table).values():
            self.assertIn("502 Bad Gateway", line)
            self.assertIn(r'"}}\n', line)
            self.assertNotIn("hello", line)

    def test_odd_answers_are_given_again_to_the_byte(self):
        coded = gzip.compress(b'{"a": "b"}' * 20, mtime=0)
        table = {
            "reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            "old": b"HTTP/1.0 200 Fine\r\nX: y\r\n\r\nuntil the end",
            "hints": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
            "duplicates": OK + b"x-a: 1\r\nX-A: 2\r\nEmpty:\r\nx-a: 1\r\nContent-Length: 2\r\n\r\nok",
            "none": b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
            "unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
            "gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded,
            "lie": OK + b"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}",
            "utf8": OK + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":\"\xff\"}",
            "extension": OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c\r\nTrailer-A: 1\r\ntrailer-a: 2\r\n\r\n",
            "badchunk": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nXY\r\n",
            "fields": OK + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 200) for i in range(250)) + b"Content-Length: 2\r\n\r\nok",
            "short": OK + b"Content-Length: 9\r\n\r\nhello",
            "long": OK + b"Content-Length: 2\r\n\r\nokmore",
            "big": OK + b"Content-Length: 3000000\r\n\r\n" + os.urandom(1000) * 3000,
            "nothttp": b"ICY 200 OK\r\n\r\n",
        }
        lines = self.all(table)
        self.assertIn(r"103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK", lines["hints"])
        self.assertIn(r"0\r\nTrailer-A: 1\r\ntrailer-a: 2\r\n\r\n' end", lines["extension"])
        self.assertIn(r"x-a: 1\r\nX-A: 2\r\nEmpty:\r\nx-a: 1\r\n", lines["duplicates"])
        self.assertIn("502", lines["nothttp"])

    def test_streams_keep_their_pieces_whatever_ends_their_lines(self):
        parts = {
            "bytes": [bytes([byte]) for byte in b"data: [DONE]\n\n"],
            "cr": [b"\xef\xbb\xbfdata: a\r", b"\rdata: b\r\r", b"data: [DONE]\r\r"],
            "crlf": [b"data: a\r", b"\n\r", b"\n", b"data: [DONE]\r\n\r\n"],
            "goeson": [b"data: [DONE]\n\n", b": still here\n\n", b"data: [DONE]\n\n"],
        }

        def behaviour(head, body, connection):
            connection.sendall(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in parts[head.split(b" ")[1].rsplit(b"/", 1)[1].decode()]:
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
                time.sleep(0.002)
            connection.sendall(b"0\r\n\r\n")
        self.again(self.upstream(behaviour), *parts)

    def test_odd_requests_are_answered_again_to_the_byte(self):
        plain = "HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        self.again(
            self.upstream(),
            "POST /v1/a HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
            f"POST /v1/a {plain}Content-Length: 1\r\n\r\n1POST /v1/a {plain}Content-Length: 1\r\n\r\n2"
            f"POST /v1/a {plain}Connection: close\r\nContent-Length: 1\r\n\r\n1",
            f"POST /v1/b {plain}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{{}}\n\r\n1\r\n \r\n0\r\nT: v\r\n\r\n",
            f"HEAD /v1/c {plain}Connection: close\r\n\r\n",
            f"GET /v1/../d//e?a=%zz&&a {plain}Connection: close\r\nEmpty:\r\nX: \xff\r\n\r\n",
            f"POST /v1/f {plain}Connection: close\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n{{\"a\":1,\"a\":2}}")


class Twice(Case):
    def run_twice(self, program, behaviour=echo, **rest):
        """Records ASK and `program`, then replays it with the upstream gone. Gives upstream, recording, replay."""
        script = self.write("program.py", ASK + program)
        upstream = self.upstream(behaviour)
        recorded = self.record(upstream, sys.executable, script, **rest)
        upstream.stop()
        return upstream, recorded, self.replay()

    def assertReproduced(self, program, behaviour=echo, **rest):
        upstream, recorded, replayed = self.run_twice(program, behaviour, **rest)
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)
        return upstream


class Clients(Twice):
    def test_no_post_is_sent_twice_when_a_kept_connection_dies(self):
        asked = []

        def second_dies(head, body, connection):
            asked.append(body)
            return echo(head, body, connection) if len(asked) == 1 else False
        self.assertReproduced("print(ask('{}'))\ntime.sleep(0.05)\nprint(ask('{\"b\":1}'))\n", second_dies)
        self.assertEqual(asked, [b"{}", b'{"b":1}'])

    def test_a_request_with_a_foreign_origin_is_an_extra_request(self):
        _, _, replayed = self.run_twice("print(ask())\nif again():\n    ask(Origin='https://elsewhere.example')\n")
        self.assertVerdict(replayed, "diverged", 1)
        self.assertIn("more requests than when recorded were refused", replayed.receipt["sentence"])

    def test_a_malformed_request_is_an_extra_request(self):
        _, _, replayed = self.run_twice("print(ask())\nif again():\n    c = socket.create_connection((base.hostname, base.port))\n"
                                        "    c.sendall(b'nonsense\\r\\n\\r\\n')\n    c.recv(9)\n")
        self.assertVerdict(replayed, "diverged", 1)

    REFUSED = ("def refused(request=b'nonsense\\r\\n\\r\\n'):\n    c = socket.create_connection((base.hostname, base.port))\n"
               "    c.sendall(request)\n    print(c.recv(12))\n    c.close()\n"
               "FOREIGN = b'GET / HTTP/1.1\\r\\nHost: elsewhere.example\\r\\n\\r\\n'\n")

    def test_requests_refused_as_when_recorded_are_no_divergence(self):
        _, _, replayed = self.run_twice(self.REFUSED + "refused()\nprint(ask())\nrefused()\nrefused(FOREIGN)\n")
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual((replayed.receipt["counts"]["malformed"], replayed.receipt["counts"]["malformed_recorded"]), (3, 3))

    def test_a_malformed_request_that_does_not_come_again_is_named(self):
        _, _, replayed = self.run_twice(self.REFUSED + "print(ask())\nran = again()\nrefused()\nif not ran:\n    refused()\n")
        self.assertVerdict(replayed, "diverged", 1)
        self.assertIn("fewer requests than when recorded were refused", replayed.receipt["sentence"])

    def test_another_kind_of_refusal_is_another_request(self):
        _, _, replayed = self.run_twice(self.REFUSED + "print(ask())\nrefused(FOREIGN if again() else b'nonsense\\r\\n\\r\\n')\n")
        self.assertVerdict(replayed, "diverged", 1)
        self.assertIn("more requests than when recorded were refused", replayed.receipt["sentence"])

    def test_a_client_that_leaves_a_stream_leaves_it_again(self):
        def endless(head, body, connection):
            if body != b"stream":
                return echo(head, body, connection)
            connection.sendall(OK + b"Content-Type: text/event-stream\r\n\r\n")
            for number in range(1000):
                connection.sendall(b"data: %d\n\n" % number)
                time.sleep(0.01)
            return False
        self.assertReproduced("c = begin(b'stream')\ngot = b''\nwhile b'data: 3' not in got:\n    got += c.recv(100)\n"
                              "c.close()\nprint(ask())\n", endless)

    def test_a_call_left_open_by_a_background_child_ends_with_its_run(self):
        def hangs(head, body, connection):
            return self.hold.wait(20) and False if b"hang" in body else echo(head, body, connection)
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)
        self.assertReproduced("print(ask(), flush=True)\nif os.fork() == 0:\n    c = begin(b'hang')\n    c.recv(1)\n    os._exit(0)\n"
                              "time.sleep(0.3)\n", hangs)

    def test_a_request_that_comes_while_a_stream_is_open_is_served_while_it_is_open(self):
        asked = threading.Event()

        def sampling(head, body, connection):
            if body == b"first":
                connection.sendall(OK + b"Content-Type: text/event-stream\r\n\r\ndata: ask\n\n")
                asked.wait(20)
                connection.sendall(b"data: end\n\n")
                return False
            asked.set()
            return answer(connection, {"fine": True})
        self.assertReproduced("c = begin(b'first')\ngot = b''\nwhile b'data: ask' not in got:\n    got += c.recv(1000)\n"
                              "print(ask('second'))\nwhile data := c.recv(1000):\n    got += data\nprint(got)\n", sampling)

    def test_half_a_request_is_no_call(self):
        upstream = self.assertReproduced(
            "print(ask())\nc = socket.create_connection((base.hostname, base.port))\n"
            "c.sendall(b'POST /v1/x HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Length: 10\\r\\n\\r\\nabc')\nc.close()\nprint(ask('2'))\n")
        self.assertEqual(len(upstream.requests), 2)

    def test_parallel_identical_requests_are_reproduced_where_their_order_does_not_show(self):
        self.assertReproduced("import concurrent.futures\nwith concurrent.futures.ThreadPoolExecutor(8) as pool:\n"
                              "    print(sorted(pool.map(lambda _: ask(), range(16))))\n")


class Commands(Twice):
    def test_output_of_any_bytes_and_size_is_compared(self):
        script = self.write("program.py", ASK + "print(ask(), flush=True)\nos.write(1, bytes(range(256)))\nos.write(2, b'\\xff\\x00')\n"
                            "for number in range(16):\n    sys.stdout.write('%07d\\n' % number * 131072)\n")
        recorded = self.record(self.upstream(), sys.executable, script, text=False)
        replayed = self.replay(text=False)
        self.assertEqual((replayed.receipt["verdict"], replayed.returncode), ("reproduced", 0), replayed.stderr[-500:])
        self.assertEqual(replayed.stdout, recorded.stdout)

    def test_a_command_that_closes_its_output_and_dies_by_a_signal_does_so_again(self):
        self.assertReproduced("print(ask(), flush=True)\nos.close(1)\nos.close(2)\nask('2')\nos.kill(os.getpid(), 9)\n")

    def test_requests_that_nobody_waited_for_are_recorded_or_named(self):
        script = self.write("program.py", ASK + "for _ in range(20):\n    begin(b'{}').close()\nask()\n")
        done = self.record(self.upstream(), sys.executable, script)
        refused = [int(number) for number in re.findall(r"(\d+) refused that nobody waited for", done.stderr)]
        recorded = int(re.search(r"(\d+) calls?,", done.stderr)[1])
        self.assertEqual(recorded + sum(refused), 21, done.stderr)
        self.assertEqual(bool(refused), "whoever sent that closed the connection" in done.stderr, done.stderr)

    def test_output_that_the_disk_did_not_take_is_no_success(self):
        # What is written and what is recorded are two things: the recording is whole.
        script = self.write("program.py", ASK + "os.write(1, ask().encode())\n")
        upstream = self.upstream()
        base = [REENACT, "record", "--store", self.store, "--name", "run", "--", sys.executable, script]
        with open("/dev/full", "w") as full:
            done = subprocess.run(base, env=self.environment | {"OPENAI_BASE_URL": upstream.url + "/v1"}, stdin=subprocess.DEVNULL,
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("cannot write to stdout: No space left on device", done.stderr)
            self.assertVerdict(self.replay(), "reproduced", 0)
            done = subprocess.run([REENACT, "replay", "--store", self.store, "run"], env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertNotIn("reproduced", done.stderr)

    def test_a_replay_that_prints_without_end_costs_no_memory(self):
        again = "if again():\n    for _ in range(3000):\n        os.write(1, b'x' * 65536)\n"
        self.record(self.upstream(), sys.executable, self.write("program.py", ASK + "print(ask(), flush=True)\n" + again))
        with open(os.devnull, "wb") as nowhere:
            process = subprocess.Popen([REENACT, "replay", "--store", self.store, "run"], env=self.environment, cwd=self.directory,
                                       stdout=nowhere, stderr=subprocess.PIPE)
            told = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        self.assertEqual(process.returncode, 1, told)
        self.assertLess(used.ru_maxrss, 150 * 1024)  # KB, a sanitizer's own included; 196 MB were printed

    def test_background_children_that_keep_the_output_open_are_not_waited_for(self):
        self.assertReproduced("print(ask(), flush=True)\nif os.fork() == 0:\n    time.sleep(5)\n    os._exit(0)\n")

    def test_arguments_of_any_bytes_and_length_are_run_again(self):
        script = self.write("program.py", ASK + "print(ask(), [os.fsencode(a)[-9:] for a in sys.argv[1:]])\n")
        self.record(self.upstream(), sys.executable, script, "x" * 100000, b"\xff\xfe\n\x01", "", "ü ' \" $")
        self.assertVerdict(self.replay(), "reproduced", 0)

    def test_stores_at_odd_paths_are_stores(self):
        self.store = os.path.join(self.directory, "a b/ü\n'$x")
        self.assertReproduced("print(ask())\n")

    def test_a_killed_recorder_leaves_an_incomplete_recording(self):
        asked = threading.Event()
        hold = threading.Event()
        self.addCleanup(hold.set)

        def hangs(head, body, connection):
            asked.set()
            hold.wait(20)
            return False
        script = self.write("program.py", ASK + "ask()\n")
        upstream = self.upstream(hangs)
        env = self.environment | {"OPENAI_BASE_URL": upstream.url + "/v1"}
        recorder = subprocess.Popen([REENACT, "record", "--store", self.store, "--name", "run", "--", sys.executable, script],
                                    env=env, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(asked.wait(20))
        open_verdict = self.replay("true")
        recorder.kill()
        recorder.wait()
        self.assertVerdict(open_verdict, "incomparable", 3)
        self.assertVerdict(self.replay("true"), "incomparable", 3)
        self.assertReproduced("print(ask())\n", options=["--name", "run"])
        self.assertEqual(self.reenact("verify", "--store", self.store).returncode, 0)

    def test_a_signal_ends_the_command_and_the_recording_is_kept(self):
        asked = threading.Event()
        hold = threading.Event()
        self.addCleanup(hold.set)

        def hangs(head, body, connection):
            if b"hang" not in body:
                return echo(head, body, connection)
            asked.set()
            hold.wait(20)
            return False
        script = self.write("program.py", ASK + "print(ask(), flush=True)\nask('hang')\n")
        upstream = self.upstream(hangs)
        recorder = subprocess.Popen([REENACT, "record", "--store", self.store, "--name", "run", "--", sys.executable, script],
                                    env=self.environment | {"OPENAI_BASE_URL": upstream.url + "/v1"}, cwd=self.directory,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertTrue(asked.wait(20))
        recorder.terminate()
        _, told = recorder.communicate(timeout=20)
        self.assertEqual(recorder.returncode, 128 + 15)
        self.assertIn("2 calls", told)
        self.assertVerdict(self.replay(options=["--self"]), "verified", 0)


if __name__ == "__main__":
    main()
