"""`record --each`: a suite of inputs, each a run of its own; order, exits, ports, signals, and what is refused before anything runs."""
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import unittest

import harness
from harness import REENACT

# Asks once with its first argument and prints the answer; "exit N" ends so, "twice" asks once more, "none" asks nobody.
AGENT = r'''
import http.client, json, os, sys, urllib.parse
line = sys.argv[1]
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(text):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    connection.request("POST", base.path + "/chat/completions", body, {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())["you_said"]
    connection.close()
    return json.loads(answer)["messages"][0]["content"]
if line != "none":
    print("answer:", ask(line))
    print("asked", len(sys.argv) - 1, "words in", os.environ["REENACT_TRACE"][:4], file=sys.stderr)
if line == "twice":
    print("again:", ask(line))
if line.startswith("exit "):
    sys.exit(int(line[5:]))
'''

# Asks in the trace of its run, and when all others have done so in one that it opens itself.
INNER = r'''
def ask(url, path, text):
    base = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", path, json.dumps({"said": text}), {"Content-Type": "application/json"})
    print(connection.getresponse().read().decode())
    connection.close()
ask(os.environ["OPENAI_BASE_URL"], "/v1/chat", "first " + sys.argv[1])
ask(os.environ["REENACT_URL"], "/t/inner/openai/v1/chat", "second")
'''


