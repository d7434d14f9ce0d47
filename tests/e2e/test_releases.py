"""examples/suite as its users see it: a suite is recorded, frozen, and every later release is checked against it."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from harness import REENACT, Case, main

SUITE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "examples", "suite")
FULL = os.environ.get("REENACT_FULL") == "1"


def program(name):
    return [sys.executable, os.path.join(SUITE, name + ".py"), "{input}"]


class Releases(Case):
    """The suite is recorded and frozen once; every test has a copy of that store and of the key it was made with."""

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="reenact-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        server = subprocess.Popen([sys.executable, os.path.join(SUITE, "toy_support.py"), "0"], stdout=subprocess.PIPE, text=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "REENACT_"))} | {
            "XDG_CONFIG_HOME": os.path.join(cls.shared, "config"), "REENACT_STORE": os.path.join(cls.shared, "store"), "PYTHONDONTWRITEBYTECODE": "1",
            "OPENAI_API_KEY": "sk-test-" + "k3y" * 10, "OPENAI_BASE_URL": f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"}
        try:
            cls.recorded = subprocess.run([REENACT, "record", "--each", os.path.join(SUITE, "inputs.txt"), "-j", "2", "--name", "support", "--release", "1.0",
                                           "--", *program("support")], env=environment, cwd=cls.shared, capture_output=True, text=True, timeout=120)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        frozen = subprocess.run([REENACT, "baseline", "freeze", "rc1", "--release", "1.0"], env=environment, capture_output=True, text=True, timeout=120)
        assert cls.recorded.returncode == 0 and frozen.returncode == 0, cls.recorded.stderr + frozen.stderr

    def setUp(self):
        super().setUp()
        for name in ("store", "config"):
            shutil.copytree(os.path.join(self.shared, name), os.path.join(self.directory, name))
        self.environment |= {"PYTHONDONTWRITEBYTECODE": "1", "REENACT_STORE": self.store}

    def works(self, *arguments, **rest):
        done = self.reenact(*arguments, **rest)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stdout}\n{done.stderr}")
        return done

    def refused(self, *arguments, says="", **rest):
        """Trouble: exit 2, one sentence, no traceback of ours."""
        done = self.reenact(*arguments, **rest)
        self.assertEqual(done.returncode, 2, f"{arguments}: {done.stdout}\n{done.stderr}")
        self.assertRegex(done.stderr, r"\S")
        self.assertIn(says, done.stderr)
        return done

    def check(self, name, *options, expect, baseline="rc1", **rest):
        done = self.reenact("baseline", "check", baseline, "-j", "2", "--json", *options, "--", *program(name), **rest)
        self.assertEqual(done.returncode, expect, f"{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)

    def assertNamed(self, document, cause, place, results=8):
        """Every case of the suite diverged for that reason, at that place."""
        diverged = [case for case in document["cases"] if case["result"] == "diverged"]
        self.assertEqual(len(diverged), results, document)
        for case in diverged:
            self.assertEqual(case["cause"], cause, case)
            self.assertRegex(case["place"], place, case)

    def test_each_line_is_a_trace_and_its_output_stands_in_order(self):
        self.assertEqual([line[:line.index("]") + 1] for line in self.recorded.stdout.splitlines()],
                         ["[shipping]", "[billing]", "[shipping]", "[shipping]", "[shipping]", "[billing]", "[other]", "[billing]"])
        listed = json.loads(self.works("log", "--json").stdout)
        self.assertEqual(sorted(trace["name"] for trace in listed["traces"]), [f"support/{i}" for i in range(1, 9)])

    def test_the_recorded_release_and_a_refactored_one_pass(self):
        for name in ("support", "refactored"):
            document = self.check(name, expect=0)
            self.assertEqual([case["result"] for case in document["cases"]], ["reproduced"] * 8)

    def test_a_reworded_prompt_is_named(self):
        self.assertNamed(self.check("reworded", expect=1), "a changed prompt", r"/messages/0/content")

    def test_a_changed_tool_schema_is_named(self):
        self.assertNamed(self.check("new_schema", expect=1), "a changed tool schema", r"/tools/0/function/parameters/properties")

    def test_a_dropped_call_is_named(self):
        self.assertNamed(self.check("dropped_call", expect=1), "a missing call", r"event 1")

    def test_another_model_is_named(self):
        self.assertNamed(self.check("other_model", expect=1), "another model", r"/model")

    def test_the_recorded_commands_are_run_where_none_is_given(self):
        done = self.reenact("baseline", "check", "rc1", "--json", env={"OPENAI_API_KEY": "another-key"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_junit_and_markdown_say_the_same(self):
        junit, markdown = (os.path.join(self.directory, name) for name in ("check.xml", "check.md"))
        document = self.check("reworded", "--junit", junit, "--markdown", markdown, expect=1)
        suite = xml.etree.ElementTree.parse(junit).getroot()
        cases = list(suite.iter("testcase"))
        self.assertEqual(len(cases), len(document["cases"]))
        self.assertEqual(len(list(suite.iter("failure"))), 8)
        with open(markdown) as file:
            said = file.read()
        self.assertIn("a changed prompt", said)
        self.assertIn("support/8", said)

    def test_checking_changes_nothing_that_was_frozen(self):
        before = self.works("baseline", "show", "rc1", "--json").stdout
        self.check("reworded", expect=1)
        self.works("baseline", "verify", "rc1")
        self.assertEqual(self.works("baseline", "show", "rc1", "--json").stdout, before)

    def test_a_working_directory_is_a_fresh_copy_for_each(self):
        directory = os.path.join(self.directory, "work")
        os.mkdir(directory)
        with open(os.path.join(directory, "seed"), "w") as file:
            file.write("one\n")
        script = self.write("leaves.py", "import os, runpy, sys\nassert os.listdir('.') == ['seed'], os.listdir('.')\nopen('left', 'w').close()\n"
                            "sys.argv = sys.argv[1:]\nsys.path.insert(0, os.path.dirname(sys.argv[0]))\nrunpy.run_path(sys.argv[0], run_name='__main__')\n")
        done = self.reenact("baseline", "check", "rc1", "-j", "2", "--workdir", directory, "--", sys.executable, script, *program("support")[1:])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(os.listdir(directory), ["seed"])

    def test_a_program_that_asks_nothing_is_never_a_pass(self):
        done = self.reenact("baseline", "check", "rc1", "--json", "--", "true")
        self.assertIn(done.returncode, (1, 3), done.stdout)
        self.assertNotIn("reproduced", [case["result"] for case in json.loads(done.stdout)["cases"]])

    # --- travel -------------------------------------------------------------------------------------------------------

    def export(self, name="rc1.reenact"):
        path = os.path.join(self.directory, name)
        self.works("baseline", "export", "rc1", path)
        with open(path, "rb") as file:
            return path, file.read()

    def elsewhere(self):
        """Another machine: no store yet, another user's key, another directory."""
        directory = os.path.join(self.directory, "elsewhere")
        os.makedirs(directory, exist_ok=True)
        return {"REENACT_STORE": os.path.join(directory, "store"), "XDG_CONFIG_HOME": os.path.join(directory, "config")}

    def test_it_is_checked_on_another_machine(self):
        path, _ = self.export()
        env = self.elsewhere()
        self.works("baseline", "import", path, env=env)
        here, there = (json.loads(self.works("baseline", "show", "rc1", "--json", env=e).stdout) for e in ({}, env))
        self.assertEqual(here["root"], there["root"])
        self.works("baseline", "verify", "rc1", env=env)
        self.check("refactored", expect=0, env=env)
        self.assertNamed(self.check("reworded", expect=1, env=env), "a changed prompt", r"/messages/0/content")
        # What a stranger's recording would run is nobody's wish.
        done = self.reenact("baseline", "check", "rc1", env=env)
        self.assertNotEqual(done.returncode, 0, done.stdout)

    def test_its_bytes_are_the_same_from_everywhere(self):
        path, first = self.export()
        self.assertEqual(self.export("again.reenact")[1], first)
        env = self.elsewhere()
        self.works("baseline", "import", path, env=env)
        other = os.path.join(self.directory, "other.reenact")
        self.works("baseline", "export", "rc1", other, env=env)
        with open(other, "rb") as file:
            self.assertEqual(file.read(), first)

    def test_importing_twice_is_importing_once(self):
        path, _ = self.export()
        env = self.elsewhere()
        self.works("baseline", "import", path, env=env)
        before = self.works("log", "--json", env=env).stdout
        self.reenact("baseline", "import", path, env=env)
        self.assertEqual(self.works("log", "--json", env=env).stdout, before)

    def test_any_flipped_byte_is_caught(self):
        path, whole = self.export()
        env = self.elsewhere()
        draw = random.Random(20261120)
        # tests/store/test_bundle.c flips every byte, in process; here the command meets some of them.
        places = sorted({0, 1, len(whole) - 1, *draw.sample(range(len(whole)), 2000 if FULL else 100)})
        for at in places:
            with open(path, "wb") as file:
                file.write(whole[:at] + bytes([whole[at] ^ (1 << draw.randrange(8))]) + whole[at + 1:])
            done = self.refused("baseline", "import", path, env=env)
            self.assertNotIn("Sanitizer", done.stderr, f"byte {at}")
        self.assertNothingWasImported(env)

    def test_a_cut_or_foreign_file_is_refused(self):
        path, whole = self.export()
        env = self.elsewhere()
        for bytes_left in [0, 1, 7, 40, len(whole) // 2, len(whole) - 33, len(whole) - 1]:
            with open(path, "wb") as file:
                file.write(whole[:bytes_left])
            self.refused("baseline", "import", path, env=env)
        for content in (b"PK\x03\x04 something else", whole + b"\n", b"\0" * 4096):
            with open(path, "wb") as file:
                file.write(content)
            self.refused("baseline", "import", path, env=env)
        self.refused("baseline", "import", os.path.join(self.directory, "nowhere"), env=env)
        self.assertNothingWasImported(env)

    def assertNothingWasImported(self, env):
        if os.path.exists(env["REENACT_STORE"]):
            self.assertEqual(json.loads(self.works("log", "--json", env=env).stdout)["traces"], [])
            self.assertEqual(json.loads(self.works("baseline", "list", "--json", env=env).stdout)["baselines"], [])

    # --- bad input ----------------------------------------------------------------------------------------------------

    def everything(self):
        return self.works("log", "--json").stdout + self.works("baseline", "list", "--json").stdout

    def test_bad_input_gets_a_sentence_and_changes_nothing(self):
        before = self.everything()
        path, _ = self.export()
        for arguments, says in [
                (("baseline", "freeze", "rc2", "--release", "9.9"), ""), (("baseline", "freeze", "rc1", "--release", "1.0"), "rc1"),
                (("baseline", "freeze", "No Name", "--release", "1.0"), ""), (("baseline", "freeze", "rc2", "no-such-trace"), "no-such-trace"),
                (("baseline", "show", "rc9"), "rc9"), (("baseline", "verify", "rc9"), "rc9"), (("baseline", "drop", "rc9"), "rc9"),
                (("baseline", "check", "rc9", "--", "true"), "rc9"), (("baseline", "diff", "rc1", "rc9"), "rc9"),
                (("baseline", "export", "rc9", path + ".other"), "rc9"), (("baseline", "export", "rc1", path), ""),
                (("baseline", "export", "rc1", "/nonexistent/file"), "/nonexistent"), (("baseline",), ""), (("baseline", "thaw", "rc1"), "thaw")]:
            with self.subTest(arguments=arguments):
                self.refused(*arguments, says=says)
                self.assertEqual(self.everything(), before)
        self.assertFalse(os.path.exists(path + ".other"))

    def test_a_command_that_cannot_be_run_is_trouble(self):
        done = self.reenact("baseline", "check", "rc1", "--", "/nonexistent/program", "{input}")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)

    def test_traces_without_a_line_cannot_be_given_one(self):
        self.works("record", "--name", "plain", "--", "true")
        self.works("baseline", "freeze", "plain", "plain")
        self.refused("baseline", "check", "plain", "--", "echo", "{input}")

    def test_an_incomplete_trace_is_not_frozen(self):
        process = subprocess.Popen([os.environ["REENACT"], "record", "--name", "dies", "--", "sleep", "60"], env=self.environment, cwd=self.directory,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not re.search('"dies"', self.reenact("log", "--json").stdout):
            self.assertIsNone(process.poll())
        self.refused("baseline", "freeze", "rc2", "dies")
        process.kill()
        process.wait()
        self.refused("baseline", "freeze", "rc2", "dies")

    def test_frozen_traces_are_the_ones_of_the_same_root_in_any_order(self):
        names = [f"support/{i}" for i in range(1, 9)]
        random.Random(3).shuffle(names)
        self.works("baseline", "freeze", "again", *names)
        roots = [json.loads(self.works("baseline", "show", name, "--json").stdout)["root"] for name in ("rc1", "again")]
        self.assertEqual(roots[0], roots[1])
        self.works("baseline", "diff", "rc1", "again")


if __name__ == "__main__":
    main()
