"""The whole program among system calls that fail: `record`, `replay` and `verify` with a call of every kind failing, once or for
good, in every way that kind knows: no descriptors, no buffers, a broken pipe, an interruption, one byte instead of many.

The claims are those of allocation.py. What the disk does to a store has a place of its own, tests/powerloss.
"""
import errno
import os
import shutil

from sweep import CALLS, CLIENT, FULL, Sweep, behave, main

# Interruptions and short pieces are no failures: everything must be as without them.
HARMLESS = [("read", errno.EINTR, "once"), ("read", 0, "once"), ("read", 0, "always"), ("write", errno.EINTR, "once"), ("write", 0, "once"),
            ("write", 0, "always"), ("epoll_wait", errno.EINTR, "once"), ("poll", errno.EINTR, "once"), ("accept", errno.EINTR, "once"),
            ("accept", errno.ECONNABORTED, "once"), ("waitpid", errno.EINTR, "once"), ("accept", errno.EMFILE, "once"),
            ("accept", errno.ENOBUFS, "once")]
HARMFUL = [("read", errno.EIO, "once"), ("read", errno.ECONNRESET, "once"), ("read", errno.EIO, "always"), ("write", errno.EPIPE, "once"),
           ("write", errno.ENOBUFS, "once"), ("write", errno.EIO, "always"), ("write", errno.ENOSPC, "always"),
           ("socket", errno.EMFILE, "once"), ("socket", errno.EMFILE, "always"),
           ("epoll_ctl", errno.ENOMEM, "once"), ("epoll_ctl", errno.ENOSPC, "once"), ("epoll_wait", errno.EINVAL, "once"),
           ("poll", errno.ENOMEM, "once"), ("open", errno.EMFILE, "once"), ("open", errno.EMFILE, "always"), ("open", errno.EINTR, "once"),
           ("pipe", errno.EMFILE, "once"), ("fork", errno.EAGAIN, "always"), ("thread", errno.EAGAIN, "always"),
           ("eventfd", errno.EMFILE, "once"), ("eventfd", errno.EMFILE, "always")]


class Calls(Sweep):
    def faults(self, run, ways):
        for call, error, how in ways:
            for number in self.numbers(call, run, 0.3):
                yield f"{call} {number} {how} ({errno.errorcode.get(error, 'short')})", self.environment_of(call, number, error, how)

    def record_while(self, ways, is_harmless):
        upstream = self.upstream(behave)

        def run(environment):
            shutil.rmtree(self.store, ignore_errors=True)
            return self.record(upstream, CLIENT, *CALLS, options=("--require-complete", "--late-after", "never"), env=environment)

        for name, environment in self.faults(run, ways):
            self.check_record(name, run(environment), is_harmless)
        self.over()

    def replay_while(self, ways, is_harmless):
        self.record_sound()
        for name, environment in self.faults(self.replay_bare, ways):
            done = self.replay_bare(environment)
            self.check_replay(name, done)
            if is_harmless and done.returncode != 0:
                self.note(name, done, "no failure, and not reproduced")
        self.assertSound()
        self.over()

    def test_record_is_the_same_with_interruptions_and_short_pieces(self):
        self.record_while(HARMLESS, True)

    def test_record_bears_failing_calls(self):
        self.record_while(HARMFUL, False)

    def test_replay_is_the_same_with_interruptions_and_short_pieces(self):
        self.replay_while(HARMLESS, True)

    def test_replay_bears_failing_calls(self):
        self.replay_while(HARMFUL, False)

    def test_verify_bears_failing_calls(self):
        self.record_sound()
        arguments = ("verify", "--store", self.store)

        def run(environment):
            return self.reenact(*arguments, env=environment)

        for name, environment in self.faults(run, [way for way in HARMLESS + HARMFUL if way[0] in ("read", "write", "open", "poll")]):
            self.check_end(name, run(environment), (0, 1, 2))
        self.assertSound()
        self.over()


if __name__ == "__main__":
    main()
