"""How many system calls the loop makes for a request, a chunk, a replayed call, and for nothing: not one more than the tables say.

A client and an upstream that act only when every thread of reenact sleeps again make the counts the same on every machine; what
now and then comes between (a part that is a second old, indexes) is left out by taking the middle one of several steps. Calls for
memory are not counted: a sanitizer makes its own.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

from harness import REENACT, Case, main

COUNTER = os.environ.get("COUNT_CALLS", "")
MEMORY = {"mmap", "munmap", "mprotect", "madvise", "brk", "sched_yield"}
STEPS = 9

# The client's request, libcurl's look whether the kept connection is alive, the request to the upstream, libcurl's look for an answer, the
# answer, the hand-over to the writer, its wake-up and the number in it, the answer to the client; three waits.
RECORDED_REQUEST = {"recvfrom": 2, "poll": 2, "sendto": 2, "futex": 1, "read": 1, "epoll_wait": 3}
# libcurl 7.88 looks once whether more is there.
RECORDED_CHUNK = {"recvfrom": 1, "poll": 1, "sendto": 1, "epoll_wait": 1}
REPLAYED_CALL = {"recvfrom": 1, "sendto": 1, "epoll_wait": 1}

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{"text": "' + b"a" * 1988 + b'"}'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"78\r\ndata: " + b"e" * 112 + b"\n\n\r\n"


class Counted:
    """reenact under the counter."""

    def __init__(self, case, *arguments):
        self.control, theirs = socket.socketpair()
        self.process = subprocess.Popen([COUNTER, str(theirs.fileno()), REENACT, *arguments], pass_fds=[theirs.fileno()], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=case.environment | {"ASAN_OPTIONS": "detect_leaks=0"})
        theirs.close()
        case.addCleanup(self.end)
        self.answers = self.control.makefile("r")
        for line in self.process.stdout:
            if found := re.search(r"REENACT_URL=['\"]?http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        err = self.process.stderr.read()
        if self.process.wait(60) == 77:
            case.skipTest(f"this machine does not let a program trace its child: {err.strip()}")
        case.fail(err)

    def say(self, what):
        self.control.sendall(what)
        return json.loads(self.answers.readline())

    def calm(self):
        """Until it has nothing left to do."""
        self.say(b"c")

    def take(self):
        """What the loop, and all others, called since last time, once it has nothing left to do."""
        counted = self.say(b"t")
        return [{name: count for name, count in counted[group].items() if name not in MEMORY} for group in ("loop", "others")]

    def end(self):
        if self.process.poll() is None:
            children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
            with open(children) as file:
                for child in file.read().split():
                    os.kill(int(child), 15)
        self.process.communicate(timeout=60)
        self.control.close()


def read_exactly(connection, count):
    told = b""
    while len(told) < count:
        piece = connection.recv(count - len(told))
        if not piece:
            raise AssertionError(f"the connection ended after {told!r}")
        told += piece
    return told


def read_request(connection):
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65536)
    head, _, body = told.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
    return head + body + read_exactly(connection, length - len(body))


class SystemCalls(Case):
    def middle(self, steps):
        names = {name for step in steps for name in step}
        medians = {name: int(statistics.median_low([step.get(name, 0) for step in steps])) for name in names}
        return {name: count for name, count in medians.items() if count > 0}

    def assertNoMore(self, counted, stated, what):
        more = [f"{count} {name} instead of {stated.get(name, 0)}" for name, count in sorted(counted.items()) if count > stated.get(name, 0)]
        self.assertEqual(more, [], f"{what} takes more system calls on the loop than before: {', '.join(more)}. Find out what for; where it "
                                   "has to be, change the table and docs/performance.md")
        fewer = {name: count for name, count in stated.items() if counted.get(name, 0) < count}
        if fewer:
            print(f"{what} takes fewer system calls than stated ({counted}): lower the table", file=sys.stderr)

    def listen(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener

    def connect(self, port):
        client = socket.create_connection(("127.0.0.1", port), 60)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(client.close)
        return client

    def ask(self, client, path, number=0):
        body = b'{"number": %8d, "text": "%s"}' % (number, b"q" * 1400)
        client.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (path, len(body))
                       + body)

    def record(self, listener):
        return Counted(self, "serve", "--store", self.store, "--late-after", "never", "--upstream", f"toy=http://127.0.0.1:{listener.getsockname()[1]}")

    def test_a_recorded_request(self):
        listener = self.listen()
        reenact = self.record(listener)
        client = self.connect(reenact.port)
        upstream, steps = None, []
        for step in range(STEPS + 1):
            reenact.take()
            self.ask(client, b"/t/calls/toy/chat", step)
            upstream = upstream or listener.accept()[0]
            read_request(upstream)
            reenact.calm()
            upstream.sendall(ANSWER)
            self.assertTrue(read_exactly(client, len(ANSWER)).endswith(ANSWER[-2000:]))
            steps.append(reenact.take()[0])
        upstream.close()
        self.assertNoMore(self.middle(steps[1:]), RECORDED_REQUEST, "a recorded request")

    def test_a_recorded_chunk_and_a_stream_that_says_nothing(self):
        listener = self.listen()
        reenact = self.record(listener)
        client = self.connect(reenact.port)
        self.ask(client, b"/t/calls/toy/stream")
        upstream = listener.accept()[0]
        read_request(upstream)
        upstream.sendall(STREAM)
        self.assertEqual(read_exactly(client, len(STREAM)), STREAM)
        steps = []
        for _ in range(STEPS):
            reenact.take()
            upstream.sendall(CHUNK)
            self.assertEqual(read_exactly(client, len(CHUNK)), CHUNK)
            steps.append(reenact.take()[0])
        self.assertNoMore(self.middle(steps), RECORDED_CHUNK, "a recorded chunk")
        # Its last part becomes a second old and is stored, and what follows is indexed; then there is nothing left to wake up for.
        idle = [{"nothing": 1}]
        for _ in range(20):
            time.sleep(0.5)
            idle.append(reenact.take())
            if idle[-3:] == [[{}, {}]] * 3:
                break
        self.assertEqual(idle[-3:], [[{}, {}]] * 3, "an open stream and an open trace that are silent wake something up")
        upstream.sendall(b"0\r\n\r\n")
        self.assertEqual(read_exactly(client, 5), b"0\r\n\r\n")
        upstream.close()

    def test_a_replayed_call(self):
        def answered(head, body, connection):
            connection.sendall(ANSWER)
        upstream = self.upstream(answered)
        process, port = self.serve(upstream)
        client = self.connect(port)
        for step in range(STEPS + 1):
            self.ask(client, b"/t/calls/toy/chat", step)
            read_exactly(client, len(ANSWER))
        client.close()
        self.end(process)
        reenact = Counted(self, "replay", "--store", self.store, "--serve", "--order", "any", "--pace", "instant", "--listen", "0", "calls")
        client = self.connect(reenact.port)
        steps = []
        for step in range(STEPS + 1):
            reenact.take()
            self.ask(client, b"/t/calls/toy/chat", step)
            self.assertTrue(read_exactly(client, len(ANSWER)).startswith(b"HTTP/1.1 200 "))
            steps.append(reenact.take()[0])
        self.assertNoMore(self.middle(steps[1:]), REPLAYED_CALL, "a replayed call")
        time.sleep(0.5)
        self.assertEqual(reenact.take(), [{}, {}], "a replay that nobody asks wakes up")


if __name__ == "__main__":
    main()
