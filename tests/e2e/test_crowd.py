"""Many streams at once, and clients that are slow: all complete, nothing lost, and memory under a bound in bytes.

300 streams and 1,500 open ones in the plain run; 1,000 and 8,000 with REENACT_FULL=1, where the limit of open files allows it.
"""
import asyncio
import os
import re
import socket
import subprocess
import sys

from harness import REENACT, Case, main
from crowd import Streams, ask, chunk, event, large, raise_descriptors, read_stream, told

FULL = os.environ.get("REENACT_FULL") == "1"
GATHERED = 1000 if FULL else 300
OPEN = 8000 if FULL else 1500
LARGE = 200 << 20 if FULL else 48 << 20
# What one response may take beside what the kernel holds: our queue, the part that grows and those on their way to the disk, the
# frames of one commit and their compressing. A sanitized build takes about three times as much.
RESPONSE_BYTES_MAX = 24 << 20

GATHERING_CLIENT = r'''
import asyncio, os, sys, urllib.parse
sys.path.insert(0, sys.argv[1])
from crowd import ask, read_stream, raise_descriptors, told
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
async def one(number, events):
    reader, writer = await ask(base.port, f"{base.path}/gathered/{number}", b'{"stream": %d}' % number)
    head, body = await read_stream(reader)
    writer.close()
    return head.startswith(b"HTTP/1.1 200 ") and body == told(number, events)
async def all_of(count, events):
    return await asyncio.gather(*(one(number, events) for number in range(count)))
raise_descriptors()
same = asyncio.run(all_of(int(sys.argv[2]), int(sys.argv[3])))
print(sum(same), "of", len(same), "streams complete and identical")
'''


def told_after_first(number):
    return told(number, 3)[len(chunk(event(number, 0))):]


