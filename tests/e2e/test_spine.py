"""One run is recorded, its upstream is switched off, and the same run happens again."""
import os
import subprocess
import sys
import threading
import unittest

from harness import Case, answer, echo, main


def sse(*events):
    def behaviour(head, body, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            connection.sendall(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
    return behaviour


class Spine(Case):
    def test_a_run_is_reproduced_with_its_upstream_gone(self):
        upstream = self.upstream()
        recorded = self.record_client(upstream, 'POST|/chat|{"a":1}', 'POST|/chat|{"a":2}')
        upstream.stop()
        replayed = self.replay()
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)
        self.assertIn("unguarded", replayed.stderr)

    def test_a_second_live_run_differs(self):
        upstream = self.upstream()
        first = self.record_client(upstream, 'POST|/chat|{"a":1}')
        second = self.record_client(upstream, 'POST|/chat|{"a":1}')
        self.assertNotEqual(first.stdout, second.stdout)

    def test_replay_can_be_repeated_as_often_as_needed(self):
        recorded = self.record_client(self.upstream(), 'POST|/chat|{"a":1}')
        for _ in range(3):
            replayed = self.replay()
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.stdout, recorded.stdout)

    def test_exit_status_of_the_command_is_ours(self):
        upstream = self.upstream()
        done = self.record(upstream, "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((done.returncode, done.stdout), (7, "out\n"))
        self.assertIn("err", done.stderr)
        self.assertIn("no call came through", done.stderr)

    def test_a_signal_gives_128_and_its_number(self):
        done = self.record(self.upstream(), "sh", "-c", "kill -TERM $$")
        self.assertEqual(done.returncode, 128 + 15)

    def test_the_failing_exit_status_is_reproduced_too(self):
        script = self.write("fails.py", self.read(self.client) + "\nsys.exit(3)\n")
        upstream = self.upstream()
        recorded = self.record(upstream, sys.executable, script, 'POST|/chat|{"a":1}')
        self.assertEqual(recorded.returncode, 3)
        upstream.stop()
        self.assertVerdict(self.replay(), "reproduced", 0)

    def read(self, path):
        with open(path) as file:
            return file.read()

    def test_json_in_another_order_and_spacing_is_served_by_rule_json(self):
        self.record_client(self.upstream(), 'POST|/chat|{"a":1,"b":[1.0,2]}')
        replayed = self.replay_client('POST|/chat|{ "b": [1, 2.0], "a": 1 }', options=["--ignore-output"])
        self.assertVerdict(replayed, "reproduced", 0)
        strict = self.replay_client('POST|/chat|{ "b": [1, 2.0], "a": 1 }', options=["--ignore-output", "--strict"])
        self.assertVerdict(strict, "diverged", 1)

    def test_a_stream_is_served_with_its_chunks(self):
        upstream = self.upstream(sse(b"data: one\n\n", b"data: two\n\ndata: th", b"ree\n\n", b"data: [DONE]\n\n"))
        client = self.write("raw.py", RAW_CLIENT)
        recorded = self.record(upstream, sys.executable, client)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertIn("data: one", recorded.stdout)
        upstream.stop()
        replayed = self.replay()
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)

    def test_stdin_of_a_run_is_given_back(self):
        script = self.write("stdin.py", self.read(self.client) + "\nprint(sys.stdin.read().upper())\n")
        upstream = self.upstream()
        recorded = self.record(upstream, sys.executable, script, 'POST|/chat|{"a":1}', stdin="hello there")
        self.assertIn("HELLO THERE", recorded.stdout)
        replayed = self.replay(stdin="")
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)

    def test_a_trace_is_found_by_name_suffix_prefix_last_and_foreign_ids(self):
        def behaviour(head, body, connection):
            answer(connection, {"id": "chatcmpl-foreign-42"}, fields=["x-request-id: req_foreign_4711"])
        recorded = self.record_client(self.upstream(behaviour), 'POST|/chat|{"a":1}')
        shown = self.reenact("show", "--store", self.store, "--json", "run")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        import json
        trace = json.loads(shown.stdout)["trace"]
        self.assertEqual(len(trace), 32)
        self.assertIn(trace[-8:], recorded.stderr)
        for text in [trace, trace[:9], trace[-8:], "last", "run", "chatcmpl-foreign-42", "req_foreign_4711"]:
            found = self.reenact("show", "--store", self.store, "--json", text)
            self.assertEqual(found.returncode, 0, f"{text}: {found.stderr}")
            self.assertEqual(json.loads(found.stdout)["trace"], trace, text)

    def test_wrapped_variables_reach_private_services(self):
        upstream = self.upstream()
        env = {"QDRANT_URL": upstream.url, "BASE_VARIABLE": "QDRANT_URL"}
        recorded = self.reenact("record", "--store", self.store, "--name", "run", "--wrap", "QDRANT_URL", "--", sys.executable,
                                self.client, 'POST|/collections/x/points/query|{"q":1}', env=env)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertEqual(len(upstream.requests), 1)
        upstream.stop()
        replayed = self.replay(env=env)
        self.assertVerdict(replayed, "reproduced", 0)

    def test_eight_calls_at_once_are_reproduced(self):
        program = self.write("parallel.py", PARALLEL_CLIENT)
        upstream = self.upstream()
        recorded = self.record(upstream, sys.executable, program)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        upstream.stop()
        for order in ("recorded", "any"):
            replayed = self.replay(options=["--order", order])
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.stdout, recorded.stdout)

    def test_a_truncated_stream_stays_truncated(self):
        def cut(head, body, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"b\r\ndata: one\n\n\r\n")
            return False
        client = self.write("raw.py", RAW_CLIENT)
        upstream = self.upstream(cut)
        recorded = self.record(upstream, sys.executable, client)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertNotIn(r"0\r\n\r\n", recorded.stdout)
        upstream.stop()
        replayed = self.replay()
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)

    def test_the_verdict_begins_at_the_margin(self):
        script = "import os, urllib.request; print(urllib.request.urlopen(os.environ['OPENAI_BASE_URL'] + '/x').read(), end='')"
        self.record(self.upstream(lambda head, body, connection: answer(connection, {"a": 1})), sys.executable, "-c", script)
        done = subprocess.run([os.environ["REENACT"], "replay", "--store", self.store, "last"], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, env=self.environment, cwd=self.directory, timeout=60)
        self.assertTrue(done.stdout.splitlines()[-1].startswith("reproduced"), done.stdout)

    def test_a_trace_without_a_run_is_verified_against_itself(self):
        upstream = self.upstream()
        self.record_client(upstream, 'POST|/chat|{"a":1}', 'GET|/models|')
        upstream.stop()
        self.assertVerdict(self.replay(options=["--self"]), "verified", 0)


RAW_CLIENT = r'''
import os, socket, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
connection = socket.create_connection((base.hostname, base.port))
body = b'{"stream":true}'
connection.sendall(b"POST %s/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                   % (base.path.encode(), len(body), body))
received = b""
while data := connection.recv(65536):
    received += data
print(repr(received))
'''

PARALLEL_CLIENT = r'''
import concurrent.futures, http.client, os, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def call(i):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat", '{"i":%d}' % i, {"Content-Type": "application/json"})
    return connection.getresponse().read().decode()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for line in pool.map(call, range(24)):
        print(line)
'''

if __name__ == "__main__":
    main()
