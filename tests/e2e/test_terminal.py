"""Terminals: what a command sees, what reaches it, what is kept, what comes back on replay, and that ours is as it was.

"Ours" is the other side of a pseudo-terminal of this test. A test that stops and continues us has a shell in between, since only
a shell can do that.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

import harness
from harness import REENACT

FULL = os.environ.get("REENACT_FULL") == "1"
PATIENCE = int(os.environ.get("PATIENCE", "60"))

# One call to the model, as an application makes it; prints what stdin, stdout and stderr are.
LOOK = r'''
import os, stat, sys
def kind(n):
    try:
        found = os.fstat(n)
    except OSError:
        return "-"
    if os.isatty(n):
        return "t"
    if stat.S_ISCHR(found.st_mode):
        return "n"
    return "f" if stat.S_ISREG(found.st_mode) else "s" if stat.S_ISSOCK(found.st_mode) else "p"
kinds = "".join(map(kind, range(3)))
import http.client, json, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(text):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat/completions", json.dumps({"model": "m", "text": text}),
                       {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())["number"]
    connection.close()
    return answer
'''


class Outer:
    """A program at a terminal of ours. `streams` says which of its three are that terminal (t); others are given in `rest`."""

    def __init__(self, argv, env, cwd, streams="ttt", rest=None, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        descriptors = [self.slave if kind == "t" else (rest or {})[i] for i, kind in enumerate(streams)]

        def prepare():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            kept = [os.dup(one) if one is not None else None for one in descriptors]
            for i, one in enumerate(kept):
                if one is None:
                    os.close(i)
                else:
                    os.dup2(one, i)
            os.closerange(3, 200)

        self.process = subprocess.Popen(argv, env=env, cwd=cwd, close_fds=False, preexec_fn=prepare)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys if isinstance(keys, bytes) else keys.encode())

    def drain(self, seconds=0.0):
        """Reads what there is; True if there was something."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            self.seen += os.read(self.master, 65536)
        except OSError:
            return False
        return True

    def expect(self, pattern, seconds=PATIENCE):
        """Reads until the pattern stands in what was not matched yet; gives the match."""
        until = time.monotonic() + seconds
        while (found := re.search(pattern, self.seen, re.S)) is None:
            if time.monotonic() > until or (not self.drain(0.2) and self.process.poll() is not None and not self.drain()):
                raise AssertionError(f"{pattern!r} did not come; there is {self.seen!r}")
        self.seen = self.seen[found.end():]
        return found

    def wait(self, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            self.drain(0.05)
            if time.monotonic() > until:
                self.process.kill()
                raise AssertionError(f"it does not end; there is {self.seen!r}")
        while self.drain():
            pass
        return self.process.returncode

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.attributes()[3] & termios.ICANON

    def wait_for(self, condition, what, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while not condition():
            self.drain(0.02)
            if time.monotonic() > until:
                raise AssertionError(f"{what}; there is {self.seen!r}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


class Terminal(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.upstream()
        self.environment |= {"OPENAI_BASE_URL": self.server.url + "/v1", "TERM": "xterm", "PS1": "$ ", "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("COLUMNS", "LINES", "PYTHONSTARTUP", "PYTHONUNBUFFERED"):
            self.environment.pop(name, None)

    def outer(self, *argv, env=None, **rest):
        outer = Outer(argv, self.environment | (env or {}), self.directory, **rest)
        self.addCleanup(outer.close)
        return outer

    def at_terminal(self, *command, options=(), **rest):
        return self.outer(REENACT, "record", "--store", self.store, *options, "--", *command, **rest)

    def replay_at_terminal(self, *options, **rest):
        return self.outer(REENACT, "replay", "--store", self.store, *options, "last", **rest)

    def replay(self, *options, stdin=None, trace="last"):
        return subprocess.run([REENACT, "replay", "--store", self.store, *options, trace], env=self.environment, cwd=self.directory,
                              stdin=subprocess.DEVNULL if stdin is None else stdin, capture_output=True, timeout=120)

    def run_event(self):
        shown = self.reenact("show", "--store", self.store, "--json", "last:0")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return json.loads(shown.stdout)

    def kept(self, stream):
        return self.run_event()["fields"].get(stream, "").encode()

    def look(self, more="print(kinds, ask('x'))\n"):
        return self.write("look.py", LOOK + more)

    def ended(self, outer, status=0):
        """It ended so, said its line at the margin, and left our terminal as it was."""
        self.assertEqual(outer.wait(), status, outer.seen)
        self.assertEqual(outer.attributes(), outer.before)


class Recording(Terminal):
    def test_an_interactive_python_records_a_call(self):
        outer = self.at_terminal(sys.executable, "-i", self.look("def f():\n    print('got', ask('x'))\n"))
        outer.expect(rb">>> ")
        self.assertTrue(outer.is_raw())
        outer.type("f()\r")
        outer.expect(rb"got \d+\r\n")
        outer.expect(rb">>> ")
        outer.type(b"\x04")
        outer.expect(rb"\nrecorded \w+: 1 call, [^\r\n]*replay: reenact replay")
        self.ended(outer)
        self.assertEqual(self.run_event()["stdio"], {"stdin": "terminal", "stdout": "terminal", "stderr": "terminal"})

    def test_an_interrupt_is_python_s_and_not_ours(self):
        outer = self.at_terminal(sys.executable, "-i", "-c", "import time")
        outer.expect(rb">>> ")
        outer.type("print('b' + 'egun'); time.sleep(600)\r")
        outer.expect(rb"begun\r\n")
        outer.type(b"\x03")
        outer.expect(rb"KeyboardInterrupt")
        outer.expect(rb">>> ")
        outer.type("print(6 * 7)\r")
        outer.expect(rb"\n42\r\n.*>>> ")
        outer.type(b"\x04")
        self.ended(outer)

    def test_an_interrupt_ends_a_child_that_sleeps(self):
        # Not a shell: one that is interrupted just before it starts `sleep` waits for it all the same.
        outer = self.at_terminal(sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)")
        outer.expect(rb"begun\r\n")
        outer.type(b"\x03")
        self.ended(outer, 130)
        outer.expect(rb"\nrecorded \w+: 0 calls")

    def test_a_signal_sent_to_us_reaches_the_child_alone(self):
        outer = self.at_terminal("sh", "-c", "trap 'echo got; exit 9' TERM; echo begun; while :; do sleep 0.1; done")
        outer.expect(rb"begun\r\n")
        outer.process.send_signal(signal.SIGTERM)
        outer.expect(rb"got\r\n")
        self.ended(outer, 9)

    def test_a_child_that_crashes_leaves_our_terminal_as_it_was(self):
        outer = self.at_terminal("sh", "-c", "stty raw -echo; kill -SEGV $$")
        self.ended(outer, 139)

    def test_a_command_that_is_not_there_leaves_our_terminal_as_it_was(self):
        outer = self.at_terminal("no-such-command")
        outer.expect(rb"no such command in PATH")
        self.ended(outer, 127)

    def test_our_own_crash_leaves_our_terminal_as_it_was(self):
        for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL):
            with self.subTest(signal=number.name):
                # A program that asks for its end lives no longer than its terminal.
                outer = self.at_terminal("sh", "-c", "echo $$ > pid; echo begun; exec sleep 600")
                outer.expect(rb"begun\r\n")
                self.assertTrue(outer.is_raw())
                outer.process.send_signal(number)
                self.assertNotEqual(outer.wait(), 0)
                outer.wait_for(lambda: outer.attributes() == outer.before, "our terminal is not as it was")
                with open(os.path.join(self.directory, "pid"), encoding="ascii") as file:
                    pid = int(file.read())
                outer.wait_for(lambda: not os.path.exists(f"/proc/{pid}/cwd") or is_zombie(pid), "the command lives on")

    def test_a_terminal_that_goes_away_ends_the_child(self):
        outer = self.at_terminal("sh", "-c", "trap 'echo hung up > said; exit 3' HUP; echo begun; while :; do sleep 0.1; done")
        outer.expect(rb"begun\r\n")
        fresh = os.open("/dev/null", os.O_RDWR)
        os.dup2(fresh, outer.slave)
        os.dup2(fresh, outer.master)
        os.close(fresh)
        outer.process.wait(PATIENCE)
        with open(os.path.join(self.directory, "said"), encoding="ascii") as file:
            self.assertEqual(file.read(), "hung up\n")

    def test_a_new_size_reaches_the_child(self):
        program = self.write("size.py", "import os, signal\n"
                             "def tell(*_):\n"
                             "    os.write(1, b'size %d %d\\n' % os.get_terminal_size())\n"
                             "signal.signal(signal.SIGWINCH, tell)\n"
                             "tell()\n"
                             "while True: signal.pause()\n")
        outer = self.at_terminal(sys.executable, program, rows=31, columns=97)
        outer.expect(rb"size 97 31\r\n")
        outer.resize(40, 120)
        outer.expect(rb"size 120 40\r\n")
        outer.type(b"\x03")
        outer.wait()
        self.assertEqual(outer.attributes(), outer.before)

    def test_each_stream_is_a_terminal_or_not_as_ours_is(self):
        for streams in ("ttt", "ttp", "tpt", "ptt", "tpp", "ptp", "ppt"):
            with self.subTest(streams=streams):
                read, write = os.pipe()
                os.close(write)  # who reads finds an end
                out_read, out_write = os.pipe()
                outer = self.at_terminal(sys.executable, self.look("open('kinds', 'w').write(kinds); ask('x')\n"), streams=streams,
                                         rest={0: read, 1: out_write, 2: out_write})
                for one in (read, out_write):
                    os.close(one)
                self.ended(outer)
                os.close(out_read)
                with open(os.path.join(self.directory, "kinds"), encoding="ascii") as file:
                    self.assertEqual(file.read(), streams)

    def test_stdout_on_a_pipe_and_stderr_on_the_terminal_stay_apart(self):
        read, write = os.pipe()
        outer = self.at_terminal("sh", "-c", "echo out; echo err >&2", streams="tpt", rest={1: write})
        os.close(write)
        outer.expect(rb"err\r+\n")
        self.ended(outer)
        with os.fdopen(read, "rb") as file:
            self.assertEqual(file.read(), b"out\n")
        self.assertEqual((self.kept("stdout"), self.kept("stderr")), (b"out\n", b"err\r\n"))

    def test_keys_are_left_to_others_until_the_child_reads(self):
        read, write = os.pipe()
        outer = self.at_terminal("sh", "-c", "echo begun >&2; while [ ! -e go ]; do sleep 0.02; done; read x; echo \"read $x\"", streams="tpt",
                                 rest={1: write})
        os.close(write)
        outer.expect(rb"begun")
        self.assertFalse(outer.is_raw())
        self.write("go", "")
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        outer.type("words\r")
        self.ended(outer)
        with os.fdopen(read, "rb") as file:
            self.assertEqual(file.read(), b"read words\n")

    def test_a_program_that_opens_the_terminal_itself_gets_keys(self):
        read, write = os.pipe()
        os.write(write, b"piped\n")
        os.close(write)
        outer = self.at_terminal("sh", "-c", "cat; read x < /dev/tty; echo \"read $x\"", streams="ptt", rest={0: read})
        os.close(read)
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        outer.type("words\r")
        outer.expect(rb"read words\r\n")
        self.ended(outer)
        self.assertEqual(self.kept("stdin"), b"piped\n")

    def test_what_is_typed_is_kept_only_as_the_echo_of_it(self):
        outer = self.at_terminal("sh", "-c", "read x; stty -echo; read y; stty echo; echo done")
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        outer.type("plain words\r")
        outer.expect(rb"plain words\r\n")
        time.sleep(0.3)
        outer.type("hidden words\r")
        outer.expect(rb"done\r\n")
        self.ended(outer)
        self.assertEqual(self.kept("stdin"), b"")
        self.assertEqual(self.kept("stdout"), b"plain words\r\ndone\r\n")

    def test_a_key_of_ours_that_is_echoed_is_redacted(self):
        outer = self.at_terminal("sh", "-c", "read x; echo done")
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        outer.type("sk-proj-" + "aB3dE5" * 8 + "\r")
        outer.expect(rb"done\r\n")
        self.ended(outer)
        self.assertNotIn(b"aB3dE5", self.kept("stdout"))
        self.assertIn(b"RN-REDACTED-", self.kept("stdout"))

    def test_output_of_any_size_is_whole_and_in_order(self):
        size = 10_000_000
        outer = self.at_terminal(sys.executable, "-c", f"import sys\nfor i in range({size // 10}): sys.stdout.write('%09d\\n' % i)")
        pieces = []
        while outer.process.poll() is None or outer.drain():
            outer.drain(0.05)
            pieces.append(outer.seen)
            outer.seen = b""
        total = b"".join(pieces)
        lines = total.split(b"\r\n")
        self.assertEqual(lines[: size // 10], [b"%09d" % i for i in range(size // 10)])
        self.assertIn(b"recorded ", total[-300:])

    def test_a_slow_terminal_slows_the_child(self):
        outer = self.at_terminal(sys.executable, "-c", "import sys\nfor i in range(400000):\n    sys.stdout.write('%09d\\n' % i)\n"
                                 "    if i % 1000 == 0: open('written', 'w').write(str(i))")
        outer.expect(rb"000000100\r\n")
        written = ""
        for _ in range(200):  # until it stands still
            time.sleep(0.1)
            with open(os.path.join(self.directory, "written"), encoding="ascii") as file:
                now = file.read()
            if now == written and now:
                break
            written = now
        self.assertLess(int(written), 100000)
        self.ended(outer)

    def test_who_is_left_behind_keeps_nobody_waiting(self):
        outer = self.at_terminal("sh", "-c", "(trap '' HUP; exec sleep 300) & echo $! > pid; seq 1 5000")
        outer.expect(rb"\n5000\r\n")
        self.ended(outer)
        with open(os.path.join(self.directory, "pid"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def test_our_line_begins_at_the_margin(self):
        outer = self.at_terminal("printf", "no end")
        outer.expect(rb"no end\r?\n")
        self.ended(outer)
        self.assertRegex(outer.seen, rb"^reenact record: ")


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


class Shell(Terminal):
    """We are a job of an interactive shell."""

    def shell(self):
        outer = self.outer("bash", "--norc", "--noprofile", "-i")
        outer.type("PS1='sh''ell> '; bind 'set enable-bracketed-paste off'\r")
        outer.expect(rb"shell> ")
        return outer

    def test_a_stop_key_stops_both_and_fg_continues_both(self):
        outer = self.shell()
        outer.type(f"{REENACT} record --store {self.store} -- python3 -ic 'x = 6'\r")
        outer.expect(rb">>> ")
        outer.type(b"\x1a")
        outer.expect(rb"Stopped.*shell> ")
        outer.type("stty -a | tr ';' '\\n' | grep -c -e ' icanon'; echo pid $$\r")
        outer.expect(rb"\n1\r\n.*pid \d+\r\n.*shell> ")
        outer.type("fg\r")
        outer.expect(rb"record --store[^\n]*\n")
        outer.type("print(x * 7)\r")
        outer.expect(rb"\n42\r\n.*>>> ")
        outer.type(b"\x04")
        outer.expect(rb"recorded \w+.*shell> ")
        outer.type("exit\r")
        self.assertEqual(outer.wait(), 0)

    def test_in_the_background_we_wait_for_the_terminal_as_any_job(self):
        outer = self.shell()
        outer.type(f"{REENACT} record --store {self.store} -- sh -c 'echo be''gun; read x; echo \"read $x\"' &\r")
        outer.expect(rb"begun\r+\n")
        time.sleep(0.3)
        outer.type("\r")
        outer.expect(rb"Stopped.*shell> ")
        outer.type("fg\r")
        outer.expect(rb"record --store[^\n]*\n")
        outer.type("words\r")
        outer.expect(rb"read words\r+\n.*recorded \w+.*shell> ")
        outer.type("exit\r")
        self.assertEqual(outer.wait(), 0)

    def test_in_the_background_a_program_that_reads_nothing_runs_to_its_end(self):
        outer = self.shell()
        outer.type(f"{REENACT} record --store {self.store} -- sh -c 'sleep 0.3; echo do''ne' &\r")
        outer.expect(rb"done\r+\n")
        outer.expect(rb"recorded \w+")
        outer.type("wait; echo all ''ended\r")
        outer.expect(rb"all ended\r\n")
        outer.type("exit\r")
        self.assertEqual(outer.wait(), 0)

    def test_a_shell_inside_has_job_control(self):
        outer = self.at_terminal("bash", "--norc", "--noprofile", "-i")
        outer.type("PS1='in''side> '\r")
        outer.expect(rb"inside> ")
        outer.type("sh -c 'echo be''gun; exec sleep 600'\r")
        outer.expect(rb"begun\r\n")
        outer.type(b"\x1a")
        outer.expect(rb"Stopped.*sleep 600")
        outer.expect(rb"inside> ")
        outer.type("kill -9 %1; wait; echo no ''jobs\r")
        outer.expect(rb"no jobs\r\n")
        self.assertNotIn(b"no job control", outer.seen)
        outer.type("exit 5\r")
        self.ended(outer, 5)


class Replaying(Terminal):
    def record_look(self, streams="ttt", more="print(kinds, ask('x'))\nprint('err', file=sys.stderr)\n", rest=None):
        outer = self.at_terminal(sys.executable, self.look(more), streams=streams, rest=rest, rows=33, columns=101)
        self.ended(outer)

    def test_recorded_on_a_terminal_is_reproduced_without_one(self):
        self.record_look(more="print(kinds, *os.get_terminal_size(), os.environ['TERM'], ask('x'))\nprint('err', file=sys.stderr)\n")
        self.environment["TERM"] = "dumb"
        done = self.replay()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"reproduced", done.stderr)
        self.assertRegex(done.stdout, rb"^ttt 101 33 xterm \d+\r\nerr\r\n$")
        self.assertNotIn(b"remark", done.stderr)

    def test_recorded_without_a_terminal_is_reproduced_on_one(self):
        path = self.look("print(kinds, ask('x'), sys.stdin.read())\nprint('err', file=sys.stderr)\n")
        done = self.record(self.server, sys.executable, path, stdin="given")
        self.assertEqual(done.returncode, 0, done.stderr)
        outer = self.replay_at_terminal()
        outer.expect(rb"ppp \d+ given\r+\n")
        outer.expect(rb"reproduced")
        self.ended(outer)

    def test_every_kind_comes_back(self):
        # A Python whose stdin is closed would open the file of its program there.
        program = LOOK + "open('kinds', 'w').write(kinds); ask('x')\n"
        letters = "pfns-"
        cases = [a + b + c for a in letters for b in letters for c in letters]
        for kinds in cases if FULL else cases[::7] + ["pfs", "-p-", "nnn"]:
            with self.subTest(kinds=kinds):
                mine, others = self.open_kinds(kinds)
                done = subprocess.Popen([REENACT, "record", "--store", self.store, "--", sys.executable, "-c", program], env=self.environment,
                                        cwd=self.directory, preexec_fn=lambda: self.place(mine))
                for one in mine:
                    if one is not None:
                        os.close(one)
                self.assertEqual(done.wait(PATIENCE), 0)
                self.assertEqual(self.read_kinds(), kinds)
                for one in others:
                    os.close(one)
                again = self.replay()
                self.assertEqual(again.returncode, 0, again.stderr)
                self.assertEqual(self.read_kinds(), kinds)

    def read_kinds(self):
        path = os.path.join(self.directory, "kinds")
        with open(path, encoding="ascii") as file:
            kinds = file.read()
        os.unlink(path)
        return kinds

    def open_kinds(self, kinds):
        """Three descriptors for a child, and the other ends of pipes and sockets."""
        import socket
        mine, others = [], []
        for stream, kind in enumerate(kinds):
            if kind == "p":
                read, write = os.pipe()
                mine.append(write if stream else read)
                others.append(read if stream else write)
            elif kind == "s":
                one, other = socket.socketpair()
                mine.append(one.detach())
                others.append(other.detach())
            elif kind == "f":
                mine.append(os.open(self.write(f"file{stream}", "abc"), os.O_RDWR))
            else:
                mine.append(os.open("/dev/null", os.O_RDWR) if kind == "n" else None)
        if kinds[0] in "ps":
            os.close(others.pop(0))  # nothing to read
        return mine, others

    @staticmethod
    def place(mine):
        kept = [None if one is None else fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in mine]
        for i, one in enumerate(kept):
            os.close(i) if one is None else os.dup2(one, i)
        os.closerange(3, 200)

    def test_changed_output_is_found_and_its_stream_named(self):
        for streams, where in (("ttt", b"run, terminal"), ("tpt", b"run, stderr"), ("ttp", b"run, stdout")):
            with self.subTest(streams=streams):
                read, write = os.pipe()
                place = "sys.stdout" if streams == "ttp" else "sys.stderr"
                self.record_look(streams, f"ask('x')\nprint('said', open('word').read(), file={place})\n"
                                 if self.write("word", "one") else "", rest={1: write, 2: write})
                os.close(write)
                os.close(read)
                self.assertEqual(self.replay().returncode, 0)
                self.write("word", "two")
                done = self.replay()
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(where, done.stderr)

    def test_what_nobody_types_is_an_end_and_said_so(self):
        outer = self.at_terminal(sys.executable, self.look("ask('x')\ntry:\n    print('read', input('> '))\nexcept EOFError:\n    print('end')\n"))
        outer.expect(rb"> ")
        outer.type("words\r")
        self.ended(outer)
        done = self.replay()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"end\r\n", done.stdout)
        self.assertIn(b"run, terminal", done.stderr)
        self.assertIn(b"what was typed there is not recorded", done.stderr)

    def test_what_was_ended_with_a_key_is_reproduced_without_one(self):
        outer = self.at_terminal(sys.executable, self.look("ask('x')\nprint('lines', len(sys.stdin.readlines()))\n"))
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        time.sleep(0.5)
        outer.type(b"\x04")
        self.ended(outer)
        done = self.replay()
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_session_is_repeated_by_hand(self):
        outer = self.at_terminal(sys.executable, self.look("number = ask('x')\nprint('read', input('> '), number)\n"))
        outer.expect(rb"> ")
        outer.type("words\r")
        self.ended(outer)
        again = self.replay_at_terminal(rows=50, columns=50)
        again.expect(rb"> ")
        again.type("words\r")
        again.expect(rb"reproduced")
        self.ended(again)
        other = self.replay_at_terminal()
        other.expect(rb"> ")
        other.type("other words\r")
        other.expect(rb"diverged")
        self.ended(other, 1)

    def test_a_program_that_takes_no_end_is_ended(self):
        outer = self.at_terminal(sys.executable, self.look("ask('x')\nwhile True:\n    line = sys.stdin.readline()\n"
                                                           "    if line: break\n"))
        outer.wait_for(outer.is_raw, "our terminal is not relayed")
        outer.type("words\r")
        self.ended(outer)
        done = self.replay("--receipt", os.path.join(self.directory, "receipt"))
        self.assertEqual(done.returncode, 1, done.stderr)
        with open(os.path.join(self.directory, "receipt"), encoding="utf-8") as file:
            # Of the signal and the end of its terminal either may come first: 120 is what Python makes of an output that is gone.
            self.assertIn(json.load(file)["command"]["exit"], ({"signal": 1}, {"code": 120}))

    def test_a_program_that_reads_single_keys_is_ended_sooner(self):
        # To `top` an end is a key like another, and each one costs it seconds.
        outer = self.at_terminal(sys.executable, self.look("import tty\nask('x')\ntty.setcbreak(0)\nprint('go', flush=True)\nwhile os.read(0, 1) == b'\\x04':\n"
                                                           "    open('keys', 'a').write('.')\n"))
        outer.expect(rb"go")
        outer.type("q")
        self.ended(outer)
        done = self.replay()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(os.path.getsize(os.path.join(self.directory, "keys")), 21)


if __name__ == "__main__":
    harness.main()