class StreamsCase(Case):
    def streams(self, *arguments):
        upstream = Streams(*arguments)
        self.addCleanup(upstream.stop)
        return upstream

    def serve_limited(self, upstream, limit, *options):
        """`serve` under `ulimit LIMIT`; the process and its port."""
        process = subprocess.Popen(["sh", "-c", f'ulimit {limit} && exec "$@"', "sh", REENACT, "serve", "--store", self.store, "--upstream",
                                    f"toy={upstream.url}", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=self.environment | {"ASAN_OPTIONS": "quarantine_size_mb=1"})
        self.addCleanup(self.end, process)
        for line in process.stdout:
            if found := re.search(r"REENACT_URL=['\"]?http://127\.0\.0\.1:(\d+)", line):
                return process, int(found[1])
        self.fail(process.stderr.read())

    def memory(self, process):
        """Its private memory, in bytes."""
        with open(f"/proc/{process.pid}/smaps_rollup") as file:
            return int(re.search(r"Pss_Anon: *(\d+)", file.read())[1]) * 1024

    def calls(self, trace):
        return [event for event in self.show(trace)["timeline"] if event["kind"] == "exchange"]

    def assertEnds(self, trace, count):
        self.assertEqual([call["end"] for call in self.calls(trace)], ["ended"] * count)


class Many(StreamsCase):
    def test_many_streams_at_once_are_complete_and_come_again(self):
        events = 5
        raise_descriptors()
        upstream = self.streams(GATHERED, events)
        client = self.write("gathering.py", GATHERING_CLIENT)
        command = (sys.executable, client, os.path.dirname(os.path.abspath(__file__)), str(GATHERED), str(events))
        recorded = self.record(upstream, *command)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertEqual(recorded.stdout, f"{GATHERED} of {GATHERED} streams complete and identical\n")
        upstream.stop()
        self.assertSound()
        self.assertEnds("run", GATHERED)
        for options in (["--pace=instant", "--order=any"], ["--pace=instant", "--order=recorded"]):
            replayed = self.replay(*command, options=options, timeout=300)
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.stdout, recorded.stdout)

    def test_a_soft_limit_of_descriptors_does_not_limit_streams(self):
        hard = raise_descriptors()
        count = min(OPEN, (hard - 400) // 2)
        if count < OPEN:
            print(f"the hard limit of open files ({hard}) allows {count} streams instead of {OPEN}", file=sys.stderr)
        upstream = self.streams(0, 3)
        process, port = self.serve_limited(upstream, "-Sn 256")

        async def keep_open():
            streams = []
            for first in range(0, count, 100):
                batch = [await ask(port, f"/t/many/toy/open/{number}") for number in range(first, min(count, first + 100))]
                for number, (reader, _) in enumerate(batch, first):
                    await reader.readuntil(b"\r\n\r\n")
                    self.assertEqual(await reader.readexactly(len(chunk(event(number, 0)))), chunk(event(number, 0)))
                streams += batch
            self.assertEqual(self.call(port, "/t/many/toy/short/1"), (200, b'{"short": 13}'))
            upstream.finish()
            for number, (reader, writer) in enumerate(streams):
                rest = told_after_first(number)
                self.assertEqual(await reader.readexactly(len(rest)), rest, f"stream {number}")
                writer.close()

        asyncio.run(keep_open())
        status, err = self.end(process)
        self.assertEqual(status, 0, err)
        self.assertSound()
        self.assertEnds("many", count + 1)
        self.assertVerdict(self.replay(trace="many", options=["--self", "--pace=instant"]), "verified", 0)

    def test_one_stream_too_many_for_the_descriptors_is_refused_and_the_others_go_on(self):
        upstream = self.streams(0, 3)
        process, port = self.serve_limited(upstream, "-n 192")  # (192 - 128) / 2 connections

        async def crowd():
            streams = [await ask(port, f"/t/crowd/toy/open/{number}") for number in range(32)]
            for reader, _ in streams:
                await reader.readuntil(b"\r\n\r\n")
            for _ in range(3):
                reader, writer = await ask(port, "/t/crowd/toy/open/32")
                refused = await reader.read()
                writer.close()
                self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
                self.assertIn(b"as many open connections as its limit of open files allows (ulimit -Hn)", refused)
            upstream.finish()
            for number, (reader, writer) in enumerate(streams):
                self.assertEqual(await reader.readexactly(len(told(number, 3))), told(number, 3))
                writer.close()
            asked = [await ask(port, "/t/crowd/toy/short/1")]
            while (answer := await asked[-1][0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503 "):
                asked.append(await ask(port, "/t/crowd/toy/short/1"))  # without closing the last: that must not keep it out
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
            self.assertEqual(await asked[-1][0].readexactly(13), b'{"short": 13}')
            for _, writer in asked:
                writer.close()

        asyncio.run(crowd())
        status, err = self.end(process)
        self.assertEqual(status, 0, err)
        self.assertSound()
        self.assertEnds("crowd", 33)

    def test_a_command_gets_the_limit_of_descriptors_that_we_were_given(self):
        upstream = self.upstream()
        asks = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
        done = subprocess.run(["sh", "-c", 'ulimit -Sn 321 && exec "$@"', "sh", REENACT, "record", "--store", self.store, "--", sys.executable,
                               "-c", asks], env=self.environment | {"OPENAI_BASE_URL": upstream.url}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, "321\n"), done.stderr)


class Slow(StreamsCase):
    def await_stillness(self, *numbers):
        """Until none of these changes any more: everything that can flow has flowed."""
        before, still = None, 0
        while still < 5:
            now = [number() for number in numbers]
            still = still + 1 if now == before else 0
            before = now
            asyncio.run(asyncio.sleep(0.05))

    def cpu(self, process):
        total = 0
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/stat") as file:
                total += sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
        return total

    def connect(self, port):
        client = socket.create_connection(("127.0.0.1", port), 60)
        self.addCleanup(client.close)
        return client

    def test_a_client_that_stops_reading_holds_its_upstream_and_takes_little_memory(self):
        upstream = self.streams()
        process, port = self.serve_limited(upstream, "-Sn 256")
        bound = RESPONSE_BYTES_MAX * (3 if self.is_sanitized(process) else 1)
        self.assertEqual(self.call(port, "/t/slow/toy/short/1"), (200, b'{"short": 13}'))
        before = self.memory(process)
        client = self.connect(port)
        client.sendall(b"GET /t/slow/toy/large/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % LARGE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        got = 0
        for _ in range(4):  # now and then a kilobyte; between, it reads nothing at all
            self.await_stillness(lambda: upstream.pushed, lambda: self.cpu(process))
            self.assertLess(upstream.pushed, LARGE - (16 << 20), "its upstream is slowed down")
            self.assertLess(self.memory(process) - before, bound)
            for _ in range(20):  # others go on
                self.assertEqual(self.call(port, "/t/slow/toy/short/1"), (200, b'{"short": 13}'))
            piece = client.recv(1024, socket.MSG_WAITALL)
            self.assertEqual(piece, large(LARGE)[got:got + 1024])
            got += len(piece)
        body = large(LARGE)
        at = got
        while at < LARGE:
            piece = client.recv(1 << 20)
            self.assertEqual(piece, body[at:at + len(piece)])
            self.assertTrue(piece)
            at += len(piece)
        client.close()
        self.end(process)
        self.assertSound()
        self.assertEnds("slow", 82)

    def test_a_slow_reader_that_leaves_is_recorded_as_far_as_it_was_sent(self):
        upstream = self.streams()
        process, port = self.serve_limited(upstream, "-Sn 256")
        client = self.connect(port)
        client.sendall(b"GET /t/left/toy/large/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % LARGE)
        got = client.recv(1024, socket.MSG_WAITALL)
        self.await_stillness(lambda: upstream.pushed)
        client.close()
        self.end(process)
        self.assertSound()
        (kept,) = self.calls("left")
        self.assertEqual(kept["end"], "aborted")
        raw = self.reenact("show", "--store", self.store, "--raw", "response", "--event", kept["event"], "left", text=False).stdout
        stored = raw.partition(b"\r\n\r\n")[2] if raw.startswith(b"HTTP/") else raw
        self.assertEqual(large(LARGE)[:len(stored)], stored)
        self.assertGreater(len(stored), len(got.partition(b"\r\n\r\n")[2]))

    def test_a_client_that_sends_slowly_takes_what_it_sent(self):
        upstream = self.streams()
        process, port = self.serve_limited(upstream, "-Sn 256")
        size = 16 << 20
        body = large(size)
        self.assertEqual(self.call(port, "/t/send/toy/short/1"), (200, b'{"short": 13}'))
        before = self.memory(process)
        client = self.connect(port)
        client.sendall(b"POST /t/send/toy/short/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % size)
        for at in range(0, 64 * 1024, 1024):
            client.sendall(body[at:at + 1024])
        self.await_stillness(lambda: self.cpu(process))
        self.assertLess(self.memory(process) - before, 2 << 20, "what it announced is not held before it is here")
        self.assertEqual(upstream.received, 2, "and its upstream is not asked before it is complete")
        client.sendall(body[64 * 1024:-1])
        self.await_stillness(lambda: self.cpu(process))
        self.assertLess(self.memory(process) - before, size + (8 << 20))
        for _ in range(20):
            self.assertEqual(self.call(port, "/t/send/toy/short/1"), (200, b'{"short": 13}'))
        client.sendall(body[-1:])
        answer = b""
        while not answer.endswith(b'{"short": 13}'):
            answer += client.recv(4096)
        self.assertEqual(upstream.received, size + 21 * 2)
        client.close()
        self.end(process)
        self.assertSound()
        self.assertEnds("send", 22)

    def test_an_open_stream_does_not_keep_its_request(self):
        upstream = self.streams(0, 3)
        process, port = self.serve_limited(upstream, "-Sn 256")
        body = large(8 << 20)
        before = self.memory(process)
        clients = []
        for number in range(10):
            client = self.connect(port)
            client.sendall(b"POST /t/kept/toy/open/%d HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % (number, len(body)) + body)
            told = b""
            while chunk(event(number, 0)) not in told:
                told += client.recv(4096)
            clients.append(client)
        for _ in range(200):  # its first part is stored when it is a second old
            taken = self.memory(process) - before
            if taken < 24 << 20:
                break
            asyncio.run(asyncio.sleep(0.1))
        self.assertLess(taken, 24 << 20, "ten requests of 8 MiB are stored, sent, and not needed any more")
        upstream.finish()
        for number, client in enumerate(clients):
            rest = told_after_first(number)
            self.assertEqual(client.recv(len(rest), socket.MSG_WAITALL), rest)
            client.close()
        self.end(process)
        self.assertSound()
        self.assertEnds("kept", 10)
        raw = self.reenact("show", "--store", self.store, "--raw", "request", "--event", self.calls("kept")[0]["event"], "kept", text=False).stdout
        self.assertEqual(raw[-len(body):], body)

    def is_sanitized(self, process):
        with open(f"/proc/{process.pid}/maps") as file:
            return "libasan" in file.read()


if __name__ == "__main__":
    main()