class Each(harness.Case):
    def setUp(self):
        super().setUp()
        self.agent = self.write("agent.py", AGENT)
        self.server = self.upstream()

    def each(self, lines, *options, command=None, name="suite.txt", **rest):
        path = self.write(name, lines if isinstance(lines, bytes) else lines.encode())
        command = command or (sys.executable, self.agent, "{input}")
        return self.reenact("record", "--store", self.store, "--each", path, *options, "--", *command,
                            env={"OPENAI_BASE_URL": self.server.url + "/v1"}, **rest)

    def log(self):
        done = self.reenact("log", "--store", self.store, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["traces"]

    def names(self):
        return sorted(trace["name"] for trace in self.log())

    def run_event(self, trace):
        shown = self.reenact("show", "--store", self.store, "--json", f"{trace}:0")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return json.loads(shown.stdout)

    def test_each_line_is_a_run_of_its_own(self):
        done = self.each("first question\n\nthird $(touch x); 'quoted' \"double\"\r\nlast, without an end")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "answer: first question\nanswer: third $(touch x); 'quoted' \"double\"\nanswer: last, without an end\n")
        self.assertEqual(self.names(), ["suite/1", "suite/3", "suite/4"])
        self.assertEqual(len({trace["session"] for trace in self.log()}), 3)
        last = done.stderr.splitlines()[-1]
        self.assertIn("recorded suite: 3 cases, 3 calls", last)
        self.assertIn("freeze: reenact baseline freeze suite --name 'suite/*' --store", last)
        self.assertFalse(os.path.exists(os.path.join(self.directory, "x")))

    def test_the_input_is_kept_beside_the_words_it_became(self):
        self.assertEqual(self.each("one two\n", command=(sys.executable, self.agent, "{input}", "--say={input}!")).returncode, 0)
        text = json.dumps(self.run_event("suite/1"))
        self.assertIn('"one two"', text)
        self.assertIn('"--say=one two!"', text)
        shown = self.reenact("show", "--store", self.store, "suite/1:0")
        self.assertRegex(shown.stdout, r"(?m)^input +one two$")

    def test_each_is_replayed_by_its_name(self):
        self.assertEqual(self.each("a\nb\n").returncode, 0)
        self.server.stop()
        self.assertVerdict(self.replay(trace="suite/2"), "reproduced", 0)

    def test_the_exit_is_the_first_that_is_not_zero(self):
        done = self.each("fine\nexit 7\nexit 3\n", "-j", "3")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("3 cases, 3 calls", done.stderr)
        self.assertIn("2 exited non-zero (first: line 2)", done.stderr)
        self.assertEqual(self.names(), ["suite/1", "suite/2", "suite/3"])

    def test_a_case_that_cannot_run_counts_and_others_go_on(self):
        done = self.each("here\nnowhere\nhere\n", command=(os.path.join(self.directory, "{input}"),))
        self.assertEqual(done.returncode, 127, done.stderr)
        self.write("here", f"#!/bin/sh\nexec {sys.executable} {self.agent} hello\n")
        os.chmod(os.path.join(self.directory, "here"), 0o755)
        done = self.each("here\nnowhere\nhere\n", command=(os.path.join(self.directory, "{input}"),))
        self.assertEqual(done.returncode, 127, done.stderr)
        self.assertEqual(done.stdout, "answer: hello\n" * 2)
        self.assertIn("record: line 2: ", done.stderr)
        self.assertIn("1 exited non-zero (first: line 2)", done.stderr)

    def test_many_at_once_come_whole_and_in_order(self):
        lines = [f"case {n} " + "x" * 5000 for n in range(1, 41)]
        done = self.each("\n".join(lines), "-j", "4", "--name", "many")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "".join(f"answer: {line}\n" for line in lines))
        self.assertIn("recorded many: 40 cases, 40 calls", done.stderr)
        self.assertEqual(set(self.names()), {f"many/{n}" for n in range(1, 41)})

    def test_the_next_command_can_be_typed_whatever_the_name(self):
        done = self.each("a\n", "--name", "My Suite's")
        self.assertIn("baseline freeze my-suite-s --name 'My Suite'\\''s/*'", done.stderr)

    def test_a_session_of_ones_own_choice_holds_them_all(self):
        self.assertEqual(self.each("a\nb\n", "--session", "nightly").returncode, 0)
        self.assertEqual(len({trace["session"] for trace in self.log()}), 1)

    def test_runs_at_once_in_one_session_keep_the_traces_that_each_opened(self):
        together = threading.Barrier(2)

        def meet(head, body, connection):
            if b"first" in body:
                together.wait(60)
            return harness.echo(head, body, connection)
        self.server = self.upstream(meet)
        inner = self.write("inner.py", AGENT.split("line = ")[0] + INNER)
        done = self.each("a\nb\n", "--session", "nightly", "-j", "2", command=(sys.executable, inner, "{input}"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.stop()
        for name in ("suite/1", "suite/2"):
            replayed = self.replay(trace=name)
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual((len(replayed.receipt["traces"]), replayed.receipt["counts"]["served"]), (2, 2))

    def test_standard_input_holds_the_cases_and_no_case_reads_it(self):
        reader = ("sh", "-c", 'cat; echo "{input}"')
        done = self.reenact("record", "--store", self.store, "--each", "-", "--", *reader, stdin="one\ntwo\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo\n"), done.stderr)
        self.assertEqual(self.names(), ["stdin/1", "stdin/2"])
        self.assertIn("line 1: no call came through reenact", done.stderr)

    def test_a_credential_in_a_line_is_not_kept(self):
        secret = "sk-proj-" + "Ab3dEf6hIj9k" * 4
        done = self.each(f"my key is {secret}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        event = self.run_event("suite/1")
        self.assertNotIn(secret, json.dumps(event))
        self.assertIn("my key is ", json.dumps(event))
        for folder, _, names in os.walk(self.store):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(), name)

    def test_a_word_behind_an_option_that_is_a_credential_is_none_in_the_input_either(self):
        secret = "plain-words-nobody-would-know"
        self.each(secret + "\n", command=(sys.executable, self.agent, "hello", "--api-key", "{input}"))
        self.assertNotIn(secret, json.dumps(self.run_event("suite/1")))

    def test_require_complete_is_asked_of_each(self):
        done = self.each("none\nfine\n", "--require-complete")
        self.assertEqual(done.returncode, 0, done.stderr)

    # --- what is refused before anything runs ---

    def refused(self, done, words):
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(self.store))

    def test_a_command_without_a_place_is_refused(self):
        self.refused(self.each("a\n", command=(sys.executable, self.agent, "{inputs}")), "{input}")

    def test_bad_lines_are_named(self):
        self.refused(self.each(b"fine\nbad \xff byte\n"), "line 2 of ")
        self.refused(self.each(b"fine\n\nnul \x00 byte\n"), "line 3 of ")
        self.refused(self.each(b"x" * (64 * 1024 + 1)), "line 1 of ")
        self.refused(self.each(b"\n\r\n\n"), "no line")
        self.refused(self.each(b""), "no line")

    def test_a_file_that_is_none_is_named(self):
        done = self.reenact("record", "--store", self.store, "--each", "missing.txt", "--", "echo", "{input}")
        self.refused(done, "missing.txt")
        done = self.reenact("record", "--store", self.store, "--each", self.directory, "--", "echo", "{input}")
        self.refused(done, self.directory)

    def test_ports_are_not_shared(self):
        self.refused(self.each("a\n", "-j", "2", "--port", "openai=18080"), "--port")
        self.refused(self.each("a\n", "-j", "2", "--listen", "18080"), "--listen")

    def test_numbers_of_jobs_are_bounded(self):
        self.refused(self.each("a\n", "-j", "0"), "from 1 to 64")
        self.refused(self.each("a\n", "-j", "65"), "from 1 to 64")
        self.refused(self.reenact("record", "--store", self.store, "-j", "2", "--", "true"), "--each")

    # --- limits and signals ---

    def test_the_longest_line_passes(self):
        done = self.each("y" * (64 * 1024))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout), len("answer: \n") + 64 * 1024)

    def interrupt(self, jobs):
        """Each case tells its number in a file and waits; once `jobs` have, SIGINT goes to reenact alone."""
        path = self.write("suite.txt", "".join(f"{n}\n" for n in range(1, 9)))
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo)
        waiter = ("sh", "-c", f'trap "exit 9" INT; echo {{input}} > {fifo}; while :; do sleep 0.05; done')
        process = subprocess.Popen([REENACT, "record", "--store", self.store, "--each", path, "-j", str(jobs), "--", *waiter],
                                   env=self.environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.directory)
        begun = set()
        while len(begun) < jobs:
            with open(fifo) as file:
                begun |= set(file.read().split())
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        return process.returncode, stderr, begun

    def test_an_interrupt_reaches_the_command_and_no_further_case_begins(self):
        status, stderr, begun = self.interrupt(1)
        self.assertEqual(status, 130, stderr)
        self.assertEqual(begun, {"1"})
        self.assertIn("1 case,", stderr)
        self.assertIn("7 not begun", stderr)
        self.assertIn("first: line 1", stderr)
        self.assertEqual(self.names(), ["suite/1"])

    def test_an_interrupt_reaches_all_that_run(self):
        status, stderr, begun = self.interrupt(3)
        self.assertEqual(status, 130, stderr)
        self.assertEqual(begun, {"1", "2", "3"})
        self.assertIn("3 cases,", stderr)
        self.assertIn("5 not begun", stderr)
        self.assertEqual(self.names(), ["suite/1", "suite/2", "suite/3"])

    def test_a_parent_that_ignores_the_ends_of_children_is_not_inherited(self):
        self.write("suite.txt", "3\n")
        for words in (("--each", "suite.txt", "--", "sh", "-c", "exit {input}"), ("--", "sh", "-c", "exit 3")):
            done = subprocess.run([REENACT, "record", "--store", self.store, *words], env=self.environment, cwd=self.directory, timeout=60,
                                  capture_output=True, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
            self.assertEqual(done.returncode, 3, done.stderr)

    def test_a_key_at_the_terminal_reaches_each_command_once(self):
        for jobs in (1, 2):
            count, begun = (os.path.join(self.directory, f"{name}{jobs}") for name in ("count", "begun"))
            path = self.write("suite.txt", "1\n2\n3\n")
            waiter = self.write("waiter.sh", f'trap "echo once >> {count}; sleep 0.2; exit 9" INT; echo x >> {begun}; while :; do sleep 0.05; done')
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(self.directory)
                os.execve(REENACT, [REENACT, "record", "--store", self.store, "--each", path, "-j", str(jobs), "--", "sh", waiter, "{input}"],
                          self.environment)
            while not os.path.exists(begun) or os.path.getsize(begun) < 2 * jobs:
                self.assertEqual(os.waitpid(pid, os.WNOHANG), (0, 0))
            os.write(terminal, b"\x03")
            said = b""
            try:
                while data := os.read(terminal, 4096):
                    said += data
            except OSError:  # the other side is closed
                pass
            os.close(terminal)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130, said)
            with open(count) as file:
                self.assertEqual(file.read(), "once\n" * jobs)


if __name__ == "__main__":
    harness.main()
