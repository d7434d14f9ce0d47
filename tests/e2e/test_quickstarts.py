"""The first ten minutes: each script goes from an empty folder to its answer, with the binary that is tested."""
import os
import subprocess

from harness import REENACT, Case, main

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts")


class Quickstarts(Case):
    def script(self, name):
        done = subprocess.run([os.path.join(SCRIPTS, name)], capture_output=True, text=True, timeout=300, cwd=self.directory,
                              env=self.without_key() | {"REENACT": REENACT, "TMPDIR": self.directory})
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout + done.stderr

    def without_key(self):
        return {name: value for name, value in self.environment.items() if not name.startswith("OPENAI")}

    def test_demo_replays_a_run_without_its_model(self):
        self.assertIn("the two outputs are identical, byte for byte", self.script("demo"))

    def test_quickstart_switch_says_what_another_model_would_change(self):
        said = self.script("quickstart-switch")
        for words in ("--dry-run", "tools", "report.html"):
            self.assertIn(words, said)

    def test_quickstart_release_names_the_change_of_each_release(self):
        said = self.script("quickstart-release")
        for words in ("a changed prompt", "a changed tool schema", "a missing call", "another model"):
            self.assertIn(words, said)

    def test_quickstart_incident_finds_the_one_wrong_refund_of_500(self):
        said = self.script("quickstart-incident")
        for words in ("500 customers were answered", "ingress: 500 decisions; calls joined: 1500 by name; left alone: 0", "1 of 500 traces",
                      "POST /refunds 200", "get_order", "<- verbatim in refund-v1 (event 2, rank 2)", "incident.html: ",
                      "a coin flip: 4 of 10 said what was recorded, 6 did not"):
            self.assertIn(words, said)


if __name__ == "__main__":
    main()
