"""Several processes on one store: recorders and readers at once, a peer that is stopped or killed while it holds the write lock,
traces that belong to another process, alive or dead.
"""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

from harness import REENACT, Case, echo, main

CALLS = 400 if os.environ.get("REENACT_FULL") else 60

# Takes the store's write lock like any writer, and stops in the middle of its work.
PEER = r'''
import ctypes, os, signal, sys
lmdb = ctypes.CDLL("liblmdb.so.0")
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
def must(rc):
    if rc != 0:
        sys.exit(f"LMDB says {rc}")
must(lmdb.mdb_env_create(ctypes.byref(env)))
must(lmdb.mdb_env_set_mapsize(env, ctypes.c_size_t(1 << 36)))
must(lmdb.mdb_env_open(env, sys.argv[1].encode(), 0, 0o600))
must(lmdb.mdb_txn_begin(env, None, 0, ctypes.byref(txn)))
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
lmdb.mdb_txn_abort(txn)
lmdb.mdb_env_close(env)
'''


def has_lmdb():
    return subprocess.run([sys.executable, "-c", 'import ctypes; ctypes.CDLL("liblmdb.so.0")'], capture_output=True).returncode == 0


class Peers(Case):
    def stopped_peer(self):
        """A process that holds the write lock and is stopped."""
        peer = subprocess.Popen([sys.executable, self.write("peer.py", PEER), self.store], stdout=subprocess.PIPE, text=True)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)
        self.assertEqual(peer.stdout.readline(), "held\n")
        os.waitpid(peer.pid, os.WUNTRACED)
        return peer

    def go_on(self, peer):
        peer.send_signal(signal.SIGCONT)
        self.assertEqual(peer.wait(60), 0)

    def ask_all(self, port, path, first, count):
        """So many calls, one after the other; the numbers of those that were answered."""
        return [i for i in range(first, first + count) if self.call(port, f"{path}/{i}", json.dumps({"i": i}))[0] == 200]

    def exchanges(self, trace):
        return [event for event in self.show(trace)["timeline"] if event.get("kind") == "exchange"]

    @unittest.skipUnless(has_lmdb(), "needs liblmdb.so.0")
    def test_a_stopped_peer_makes_answers_late_and_loses_none(self):
        process, port = self.serve(self.upstream(), "--late-after", "50")
        self.call(port, "/t/shared/toy/x/0", "{}")
        self.assertEqual(len(self.traces()), 1)  # and the indexes are up
        peer = self.stopped_peer()
        for _ in range(2):  # who reads does not wait for the peer
            self.assertEqual(len(self.traces()), 1)
            self.assertEqual(self.show("shared")["events"], 1)
        self.assertSound()
        self.assertEqual(self.ask_all(port, "/t/shared/toy/x", 1, 5), [1, 2, 3, 4, 5])  # nobody waits for the peer
        self.go_on(peer)
        status, remarks = self.end(process)
        self.assertEqual(status, 0, remarks)
        self.assertRegex(remarks, r", [56] ended before their commit")
        shown = self.show("shared")
        late = [event["event"] for event in self.exchanges("shared") if event["flags"] == ["late"]]
        self.assertEqual([event["end"] for event in self.exchanges("shared")], ["ended"] * 6)
        self.assertLessEqual({"2", "3", "4", "5", "6"}, set(late))
        self.assertEqual((shown["late"], shown["complete"], shown["events"]), (len(late), "yes", 6))
        one = self.reenact("show", "--store", self.store, "shared:3")
        self.assertRegex(one.stdout, r"end +ended, late")
        self.assertSound()
        self.assertVerdict(self.replay(trace="shared"), "verified", 0)

    @unittest.skipUnless(has_lmdb(), "needs liblmdb.so.0")
    def test_with_never_the_end_waits_for_the_peer_and_no_longer_than_it_lives(self):
        for gone in (False, True):
            process, port = self.serve(self.upstream(), "--late-after", "never")
            self.call(port, f"/t/never-{gone}/toy/x/0", "{}")
            peer = self.stopped_peer()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
            connection.request("POST", f"/t/never-{gone}/toy/x/1", "{}")
            with self.assertRaises(TimeoutError):
                connection.getresponse()
            connection.sock.settimeout(60)
            if gone:
                peer.kill()  # its lock is taken over
                peer.wait()
            else:
                self.go_on(peer)
            with connection.getresponse() as response:
                self.assertEqual(response.status, 200)
                response.read()
            connection.close()
            status, remarks = self.end(process)
            self.assertEqual(status, 0, remarks)
            self.assertNotIn("before their commit", remarks)
            self.assertEqual(len(self.exchanges(f"never-{gone}")), 2)
        self.assertSound()

    def test_two_recorders_and_readers_share_a_store(self):
        upstream = self.upstream()
        servers = [self.serve(upstream), self.serve(upstream)]
        workers = [threading.Thread(target=self.ask_all, args=(port, f"/t/both-{i}-{j}/toy/x", 0, CALLS), daemon=True)
                   for i, (_, port) in enumerate(servers) for j in range(3)]
        for worker in workers:
            worker.start()
        checks = 0
        while any(worker.is_alive() for worker in workers) or checks < 2:
            self.assertSound()
            self.assertLessEqual(len(self.traces()), 6)
            checks += 1
        for process, _ in servers:
            status, remarks = self.end(process)
            self.assertEqual(status, 0, remarks)
        for name in [f"both-{i}-{j}" for i in range(2) for j in range(3)]:
            kept = self.exchanges(name)
            self.assertEqual([(event["target"], event["end"]) for event in kept], [(f"/x/{i}", "ended") for i in range(CALLS)], name)
        self.assertSound()

    def test_a_trace_that_another_process_records_gets_a_child(self):
        trace = "0123456789abcdef0123456789abcdef"
        first, first_port = self.serve(self.upstream())
        self.call(first_port, f"/t/{trace}/toy/x/0", "{}")
        second, second_port = self.serve(self.upstream())
        self.ask_all(second_port, f"/t/{trace}/toy/y", 0, 2)
        self.call(first_port, f"/t/{trace}/toy/x/1", "{}")
        traces = {found["trace"]: found for found in self.traces()}
        self.assertEqual({found["state"] for found in traces.values()}, {"open"})
        for process in (first, second):
            self.assertEqual(self.end(process)[0], 0)
        traces = {found["trace"]: found for found in self.traces()}
        child = next(found for name, found in traces.items() if name != trace)
        self.assertEqual(len(traces), 2)
        self.assertEqual((child["parent"], child["events"], traces[trace]["events"]), (trace, 2, 2))
        self.assertSound()

    def test_an_id_that_two_processes_are_given_at_once_is_one_trace_and_a_child(self):
        upstream = self.upstream()
        servers = [self.serve(upstream), self.serve(upstream)]
        ids = [os.urandom(16).hex() for _ in range(24)]
        for trace in ids:
            together = threading.Barrier(2)

            def ask(port, trace=trace, together=together):
                together.wait()
                self.call(port, f"/t/{trace}/toy/x", "{}")
            pair = [threading.Thread(target=ask, args=(port,)) for _, port in servers]
            for one in pair:
                one.start()
            for one in pair:
                one.join()
        for process, _ in servers:
            self.assertEqual(self.end(process)[0], 0)
        traces = {found["trace"]: found for found in self.traces()}
        children = [found for name, found in traces.items() if name not in ids]
        self.assertEqual({found["events"] for found in traces.values()}, {1})
        self.assertEqual(sorted(found["parent"] for found in children), sorted(ids))
        self.assertSound()

    def test_a_dead_owners_trace_is_closed_by_the_next_opener_and_a_live_ones_is_left_alone(self):
        dead, dead_port = self.serve(self.upstream())
        live, live_port = self.serve(self.upstream())
        self.call(dead_port, "/t/dead/toy/x", "{}")
        self.call(live_port, "/t/live/toy/x", "{}")
        dead.kill()
        dead.wait()
        states = {found["name"]: found["state"] for found in self.traces()}  # `log` is the next opener
        self.assertEqual(states, {"dead": "lost", "live": "open"})
        self.assertEqual(self.call(live_port, "/t/live/toy/x", "{}")[0], 200)
        self.assertEqual(self.call(live_port, "/t/dead/toy/x", "{}")[0], 200)  # a closed trace is not opened again
        self.assertEqual(self.end(live)[0], 0)
        found = sorted((found["name"], found["state"], found["events"]) for found in self.traces())
        self.assertEqual(found, [("dead", "closed", 1), ("dead", "lost", 1), ("live", "closed", 2)])
        self.assertSound()


if __name__ == "__main__":
    main()
