"""The whole program on a disk that fails: `record`, `replay` and `verify` with a write, sync, open, truncation or read failing.

Nothing dies of it; a recording that calls itself complete is complete and replays; what was recorded before verifies afterwards.
FAULTY_DISK_LIBRARY names the module that is loaded in front of the C library (preload.c). With REENACT_FULL=1 more calls fail.
"""
import errno
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import Case, main  # noqa: E402

FULL = bool(os.environ.get("REENACT_FULL"))
CALLS = [f"POST|/chat|{{\"n\":{n}}}" for n in range(3)]
WAYS = [("write", errno.EIO, "once"), ("write", errno.ENOSPC, "always"), ("write", 0, "once"), ("sync", errno.EIO, "once"),
        ("open", errno.EMFILE, "once"), ("truncate", errno.ENOSPC, "once"), ("read", errno.EIO, "once")]
NUMBERS = {"write": (1, 4, 12, 24, 40), "sync": (1, 3, 5), "open": (1, 3), "truncate": (1,), "read": (1, 3)}
ASAN_DIED = 99


class Failing(Case):
    def setUp(self):
        super().setUp()
        self.met = os.path.join(self.directory, "met")

    def faulty(self, call, number, error, how):
        if os.path.exists(self.met):
            os.unlink(self.met)
        return {"LD_PRELOAD": os.environ["FAULTY_DISK_LIBRARY"], "FAULTY_DISK": f"{call} {number} {error} {how}",
                "FAULTY_DISK_MET": self.met,
                "ASAN_OPTIONS": f"verify_asan_link_order=0:exitcode={ASAN_DIED}:{os.environ.get('ASAN_OPTIONS', '')}"}

    def each(self):
        """Names of failures, each with the environment it happens in."""
        for call, error, how in WAYS:
            for number in range(1, 400) if FULL else NUMBERS[call]:
                yield (f"{call} {number}: {errno.errorcode.get(error, 'short')} {how}", self.faulty(call, number, error, how))
                if FULL and not os.path.exists(self.met):
                    break

    def assertClear(self, done, allowed):
        self.assertIn(done.returncode, allowed, done.stdout + done.stderr)
        if done.returncode not in (0, 1):
            self.assertRegex(done.stderr, r"(?m)^reenact", done.stdout)

    def record_once(self, upstream, environment):
        """Records on a failing disk; gives the exit status. A recording that calls itself complete must be what it says."""
        done = self.record(upstream, sys.executable, self.client, *CALLS, options=("--require-complete", "--late-after", "never"),
                           env=environment)
        self.assertClear(done, (0, 124, 125))
        if done.returncode == 125:
            return 125
        self.assertEqual(done.stdout.count("200 {"), len(CALLS), done.stdout + done.stderr)
        self.assertSound()
        if done.returncode == 0:
            self.assertEqual([(trace["complete"], trace["events"]) for trace in self.traces()], [("yes", len(CALLS))], done.stderr)
            self.assertVerdict(self.replay_client(*CALLS), "reproduced", 0)
        return done.returncode

    def test_what_is_called_complete_is_complete(self):
        upstream = self.upstream()
        outcomes = {0: 0, 124: 0, 125: 0}
        for name, environment in self.each():
            with self.subTest(name):
                self.store = os.path.join(self.directory, name.replace(" ", "-"))
                outcomes[self.record_once(upstream, environment)] += os.path.exists(self.met)
        print("recordings that met a failure, by exit status:", outcomes)
        self.assertGreater(outcomes[124], 0)
        self.assertGreater(outcomes[125], 0)

    def stalling(self):
        """A disk that stands still while the file is there, and the file."""
        path = os.path.join(self.directory, "stalls")
        return path, {"LD_PRELOAD": os.environ["FAULTY_DISK_LIBRARY"], "FAULTY_DISK_STALLS": path,
                      "ASAN_OPTIONS": f"verify_asan_link_order=0:exitcode={ASAN_DIED}:{os.environ.get('ASAN_OPTIONS', '')}"}

    def test_a_disk_that_stands_still_at_the_end_is_not_waited_for_for_ever(self):
        upstream = self.upstream()
        self.record_client(upstream, *CALLS)
        path, stalls = self.stalling()
        for options, status in ((["--end-wait", "1"], 5), (["--end-wait", "1", "--require-complete"], 124)):
            done = self.record(upstream, "sh", "-c", f"touch {path}; exit 5", options=options, env=stalls)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn("1 event and the end of 1 trace are lost", done.stderr)
            self.assertRegex(done.stderr, r"(?m)^not recorded .* 1 not stored")
            os.unlink(path)
            self.assertSound()

    def test_a_signal_gives_up_what_a_disk_that_stands_still_does_not_take(self):
        path, stalls = self.stalling()
        self.environment |= stalls
        process, port = self.serve(self.upstream())
        self.assertEqual(self.call(port, "/t/one/toy/x")[0], 200)
        open(path, "w").close()
        self.assertEqual(self.call(port, "/t/two/toy/x")[0], 200)  # late
        process.send_signal(signal.SIGTERM)
        while "the disk takes nothing" not in (line := process.stderr.readline()):
            self.assertNotEqual(line, "")
        process.send_signal(signal.SIGINT)
        _, remarks = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 2, remarks)
        self.assertRegex(remarks, r"the disk took nothing for \d+ s: \d events? and the end of \d traces? are lost")
        os.unlink(path)
        self.assertSound()

    def test_reading_on_a_failing_disk_leaves_the_store_as_it_was(self):
        upstream = self.upstream()
        self.record_client(upstream, *CALLS)
        failures = 0
        for name, environment in self.each():
            with self.subTest(name):
                self.assertClear(self.reenact("verify", "--store", self.store, env=environment), (0, 1, 2))
                failures += os.path.exists(self.met)
                done = self.replay_client(*CALLS, env=environment)
                self.assertClear(done, (0, 1, 2, 3))
                if done.returncode == 0:
                    self.assertEqual(done.receipt["verdict"], "reproduced")
        self.assertGreater(failures, 3)
        self.assertSound()
        self.assertVerdict(self.replay_client(*CALLS), "reproduced", 0)


if __name__ == "__main__":
    main()
