"""The whole program without memory: `record`, `replay`, `verify`, `log` and `show`, with the n-th allocation failing, once or for
good, in our own code and in every library under it.

Nobody dies or hangs of it; the exit status is a documented one, with a sentence where it is trouble; a client gets the true
answer, a clear refusal or a visibly broken one; the store verifies afterwards; what calls itself complete replays, and no
replay is `reproduced` unless it was.
"""
import errno
import shutil

from sweep import CALLS, CLIENT, Sweep, behave, main

CALL = "alloc"
HOW = ("once", "always")


class Allocation(Sweep):
    def faults(self, run, seconds):
        for number in self.numbers(CALL, run, seconds):
            for how in HOW:
                yield f"{CALL} {number} {how}", self.environment_of(CALL, number, errno.ENOMEM, how)

    def test_record_bears_it(self):
        upstream = self.upstream(behave)

        def run(environment):
            shutil.rmtree(self.store, ignore_errors=True)
            return self.record(upstream, CLIENT, *CALLS, options=("--require-complete", "--late-after", "never"), env=environment)

        outcomes = {}
        for name, environment in self.faults(run, 9):
            done = run(environment)
            self.check_record(name, done)
            outcomes[done.returncode] = outcomes.get(done.returncode, 0) + self.has_met()
        print("recordings that met a failure, by exit status:", outcomes)
        self.over()

    def test_replay_bears_it(self):
        self.record_sound()

        def run(environment):
            return self.replay_bare(environment)

        outcomes = {}
        for name, environment in self.faults(run, 9):
            done = run(environment)
            self.check_replay(name, done)
            outcomes[done.returncode] = outcomes.get(done.returncode, 0) + self.has_met()
        print("replays that met a failure, by exit status:", outcomes)
        self.assertSound()
        self.over()

    def read_bears_it(self, seconds, *arguments):
        self.record_sound()
        sound = self.reenact(*arguments, "--store", self.store)
        self.assertEqual(sound.returncode, 0, sound.stderr)

        def run(environment):
            return self.reenact(*arguments, "--store", self.store, env=environment)

        for name, environment in self.faults(run, seconds):
            done = run(environment)
            self.check_end(name, done, (0, 1, 2))
            if done.returncode == 0 and done.stdout != sound.stdout:
                self.note(name, done, "exit 0, and it told something else than without the failure")
        self.assertSound()
        self.over()

    def test_verify_bears_it(self):
        self.read_bears_it(3, "verify")

    def test_log_bears_it(self):
        self.read_bears_it(2, "log", "--json")

    def test_show_bears_it(self):
        self.read_bears_it(2, "show", "--json", "last")

    def test_show_of_steps_bears_it(self):
        self.read_bears_it(1, "show", "last")

    def test_show_of_a_tree_bears_it(self):
        self.read_bears_it(1, "show", "--tree", "last")

    def test_show_of_lineage_bears_it(self):
        self.read_bears_it(1, "show", "--lineage", "--json", "last")

    def test_diff_bears_it(self):
        self.read_bears_it(1, "diff", "--json", "last", "last")

    def test_inventory_bears_it(self):
        self.read_bears_it(1, "inventory", "--json")


if __name__ == "__main__":
    main()
