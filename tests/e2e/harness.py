"""What the end-to-end tests share: a scripted upstream, the reenact binary, small client programs. Standard library only.

Every test runs in a directory of its own with a configuration directory of its own, listens on ports the kernel gave, and
ends what it started.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

REENACT = os.environ.get("REENACT", "")


def read_request(connection, pending):
    """Reads one HTTP/1.1 request from a socket: (head, body) as bytes, or None at the end. `pending` is a bytearray."""
    while b"\r\n\r\n" not in pending:
        data = connection.recv(65536)
        if not data:
            return None
        pending += data
    head, _, _ = bytes(pending).partition(b"\r\n\r\n")
    del pending[: len(head) + 4]
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(pending) < length:
        data = connection.recv(65536)
        if not data:
            return None
        pending += data
    body = bytes(pending[:length])
    del pending[:length]
    return head, body


class Upstream:
    """A raw HTTP server. `behaviour(head, body, connection)` writes the answer itself; returning False closes."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        pending = bytearray()
        try:
            while (request := read_request(connection, pending)) is not None:
                self.requests.append(request)
                if self.behaviour(*request, connection) is False:
                    break
        except OSError:
            pass
        connection.close()

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def answer(connection, body, status="200 OK", fields=(), media_type="application/json"):
    """A plain answer with a Content-Length."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", *fields, f"Content-Length: {len(body)}", "", ""]
    connection.sendall("\r\n".join(head).encode() + body)


def echo(head, body, connection):
    """Answers with what it was asked and a number of its own, so that two answers are never equal."""
    answer(connection, {"you_said": body.decode(errors="replace"), "number": int.from_bytes(os.urandom(6), "big")})


# A client program: each argument is METHOD, PATH, BODY and header lines joined by '|'; prints every answer.
CLIENT = r'''
import http.client, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ[os.environ.get("BASE_VARIABLE", "OPENAI_BASE_URL")])
for argument in sys.argv[1:]:
    method, path, body, *fields = argument.split("|")
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    headers.update(field.split(": ", 1) for field in fields)
    connection.request(method, base.path + path, body.encode(), headers)
    response = connection.getresponse()
    print(response.status, response.read().decode(errors="replace"))
    connection.close()
'''


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="reenact-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.store = os.path.join(self.directory, "store")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "ANTHROPIC", "REENACT_"))}
        self.environment |= {"XDG_CONFIG_HOME": os.path.join(self.directory, "config"), "OPENAI_API_KEY": "sk-test-" + "k3y" * 10}
        self.client = self.write("client.py", CLIENT)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w" if isinstance(text, str) else "wb") as file:
            file.write(text)
        return path

    def upstream(self, behaviour=echo):
        upstream = Upstream(behaviour)
        self.addCleanup(upstream.stop)
        return upstream

    def reenact(self, *arguments, env=None, stdin=None, text=True, timeout=120, cwd=None):
        return subprocess.run([REENACT, *arguments], env=self.environment | (env or {}), input=stdin, capture_output=True,
                              text=text, timeout=timeout, cwd=cwd or self.directory)

    def record(self, upstream, *command, options=(), env=None, **rest):
        """Records COMMAND (default: the client with these arguments) against an upstream as `openai`."""
        return self.reenact("record", "--store", self.store, "--name", "run", *options, "--", *command,
                            env={"OPENAI_BASE_URL": upstream.url + "/v1"} | (env or {}), **rest)

    def record_client(self, upstream, *calls, **rest):
        recorded = self.record(upstream, sys.executable, self.client, *calls, **rest)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        return recorded

    def serve(self, upstream, *options):
        """Starts `reenact serve` with the upstream `toy`; gives the process and the port of REENACT_URL."""
        process = subprocess.Popen([REENACT, "serve", "--store", self.store, "--upstream", f"toy={upstream.url}", *options],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        for line in process.stdout:
            if found := re.search(r"REENACT_URL=['\"]?http://127\.0\.0\.1:(\d+)", line):
                return process, int(found[1])
        self.fail(process.stderr.read())

    def end(self, process):
        """Ends what `serve` started: its status and its remarks."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        return process.returncode, err

    def call(self, port, path, body="{}", fields=()):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", path, body, {"Content-Type": "application/json"} | dict(fields))
        response = connection.getresponse()
        told = response.read()
        connection.close()
        return response.status, told

    def traces(self):
        done = self.reenact("log", "--store", self.store, "--limit", "0", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["traces"]

    def replay(self, *command, options=(), trace="run", **rest):
        """Replays; gives the completed process with .receipt, the parsed receipt or None."""
        path = os.path.join(self.directory, "receipt.json")
        if os.path.exists(path):
            os.unlink(path)
        tail = ("--", *command) if command else ()
        done = self.reenact("replay", "--store", self.store, "--receipt", path, *options, trace, *tail, **rest)
        done.receipt = None
        if os.path.exists(path):
            with open(path) as file:
                done.receipt = json.load(file)
        return done

    def replay_client(self, *calls, **rest):
        return self.replay(sys.executable, self.client, *calls, **rest)

    def show(self, trace):
        """The whole trace as `show --json` tells it."""
        shown = self.reenact("show", "--store", self.store, "--json", trace)
        self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
        return json.loads(shown.stdout)

    def assertSound(self):
        checked = self.reenact("verify", "--store", self.store, timeout=600)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def assertVerdict(self, done, verdict, status):
        detail = f"{done.stdout}\n{done.stderr}"
        self.assertIsNotNone(done.receipt, detail)
        self.assertEqual((done.receipt["verdict"], done.returncode), (verdict, status), detail)


def main():
    """For the end of a test file: runs its cases and prints the counts that scripts/test adds up."""
    if not REENACT:
        sys.exit("set REENACT to the path of the binary")
    result = unittest.main(module="__main__", exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print(f"counted: {result.testsRun - bad} passed, {bad} failed", flush=True)
    sys.exit(bad > 0)
