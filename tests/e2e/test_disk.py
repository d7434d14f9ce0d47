"""A disk that takes nothing: traffic passes, a gap says what is missing, and with `strict` nothing happens that is not kept.

The disk ends where RLIMIT_FSIZE of the running recorder says so; a test moves it with prlimit(2).
"""
import os
import resource
import socket
import sys
import threading
import time
import unittest

from harness import Case, main

TRACE = "0123456789abcdef0123456789abcdef"


def incompressible(i):
    return f'{{"i":{i},"x":"{os.urandom(30000).hex()}"}}'


@unittest.skipUnless(hasattr(resource, "prlimit"), "needs prlimit")
class Disk(Case):
    def fill(self, process):
        """From now on the store's file may grow by a little."""
        size = os.path.getsize(os.path.join(self.store, "data.mdb"))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 300_000, resource.RLIM_INFINITY))

    def make_room(self, process):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def ask(self, port, i):
        return self.call(port, f"/t/{TRACE}/toy/v1/{i}", incompressible(i))[0]

    def test_traffic_passes_a_full_disk_and_the_gap_is_written_once_there_is_room(self):
        upstream = self.upstream()
        process, port = self.serve(upstream)
        self.assertEqual(self.ask(port, 0), 200)
        self.fill(process)
        self.assertEqual({self.ask(port, i) for i in range(1, 25)}, {200})
        self.make_room(process)
        self.assertEqual({self.ask(port, i) for i in range(25, 28)}, {200})
        status, remarks = self.end(process)
        self.assertEqual(status, 2, remarks)
        trace = self.show(TRACE)
        there = {int(event["target"].rsplit("/", 1)[1]) for event in trace["timeline"] if event.get("kind") == "exchange"}
        gaps = [event for event in trace["timeline"] if event.get("kind") == "gap"]
        missing = 28 - len(there)
        self.assertEqual(trace["complete"], "no")
        self.assertGreaterEqual(missing, 10)
        self.assertLessEqual({0, 25, 26, 27}, there)
        self.assertIn(f"{missing} events could not be stored", remarks)
        self.assertGreaterEqual(len(gaps), 1)
        shown = self.reenact("show", "--store", self.store, "--talk", TRACE).stdout
        self.assertEqual(sum(int(line.split("gap: ")[1].split()[0]) for line in shown.splitlines() if "gap: " in line), missing, shown)
        self.assertIn("File too large", shown)
        self.assertSound()

    def test_a_recording_on_a_full_disk_says_so_in_its_last_line(self):
        upstream = self.upstream()
        command = self.write("filler.py", FILLER)
        recorded = self.record(upstream, sys.executable, command)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertEqual(recorded.stdout.split(), ["200"] * 20)
        self.assertRegex(recorded.stderr, r"recorded .*, \d+ not stored.*not complete")
        again = self.record(upstream, sys.executable, command, options=["--require-complete"])
        self.assertEqual(again.returncode, 124, again.stderr)
        self.assertSound()

    def test_strict_lets_nothing_happen_that_is_not_kept(self):
        upstream = self.upstream()
        process, port = self.serve(upstream, "--durability", "strict")
        self.assertEqual(self.ask(port, 0), 200)
        self.fill(process)
        told = [self.ask(port, i) for i in range(1, 25)]
        self.assertEqual(set(told), {200, 503}, told)
        asked = len(upstream.requests)
        self.assertEqual([self.ask(port, i) for i in range(25, 28)], [503] * 3)
        self.assertEqual(len(upstream.requests), asked, "a request went upstream that is not kept")
        self.make_room(process)
        self.assertEqual(self.ask(port, 28), 200)
        status, remarks = self.end(process)
        self.assertEqual(status, 2, remarks)
        kept = {event["target"] for event in self.show(TRACE)["timeline"] if event.get("end") == "ended"}
        self.assertEqual(kept, {f"/v1/{i}" for i, status in [(0, 200), *enumerate(told, 1), (28, 200)] if status == 200})
        self.assertSound()

    def test_strict_ends_a_recording_with_a_gap_with_124(self):
        command = self.write("filler.py", FILLER)
        recorded = self.record(self.upstream(), sys.executable, command, options=["--durability", "strict"])
        self.assertEqual(recorded.returncode, 124, recorded.stderr)
        self.assertIn("503", recorded.stdout)
        self.assertSound()

    def test_the_intent_of_a_killed_recorder_says_what_may_have_been_asked(self):
        asked = threading.Event()

        def hang(head, body, connection):
            asked.set()
            time.sleep(30)
        process, port = self.serve(self.upstream(hang), "--durability", "strict")
        client = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(client.close)
        client.sendall(f'POST /t/{TRACE}/toy/v1/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 11\r\n\r\n{{"pay": 10}}'.encode())
        self.assertTrue(asked.wait(60))
        process.kill()  # at once: what was asked is durable already
        process.wait()
        (event,) = [event for event in self.show(TRACE)["timeline"] if event.get("kind") == "exchange"]
        self.assertEqual((event["end"], event["target"]), ("lost", "/v1/chat"))
        raw = self.reenact("show", "--store", self.store, "--raw", "request", "--event", "1", TRACE)
        self.assertTrue(raw.stdout.endswith('{"pay": 10}'), raw.stdout)
        self.assertSound()

    def test_words_that_contradict_each_other_are_refused(self):
        for words in (["--durability", "strict", "--late-after", "100"], ["--durability", "async", "--late-after", "1"],
                      ["--late-after", "0"], ["--late-after", "soon"], ["--late-after", "-1"]):
            done = self.reenact("record", "--store", self.store, *words, "--", "true")
            self.assertEqual(done.returncode, 125, words)
            self.assertIn("--late-after", done.stderr)
        self.assertFalse(os.path.exists(self.store))


# Fills its own recorder's disk, asks 20 times, and makes room for the end.
FILLER = r'''
import http.client, os, resource, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
recorder = os.getppid()
def limit(bytes):
    resource.prlimit(recorder, resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))
for i in range(20):
    if i == 2:
        limit(200000)
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat", '{"x":"%s"}' % os.urandom(30000).hex(), {"Content-Type": "application/json"})
    print(connection.getresponse().status)
    connection.close()
limit(resource.RLIM_INFINITY)
'''

if __name__ == "__main__":
    main()
