"""`baseline check`: what five changes of an application are called, and what each case has to itself: ports, directories, a process."""
import glob
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree

import harness
from harness import REENACT

# Three calls, each built on the answers before it. VARIANT says what is different today.
AGENT = r'''
import http.client, json, os, sys, urllib.parse
variant = os.environ.get("VARIANT", "")
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(system, user, **more):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    body = {"model": "big" if variant == "model" else "small",
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}], **more}
    if variant == "refactored":
        body = dict(reversed(body.items()))
    fields = {"Content-Type": "application/json", **({"x-reenact-trace": "helper"} if "helper" in system else {})}
    connection.request("POST", base.path + "/chat/completions", json.dumps(body), fields)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    if response.status != 200:
        print("refused:", response.status)
        if variant == "extra":
            return "nothing"
        sys.exit(4)
    return str(json.loads(text)["number"])
line = sys.argv[1]
tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}
if variant == "schema":
    tool["function"]["parameters"]["properties"]["limit"] = {"type": "integer"}
if variant == "extra":
    ask("Is this question fit to be answered at all?", line)
plan = ask("You plan. Be kind." if variant == "reworded" else "You plan. Be brief.", line, tools=[tool])
facts = "" if variant == "dropped" else ask("You are a helper that finds facts." if os.environ.get("HELPER") else "You find facts.", plan)
print("answer", ask("You answer from a plan and facts.", "plan %s, facts %s" % (plan, facts)))
'''


