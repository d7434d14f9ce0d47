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


if __name__ == "__main__":
    main()
