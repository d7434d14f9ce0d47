"""Bad input of every kind: a sentence that says what, where and what to do, a documented exit code, a store left whole."""
import os
import socket
import subprocess
import sys
import threading

from harness import Case, answer, main


class BadInput(Case):
    def assertSays(self, done, status, *words):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertLess(len(done.stderr.strip().splitlines()), 8, done.stderr)

    def whole(self):
        done = self.reenact("verify", "--store", self.store)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_unknown_and_ambiguous_traces(self):
        self.record_client(self.upstream(), 'POST|/chat|{"a":1}')
        self.assertSays(self.reenact("show", "--store", self.store, "nothere"), 2, "nothere")
        self.assertSays(self.reenact("replay", "--store", self.store, "nothere"), 2, "nothere")
        self.assertSays(self.reenact("replay", "--store", self.store), 2)
        self.assertSays(self.reenact("show", "--store", self.store, "run:77"), 2, "77")

    def test_no_store(self):
        self.assertSays(self.reenact("log", "--store", self.store), 2, self.store)
        self.assertFalse(os.path.exists(self.store))
        self.assertSays(self.reenact("log"), 2, "reenact record")

    def test_a_store_that_is_not_ours(self):
        os.mkdir(self.store)
        with open(os.path.join(self.store, "letter.txt"), "w") as file:
            file.write("keep me")
        self.assertSays(self.record(self.upstream(), "true"), 125, self.store)
        self.assertEqual(os.listdir(self.store), ["letter.txt"])
        with open(os.path.join(self.store, "data.mdb"), "wb") as file:
            file.write(os.urandom(20000))
        self.assertSays(self.reenact("log", "--store", self.store), 2, self.store)

    def test_a_truncated_data_file(self):
        self.record_client(self.upstream(), 'POST|/chat|{"a":1}')
        path = os.path.join(self.store, "data.mdb")
        with open(path, "rb") as file:
            whole = file.read()
        for size in (0, 1, 4095, 4096, 8192, len(whole) // 2, len(whole) - 1):
            with open(path, "wb") as file:
                file.write(whole[:size])
            done = self.reenact("log", "--store", self.store)
            self.assertIn(done.returncode, (1, 2), f"{size}: {done.stdout} {done.stderr}")

    def test_commands_that_cannot_be_run(self):
        done = self.record(self.upstream(), "no-such-command-here")
        self.assertSays(done, 127, "no-such-command-here")
        plain = self.write("plain.txt", "not a program")
        self.assertSays(self.record(self.upstream(), plain), 126, plain)
        self.assertSays(self.reenact("record", "--store", self.store), 125, "COMMAND")
        self.whole()

    def test_a_port_in_use(self):
        taken = socket.create_server(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = self.reenact("serve", "--store", self.store, "--listen", str(port))
        self.assertSays(done, 2, str(port))
        taken.close()

    def test_wrong_options(self):
        for arguments in (["record", "--nonsense", "--", "true"], ["record", "--upstream", "no-url", "--", "true"],
                          ["record", "--upstream", "x=ftp://h", "--", "true"], ["record", "--wrap", "NOT_SET_ANYWHERE", "--", "true"],
                          ["record", "--port", "openai=99999", "--", "true"], ["record", "--durability", "maybe", "--", "true"]):
            done = self.reenact(*arguments[:1], "--store", self.store, *arguments[1:])
            self.assertSays(done, 125, arguments[1])
        self.assertSays(self.reenact("replay", "--store", self.store, "--pace", "fast", "x"), 2, "fast")
        self.assertSays(self.reenact("nonsense"), 2, "nonsense")

    def test_an_unreachable_upstream_is_502_recorded_and_replayed(self):
        upstream = self.upstream()
        upstream.stop()
        recorded = self.record_client(upstream, 'POST|/chat|{"a":1}')
        self.assertIn("502", recorded.stdout)
        self.assertIn(upstream.url, recorded.stdout)
        replayed = self.replay()
        self.assertVerdict(replayed, "reproduced", 0)
        self.assertEqual(replayed.stdout, recorded.stdout)

    def test_tls_to_a_plain_port_is_502_with_a_reason(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def speak_plainly():
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 this is not TLS\r\n\r\n")
            connection.close()
        threading.Thread(target=speak_plainly, daemon=True).start()
        env = {"OPENAI_BASE_URL": f"https://127.0.0.1:{listener.getsockname()[1]}/v1"}
        recorded = self.record_client(self.upstream(), 'POST|/chat|{"a":1}', env=env)
        self.assertIn("502", recorded.stdout)
        self.assertIn("TLS", recorded.stdout)

    def test_sigv4_and_upgrades_are_501(self):
        calls = (
            'POST|/chat|{"a":1}|Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/bedrock/aws4_request, Signature=aa',
            "GET|/realtime||Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Version: 13")
        recorded = self.record_client(self.upstream(), *calls)
        self.assertEqual(recorded.stdout.count("501 "), 2, recorded.stdout)
        self.assertVerdict(self.replay_client(*calls), "reproduced", 0)

    def test_an_unknown_upstream_name_is_404(self):
        recorded = self.record_client(self.upstream(), 'POST|/nowhere/x|{}', env={"BASE_VARIABLE": "REENACT_URL"})
        self.assertIn("404", recorded.stdout)
        self.assertIn("nowhere", recorded.stdout)

    def test_a_body_over_the_limit_passes_whole_and_is_truncated_in_the_record(self):
        seen = []

        def count(head, body, connection):
            seen.append(len(body))
            answer(connection, {"got": len(body)})
        big = 70 * 1024 * 1024
        client = self.write("big.py", BIG_CLIENT % big)
        recorded = self.record(self.upstream(count), sys.executable, client)
        self.assertEqual((recorded.returncode, seen), (0, [big]), recorded.stderr)
        self.assertIn("truncated", recorded.stderr)
        self.assertVerdict(self.replay(), "incomparable", 3)

    def test_foreign_hosts_and_origins_are_refused(self):
        upstream = self.upstream()
        recorded = self.record_client(upstream, "POST|/chat|{}|Host: evil.example", "POST|/chat|{}|Origin: https://evil.example",
                                      "POST|/chat|{}|Origin: http://localhost:3000")
        statuses = [line.split()[0] for line in recorded.stdout.splitlines() if line]
        self.assertEqual(statuses, ["421", "403", "200"], recorded.stdout)
        self.assertEqual(len(upstream.requests), 1)

    def test_malformed_requests_are_400_and_nothing_is_forwarded(self):
        upstream = self.upstream()
        client = self.write("malformed.py", MALFORMED)
        recorded = self.record(upstream, sys.executable, client)
        self.assertEqual(recorded.returncode, 0, recorded.stdout + recorded.stderr)
        self.assertEqual(upstream.requests, [])

    def test_a_second_recorder_on_one_store_is_fine(self):
        nested = self.reenact("record", "--store", self.store, "--", os.environ["REENACT"], "record", "--store", self.store, "--", "true")
        self.assertEqual(nested.returncode, 0, nested.stderr)
        self.whole()

    def test_a_read_only_store_is_refused_with_advice(self):
        self.record_client(self.upstream(), 'POST|/chat|{"a":1}')
        if os.getuid() == 0:
            os.chmod(self.directory, 0o755)
            os.chmod(self.environment["XDG_CONFIG_HOME"], 0o755)
            os.chmod(os.path.join(self.environment["XDG_CONFIG_HOME"], "reenact"), 0o755)
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        else:
            prefix = []
        for directory, _, names in os.walk(self.store):
            os.chmod(directory, 0o555)
            for name in names:
                os.chmod(os.path.join(directory, name), 0o444)
        done = subprocess.run([*prefix, os.environ["REENACT"], "log", "--store", self.store], env=self.environment, capture_output=True, text=True)
        self.assertSays(done, 2, self.store)


BIG_CLIENT = r'''
import http.client, os, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port, timeout=120)
connection.request("POST", base.path + "/upload", os.urandom(1 << 20) * (%d >> 20), {"Content-Type": "application/octet-stream"})
print(connection.getresponse().read().decode())
'''

MALFORMED = r'''
import os, socket, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
cases = [b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n", b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", b"GET / HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n",
         b"GET  / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
         b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +1\r\n\r\na", b"GET / HTTP/1.1\r\n\r\n",
         b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
         b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n folded\r\n\r\n"]
for case in cases:
    connection = socket.create_connection((base.hostname, base.port))
    connection.settimeout(20)
    connection.sendall(case)
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            break
        received += data
    if not received.startswith(b"HTTP/1.1 400"):
        sys.exit("%r was answered %r" % (case, received[:80]))
'''

if __name__ == "__main__":
    main()