class Check(harness.Case):
    def setUp(self):
        super().setUp()
        self.agent = self.write("agent.py", AGENT)
        self.environment["TMPDIR"] = os.path.join(self.directory, "tmp")
        os.mkdir(self.environment["TMPDIR"])

    def command(self, *words):
        return words or (sys.executable, self.agent, "{input}")

    def freeze(self, lines="one\ntwo\nthree\n", command=None, options=(), env=None, name="rc"):
        server = self.upstream()
        path = self.write("suite.txt", lines)
        done = self.reenact("record", "--store", self.store, "--each", path, *options, "--", *(command or self.command()),
                            env={"OPENAI_BASE_URL": server.url + "/v1"} | (env or {}))
        server.stop()
        self.assertIn("recorded suite: ", done.stderr)
        frozen = self.reenact("baseline", "freeze", "--store", self.store, name, "--name", "suite/*")
        self.assertEqual(frozen.returncode, 0, frozen.stderr)
        return done

    def check(self, *options, command=(), variant="", name="rc", **rest):
        tail = ("--", *command) if command else ()
        env = {"VARIANT": variant} | rest.pop("env", {})
        done = self.reenact("baseline", "check", "--store", self.store, "--json", *options, name, *tail, env=env, **rest)
        done.document = json.loads(done.stdout) if done.stdout.startswith("{") else None
        return done

    def assertResults(self, done, results, status):
        self.assertIsNotNone(done.document, done.stderr)
        self.assertEqual([case["result"] for case in done.document["cases"]], results, done.stdout)
        self.assertEqual((done.returncode, done.document["exit"]), (status, status), done.stdout)

    def assertNamed(self, variant, cause, place, **rest):
        done = self.check("-j", "3", variant=variant, **rest)
        self.assertResults(done, ["diverged"] * 3, 1)
        for case in done.document["cases"]:
            self.assertEqual(case["cause"], cause, case)
            self.assertRegex(case["place"], place, case)

    def left(self):
        return os.listdir(self.environment["TMPDIR"])

    # --- what a change is called ---

    def test_changes_are_called_by_their_names(self):
        self.freeze()
        self.assertResults(self.check(), ["reproduced"] * 3, 0)
        self.assertResults(self.check(variant="refactored"), ["reproduced"] * 3, 0)
        self.assertNamed("reworded", "a changed prompt", "^event 1, request body, /messages/0/content$")
        self.assertNamed("schema", "a changed tool schema", "^event 1, request body, /tools/0/function/parameters/properties/limit$")
        self.assertNamed("dropped", "a missing call", "^event 2, not asked for$")
        self.assertNamed("model", "another model", "^event 1, request body, /model$")
        self.assertNamed("extra", "an extra call", r"^beside event \d$")
        self.assertNamed("", "a changed input", "^event 1, request body, /messages/1/content$", command=self.command(sys.executable, self.agent, "x"))
        self.assertEqual(self.left(), [])

    def test_the_names_stand_in_their_order(self):
        self.freeze("".join(f"{n}\n" for n in range(1, 13)))
        done = self.check("-j", "4")
        self.assertEqual([case["name"] for case in done.document["cases"]], [f"suite/{n}" for n in range(1, 13)])

    def test_one_result_of_each_and_the_worst_counts(self):
        self.freeze("one\ntwo\nthree\n", options=("-j", "3"))
        picky = self.write("picky.sh", f'case "$1" in one) VARIANT=reworded;; two) exit 0;; esac; export VARIANT; exec {sys.executable} {self.agent} "$1"')
        done = self.check(command=("sh", picky, "{input}"))
        self.assertResults(done, ["diverged", "incomparable", "reproduced"], 1)
        self.assertEqual(done.document["counts"], {"reproduced": 1, "diverged": 1, "incomparable": 1, "trouble": 0})

    # --- what each has to itself ---

    def test_fixed_ports_when_recording_do_not_clash_when_checking(self):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        self.freeze("".join(f"{n}\n" for n in range(8)), options=("--port", f"openai={port}"))
        self.assertResults(self.check("-j", "4"), ["reproduced"] * 8, 0)

    def test_each_has_temporary_files_of_its_own(self):
        script = self.write("script.sh", f'test -z "$(ls -A $TMPDIR | grep -v reenact)" || exit 7; mkdir $TMPDIR/d; touch $TMPDIR/d/x; chmod 0 $TMPDIR/d; '
                            f'exec {sys.executable} {self.agent} "$1"')
        self.freeze("1\n", command=("sh", script, "{input}"))
        os.chmod(os.path.join(self.environment["TMPDIR"], "d"), 0o700)
        subprocess.run(["rm", "-rf", *glob.glob(self.environment["TMPDIR"] + "/*")], check=True)
        self.assertResults(self.check("-j", "2"), ["reproduced"], 0)
        self.assertEqual(self.left(), [])

    def test_each_runs_in_a_fresh_copy(self):
        work = os.path.join(self.directory, "work")
        os.mkdir(work)
        for name in ("agent.py", ".hidden"):
            with open(os.path.join(work, name), "w") as file:
                file.write(AGENT)
        os.symlink("agent.py", os.path.join(work, "link"))
        self.freeze()
        script = self.write("script.sh", f'test -e left && exit 7; test -e .hidden && test -L link || exit 8; touch left; exec {sys.executable} agent.py "$1"')
        for jobs in ("1", "3"):
            self.assertResults(self.check("-j", jobs, "--workdir", work, command=("sh", script, "{input}")), ["reproduced"] * 3, 0)
        self.assertEqual(sorted(os.listdir(work)), [".hidden", "agent.py", "link"])
        self.assertEqual(self.left(), [])

    def test_a_directory_that_cannot_be_copied_is_told_before_anything_runs(self):
        self.freeze("one\n")
        for path in ("missing", self.agent):
            done = self.check("--workdir", path)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(path, done.stderr)

    def test_the_recorded_directory_is_the_one_otherwise(self):
        self.freeze("one\n", command=("sh", "-c", f'pwd; exec {sys.executable} {self.agent} "{{input}}"'))
        elsewhere = os.path.join(self.directory, "elsewhere")
        os.mkdir(elsewhere)
        self.assertResults(self.check(cwd=elsewhere), ["reproduced"], 0)

    def test_input_and_trace_are_filled_in(self):
        self.freeze("$(one) 'x'\ntwo\n")
        seen = os.path.join(self.directory, "seen")
        script = self.write("script.sh", f'printf "%s|%s\\n" "$1" "$2" >> {seen}; exec {sys.executable} {self.agent} "$1"')
        done = self.check(command=("sh", script, "{input}", "id={trace}"))
        self.assertResults(done, ["reproduced"] * 2, 0)
        ids = [case["trace"] for case in done.document["cases"]]
        with open(seen) as file:
            self.assertEqual(file.read(), f"$(one) 'x'|id={ids[0]}\ntwo|id={ids[1]}\n")

    def test_a_command_that_is_killed_is_a_finding_and_takes_nobody_along(self):
        self.freeze()
        script = self.write("script.sh", f'test "$1" = two && kill -9 $$; exec {sys.executable} {self.agent} "$1"')
        done = self.check("-j", "3", command=("sh", script, "{input}"))
        self.assertEqual([case["result"] for case in done.document["cases"]], ["reproduced", "incomparable", "reproduced"])
        half = self.write("half.sh", f'{sys.executable} {self.agent} "$1"; kill -9 $$')
        done = self.check("-j", "3", command=("sh", half, "{input}"))
        self.assertResults(done, ["diverged"] * 3, 1)
        self.assertIn("signal 9", done.document["cases"][0]["came"])

    def test_a_command_that_is_none_is_trouble(self):
        self.freeze("one\n")
        done = self.check(command=("/nowhere/program", "{input}"))
        self.assertResults(done, ["trouble"], 2)
        self.assertIn("/nowhere/program", done.document["cases"][0]["sentence"])
        done = self.check(command=(self.directory, "{input}"))
        self.assertResults(done, ["trouble"], 2)
        self.assertIn(f"cannot run {self.directory}: Permission denied", done.document["cases"][0]["sentence"])

    def test_output_counts_unless_it_is_ignored(self):
        self.freeze("one\n")
        script = self.write("script.sh", f'echo more; exec {sys.executable} {self.agent} "$1"')
        done = self.check(command=("sh", script, "{input}"))
        self.assertResults(done, ["diverged"], 1)
        self.assertEqual(done.document["cases"][0]["cause"], "other output")
        self.assertEqual(done.document["output"], "compared")
        junit, markdown = os.path.join(self.directory, "junit.xml"), os.path.join(self.directory, "check.md")
        done = self.check("--ignore-output", "--junit", junit, "--markdown", markdown, command=("sh", script, "{input}"))
        self.assertResults(done, ["reproduced"], 0)
        # A pass that left something out says so, wherever it is read.
        self.assertEqual(done.document["output"], "not compared")
        with open(markdown, encoding="utf-8") as file:
            self.assertIn("output not compared", file.read())
        with open(junit, encoding="utf-8") as file:
            self.assertIn('name="output" value="not compared"', file.read())
        done = self.reenact("baseline", "check", "--store", self.store, "--ignore-output", "rc", "--", "sh", script, "{input}")
        self.assertIn("output not compared", done.stdout)

    def test_what_commands_print_is_shown_when_asked_for(self):
        self.freeze()
        for jobs in ("1", "3"):
            done = self.reenact("baseline", "check", "--store", self.store, "rc", "-j", jobs)
            self.assertNotIn("answer ", done.stdout)
            done = self.reenact("baseline", "check", "--store", self.store, "rc", "-j", jobs, "--output")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(re.findall(r"(?m)^answer \d+$", done.stdout)), 3, done.stdout)

    def test_help_that_a_pass_must_not_have_is_no_pass(self):
        """Two equal calls at once with different answers: without comparing the output nobody knows whether each went to its asker."""
        both = threading.Barrier(2, timeout=60)
        def together(head, body, connection):
            both.wait()
            harness.echo(head, body, connection)
        server = self.upstream(together)
        twins = self.write("twins.py", "import http.client, os, sys, threading, urllib.parse\n"
                           "base = urllib.parse.urlsplit(os.environ['OPENAI_BASE_URL'])\n"
                           "def ask():\n"
                           "    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)\n"
                           "    connection.request('POST', base.path + '/x', sys.argv[1])\n"
                           "    connection.getresponse().read()\n"
                           "threads = [threading.Thread(target=ask) for _ in range(2)]\n"
                           "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\n")
        path = self.write("suite.txt", "one\n")
        done = self.reenact("record", "--store", self.store, "--each", path, "--", sys.executable, twins, "{input}",
                            env={"OPENAI_BASE_URL": server.url + "/v1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.reenact("baseline", "freeze", "--store", self.store, "rc", "--name", "suite/*").returncode, 0)
        self.assertResults(self.check(), ["reproduced"], 0)
        done = self.check("--ignore-output")
        self.assertResults(done, ["incomparable"], 3)
        self.assertEqual(done.document["cases"][0]["verdict"], "assisted")

    # --- interrupted ---

    def test_an_interrupt_leaves_nothing_behind_and_is_no_pass(self):
        self.freeze("1\n2\n3\n4\n5\n6\n")
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo)
        work = os.path.join(self.directory, "work")
        os.mkdir(work)
        waiter = self.write("waiter.sh", f'touch $TMPDIR/x; test "$1" = 1 && exec {sys.executable} {self.agent} 1; echo $$ > {fifo}; while :; do sleep 0.05; done')
        process = subprocess.Popen([REENACT, "baseline", "check", "--store", self.store, "--json", "-j", "2", "--workdir", work, "rc", "--", "sh", waiter, "{input}"],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory)
        waiting = set()
        while len(waiting) < 2:
            with open(fifo) as file:
                waiting |= set(file.read().split())
        self.assertNotEqual(self.left(), [])
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, stderr)
        document = json.loads(stdout)
        self.assertEqual([case["result"] for case in document["cases"]], ["reproduced"] + ["incomparable"] * 5)
        self.assertEqual({case["cause"] for case in document["cases"][1:]}, {"interrupted"})
        self.assertEqual((document["signal"], document["exit"]), (signal.SIGINT, 3))
        self.assertEqual(self.left(), [])
        for pid in waiting:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), pid)

    # --- what does not end ---

    # Case 1 is done as ever; the others ignore what asks them to end, and so does what they start.
    STUBBORN = 'test "$1" = 1 && exec {python} {agent} 1; trap "" INT TERM HUP; sh -c "echo \\$\\$ > {fifo}.$1; while :; do sleep 0.05; done"'

    def stubborn(self):
        fifo = os.path.join(self.directory, "fifo")
        for case in "23":
            os.mkfifo(f"{fifo}.{case}")
        return fifo, self.write("stubborn.sh", self.STUBBORN.format(python=sys.executable, agent=self.agent, fifo=fifo))

    def read(self, path):
        with open(path) as file:
            return file.read().strip()

    def assertEnded(self, *pids):
        """They run no more; whoever inherited one may not have asked for its end yet."""
        for pid in pids:
            try:
                self.assertIn(self.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0], "ZX", pid)
            except FileNotFoundError:
                pass
        self.assertEqual(self.left(), [])

    def test_a_command_that_does_not_end_is_timed_out_and_no_pass(self):
        self.freeze("1\n2\n")
        fifo, script = self.stubborn()
        seen = []
        reader = threading.Thread(target=lambda: seen.append(self.read(fifo + ".2")))
        reader.start()
        junit = os.path.join(self.directory, "junit.xml")
        done = self.check("-j", "2", "--timeout", "2", "--junit", junit, command=("sh", script, "{input}"))
        reader.join(20)
        self.assertResults(done, ["reproduced", "incomparable"], 3)
        late = done.document["cases"][1]
        self.assertEqual((late["cause"], late["place"]), ("timed out", ""))
        self.assertIn("had not ended after 2 s", late["sentence"])
        self.assertIn("timed out", self.read(junit))
        self.assertEqual(len(seen), 1)
        self.assertEnded(*seen)

    def test_a_command_that_ignores_the_interrupt_is_ended_all_the_same(self):
        self.freeze("1\n2\n3\n")
        fifo, script = self.stubborn()
        process = subprocess.Popen([REENACT, "baseline", "check", "--store", self.store, "--json", "-j", "2", "rc", "--", "sh", script, "{input}"],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory)
        pids = [self.read(f"{fifo}.{case}") for case in "23"]
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the first one alone would do, after twice 5 seconds
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        self.assertIn(process.returncode, (129, 130, 143), stderr)
        self.assertEqual([(case["result"], case["cause"]) for case in json.loads(stdout)["cases"][1:]], [("incomparable", "interrupted")] * 2)
        self.assertEnded(*pids)

    # --- missing evidence ---

    def test_nothing_that_was_frozen_is_left_out(self):
        self.freeze("one\ntwo\n", env={"HELPER": "1"})
        shown = self.reenact("baseline", "show", "--store", self.store, "--json", "rc")
        self.assertEqual(len(json.loads(shown.stdout)["traces"]), 4, shown.stdout)  # what a run opened is frozen with it
        self.assertResults(self.check("-j", "2", env={"HELPER": "1"}), ["reproduced"] * 2, 0)
        done = self.check("-j", "2", variant="dropped")
        self.assertEqual({case["cause"] for case in done.document["cases"]}, {"a missing call"})

    def test_a_trace_recorded_without_a_command_needs_one(self):
        server = self.upstream()
        process = subprocess.Popen([REENACT, "serve", "--store", self.store, "--upstream", f"openai={server.url}/v1"],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.directory)
        url = ""
        while "OPENAI_BASE_URL=" not in url:
            url = process.stdout.readline()
        url = url.split("=", 1)[1].strip().strip("'\"")
        asked = subprocess.run([sys.executable, self.agent, "hello"], env=self.environment | {"OPENAI_BASE_URL": url}, capture_output=True, text=True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(asked.returncode, 0, asked.stderr)
        frozen = self.reenact("baseline", "freeze", "--store", self.store, "served", "--limit", "1")
        self.assertEqual(frozen.returncode, 0, frozen.stderr)
        done = self.check(name="served")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("give the command behind --", done.stderr)

    def test_what_cannot_be_filled_in_is_told_before_anything_runs(self):
        secret = "sk-proj-" + "Ab3dEf6hIj9k" * 4
        self.freeze(f"one\nwith {secret}\nalso {secret}\n")
        touched = os.path.join(self.directory, "touched")
        for command in ((), ("sh", "-c", f"touch {touched}; echo '{{input}}'")):
            done = self.check(command=command)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn("suite/2", done.stderr)
            self.assertIn("and 1 more", done.stderr)
            self.assertIn("credential", done.stderr)
            self.assertNotIn(secret, done.stderr)
        self.assertFalse(os.path.exists(touched))

    def test_an_unknown_baseline_and_too_many_at_once(self):
        self.freeze("one\n")
        self.assertEqual(self.check(name="nobody").returncode, 2)
        self.assertIn("nobody", self.check(name="nobody").stderr)
        self.assertEqual(self.check("-j", "65").returncode, 2)

    # --- travelling ---

    def test_one_baseline_imported_by_many_at_once_is_there_once(self):
        self.freeze("one\ntwo\n")
        path = os.path.join(self.directory, "rc.bundle")
        self.assertEqual(self.reenact("baseline", "export", "--store", self.store, "rc", path).returncode, 0)
        for attempt in range(5):
            store = os.path.join(self.directory, f"other{attempt}")
            many = [subprocess.Popen([REENACT, "baseline", "import", "--store", store, path], env=self.environment,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
            told = [one.communicate(timeout=60) for one in many]
            self.assertEqual([one.returncode for one in many], [0] * 6, told)
            self.assertEqual(self.reenact("baseline", "verify", "--store", store, "rc").returncode, 0)

    def test_an_export_that_may_not_grow_leaves_nothing(self):
        self.freeze("one\n")
        path = os.path.join(self.directory, "rc.bundle")
        done = subprocess.run([REENACT, "baseline", "export", "--store", self.store, "rc", path], env=self.environment, capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY)))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(glob.glob(path + "*"), [])

    # --- documents ---

    def test_recorded_text_stays_text_in_every_document(self):
        hostile = "</failure>]]><x a='1'> | `code` **bold** @somebody #12 [a](http://b) \x1b[31m \u202e"
        self.freeze(hostile + "\n")
        junit, markdown = (os.path.join(self.directory, name) for name in ("check.xml", "check.md"))
        done = self.check("--junit", junit, "--markdown", markdown, command=(sys.executable, self.agent, "x{input}"))
        self.assertResults(done, ["diverged"], 1)
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual([element.tag for element in suite.iter()], ["testsuites", "testsuite", "testcase", "failure"])
        self.assertIn("</failure>]]><x a='1'>", suite.find(".//failure").text)
        with open(markdown) as file:
            lines = file.read().splitlines()
        self.assertTrue(lines[0].startswith("**rc: 0 of 1 reproduced**, 1 diverged; root "), lines[0])
        row = next(line for line in lines if line.startswith("| diverged"))
        self.assertEqual(row.count("|"), 5, row)
        for forbidden in ("`", "**", "@", "[a]", "<x", "http://", "\x1b", "\u202e"):
            self.assertNotIn(forbidden, row)
        self.assertIn("&#92;u202e", row)
        self.assertNotIn("\u202e", self.read(junit))

    def test_junit_skips_nothing(self):
        self.freeze()
        junit = os.path.join(self.directory, "check.xml")
        self.check("--junit", junit, command=("true",))
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("3", "0", "3"))
        self.assertEqual(len(list(suite.iter("error"))), 3)
        self.assertEqual(list(suite.iter("skipped")), [])


if __name__ == "__main__":
    harness.main()
