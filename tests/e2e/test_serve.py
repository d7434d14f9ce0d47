"""The gateway as a daemon: many traces by header, URL and alias; clients that leave; a recorder that is killed; a full disk."""
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import REENACT, Case, main

TRACE = "0123456789abcdef0123456789abcdef"


class Serve(Case):
    def test_traces_are_chosen_by_header_url_and_alias(self):
        upstream = self.upstream()
        process, port = self.serve(upstream)
        for i in range(2):
            self.assertEqual(self.call(port, "/toy/v1/chat", f'{{"h":{i}}}', {"x-reenact-trace": TRACE})[0], 200)
            self.assertEqual(self.call(port, "/t/order-4711/toy/v1/chat", f'{{"u":{i}}}')[0], 200)
            self.assertEqual(self.call(port, "/toy/v1/chat", f'{{"a":{i}}}', {"x-reenact-trace": "case-7"})[0], 200)
        self.assertEqual(self.call(port, "/toy/v1/chat", '{"alone":1}')[0], 200)
        self.assertEqual(self.call(port, "/toy/v1/chat", "{}", {"x-reenact-trace": "not/legal"})[0], 400)
        self.assertEqual(self.end(process)[0], 0)
        # Upstreams never see our path or our labels.
        self.assertTrue(all(head.startswith(b"POST /v1/chat ") for head, _ in upstream.requests))
        self.assertFalse([head for head, _ in upstream.requests if b"x-reenact" in head.lower()])
        by_name = {t["name"] or t["trace"]: t for t in self.traces()}
        self.assertEqual(by_name[TRACE]["events"], 2)
        self.assertEqual(by_name["order-4711"]["events"], 2)
        self.assertEqual(by_name["case-7"]["events"], 2)
        self.assertEqual(len(by_name), 4)
        for name in (TRACE, "order-4711", "case-7"):
            self.assertVerdict(self.replay(trace=name), "verified", 0)
        # Where nobody is asked it does not matter that two variables name different servers.
        contradiction = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_API_BASE": "http://127.0.0.1:2/v1"}
        stranger = self.reenact("replay", "--store", self.store, name, "--", "true", env=contradiction)
        self.assertEqual(stranger.returncode, 3, stranger.stderr)

    def test_a_trace_that_is_closed_or_closing_is_never_opened_again(self):
        process, port = self.serve(self.upstream(), "--trace-idle", "1")
        for i in range(3):
            self.call(port, "/toy/x", f'{{"i":{i}}}', {"x-reenact-trace": TRACE.upper() if i else TRACE})
            time.sleep(1.4 if i == 1 else 0)  # the second call still finds it open, the third does not
        self.assertEqual(self.end(process)[0], 0)
        traces = self.traces()
        self.assertEqual(sorted((t["trace"] == TRACE, t["events"]) for t in traces), [(False, 1), (True, 2)])
        self.assertEqual(self.reenact("verify", "--store", self.store).returncode, 0)

    def test_an_alias_names_the_newest_trace_and_a_closed_one_is_never_reopened(self):
        upstream = self.upstream()
        for i in range(2):
            process, port = self.serve(upstream)
            self.call(port, "/t/again/toy/x", f'{{"round":{i}}}')
            self.call(port, f"/t/{TRACE}/toy/x", f'{{"round":{i}}}')
            self.end(process)
        newest = self.reenact("show", "--store", self.store, "--event", "1", "--raw", "request", "again")
        before = self.reenact("show", "--store", self.store, "--event", "1", "--raw", "request", "again~1")
        self.assertIn('{"round":1}', newest.stdout)
        self.assertIn('{"round":0}', before.stdout)
        self.assertEqual(len(self.traces()), 4)  # the second round of TRACE is a child of its own

    def test_a_client_that_leaves_cancels_its_upstream_at_once(self):
        gone = threading.Event()

        def endless(head, body, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    connection.sendall(b"9\r\ndata: x\n\n\r\n")
                    time.sleep(0.01)
            except OSError:
                gone.set()
                return False
        process, port = self.serve(self.upstream(endless))
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"POST /t/leaver/toy/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        while b"data: x" not in client.recv(65536):
            pass
        client.close()
        self.assertTrue(gone.wait(20), "the upstream was not told that the client had left")
        self.assertEqual(self.end(process)[0], 0)
        shown = self.reenact("show", "--store", self.store, "leaver")
        self.assertIn("aborted", shown.stdout)

    def test_what_a_client_received_complete_survives_kill_9(self):
        process, port = self.serve(self.upstream(), "--session", "killed")
        received = [self.call(port, "/t/killed/toy/x", json.dumps({"i": i}))[1] for i in range(20)]
        process.kill()
        process.wait()
        checked = self.reenact("verify", "--store", self.store)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        for i, told in enumerate(received):
            kept = self.reenact("show", "--store", self.store, "--event", str(i + 1), "--raw", "response", "killed", text=False)
            self.assertTrue(kept.stdout.endswith(told), f"event {i + 1}")
        self.assertEqual(self.traces()[0]["state"], "lost")

    def test_what_is_served_later_in_the_session_of_a_run_is_no_part_of_its_replay(self):
        upstream = self.upstream()
        recorded = self.record(upstream, sys.executable, self.client, "POST|/chat|{}", options=["--session", "shared"])
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        run = self.traces()[0]["trace"]
        process, port = self.serve(upstream, "--session", "shared")
        for path in ("/toy/x", "/t/other/toy/x", f"/t/{run}/toy/x"):
            self.assertEqual(self.call(port, path)[0], 200)
        self.assertEqual(self.end(process)[0], 0)
        self.assertVerdict(self.replay(trace=run), "reproduced", 0)

    def test_an_open_exchange_of_a_killed_recorder_is_lost_and_incomparable(self):
        def hang(head, body, connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n")
            time.sleep(30)
        process, port = self.serve(self.upstream(hang))
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"POST /t/half/toy/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        while b"data: x" not in client.recv(65536):
            pass
        time.sleep(1.6)  # a part is committed once it is a second old
        process.kill()
        process.wait()
        client.close()
        shown = self.reenact("show", "--store", self.store, "half")
        self.assertIn("lost", shown.stdout, shown.stderr)
        self.assertVerdict(self.replay(trace="half"), "incomparable", 3)

    @unittest.skipUnless(shutil.which("unshare"), "needs unshare")
    def test_a_full_disk_lets_traffic_pass_and_is_said(self):
        upstream = self.upstream()
        script = self.write("full.sh", FULL_DISK)
        client = self.write("many.py", MANY_CLIENT)
        os.mkdir(self.store)
        done = subprocess.run(["unshare", "-Urm" if os.getuid() else "-m", "sh", script, self.store, REENACT, sys.executable, client],
                              env=self.environment | {"OPENAI_BASE_URL": upstream.url + "/v1"}, capture_output=True, text=True, timeout=300)
        if "cannot mount" in done.stderr:
            self.skipTest("no mount namespace here")
        self.assertEqual(done.stdout.count("200\n"), 120, done.stderr)  # every call was answered
        self.assertIn("takes nothing more", done.stderr)
        self.assertIn("not stored", done.stderr)
        self.assertIn("verify: 0", done.stderr)
        self.assertIn("strict: 124", done.stderr)


FULL_DISK = r'''
mount -t tmpfs -o size=10m none "$1" || { echo cannot mount >&2; exit 0; }
"$2" record --store "$1/store" --name full -- "$3" "$4" 120
"$2" verify --store "$1/store" >&2
echo "verify: $?" >&2
"$2" record --store "$1/store" --require-complete -- "$3" "$4" 1 >/dev/null
echo "strict: $?" >&2
'''

MANY_CLIENT = r'''
import http.client, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
for i in range(int(sys.argv[1])):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat", '{"x":"%s"}' % os.urandom(30000).hex(), {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    print(response.status)
'''

if __name__ == "__main__":
    main()
