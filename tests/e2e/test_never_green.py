"""Every way in which a replay could pass without having reproduced anything: each has its verdict, exit code and place."""
import os
import sys

from harness import CLIENT, Case, main


class NeverFalselyGreen(Case):
    CALLS = ('POST|/chat|{"messages":[{"content":"refund order 88231"}]}|anthropic-beta: tools-1',
             'POST|/chat|{"messages":[{"content":"second"}]}')

    def setUp(self):
        super().setUp()
        self.server = self.upstream()
        self.recorded = self.record_client(self.server, *self.CALLS)
        self.server.stop()

    def test_the_unchanged_run_is_green(self):
        self.assertVerdict(self.replay_client(*self.CALLS), "reproduced", 0)

    def test_one_changed_byte_in_a_prompt_diverges_and_names_the_place(self):
        done = self.replay_client(self.CALLS[0].replace("88231", "88232"), self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("/messages/0/content", done.stderr)
        self.assertIn("88232", done.stderr)

    def test_a_changed_significant_header_diverges_and_is_named(self):
        done = self.replay_client(self.CALLS[0].replace("tools-1", "tools-2"), self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("anthropic-beta", done.stderr)

    def test_a_missing_significant_header_diverges(self):
        done = self.replay_client(self.CALLS[0].rsplit("|", 1)[0], self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("anthropic-beta", done.stderr)

    def test_one_call_more_diverges(self):
        done = self.replay_client(*self.CALLS, self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)

    def test_one_call_less_diverges_and_names_the_missing_event(self):
        done = self.replay_client(self.CALLS[0], options=["--ignore-output"])
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("event 2", done.stderr)

    def test_another_path_or_method_diverges(self):
        done = self.replay_client(self.CALLS[0].replace("/chat", "/chat2"), self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)
        done = self.replay_client(self.CALLS[0].replace("POST", "PUT"), self.CALLS[1])
        self.assertVerdict(done, "diverged", 1)

    def test_an_upstream_that_is_never_asked_is_incomparable(self):
        done = self.replay(sys.executable, "-c", "print('nothing asked')", options=["--ignore-output"])
        self.assertVerdict(done, "incomparable", 3)

    def test_a_run_that_recorded_no_call_is_incomparable(self):
        self.record(self.upstream(), "true", options=["--name", "empty"])
        self.assertVerdict(self.replay(trace="last"), "incomparable", 3)

    def test_other_output_diverges(self):
        script = self.write("other.py", CLIENT + "\nprint('one line more')\n")
        done = self.replay(sys.executable, script, *self.CALLS)
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("stdout", done.stderr)

    def test_what_was_not_compared_is_said_beside_the_verdict(self):
        script = self.write("other.py", CLIENT + "\nprint('one line more')\n")
        done = self.replay(sys.executable, script, *self.CALLS, options=["--ignore-output"])
        self.assertVerdict(done, "reproduced", 0)
        self.assertIn("reproduced (unguarded): 2 of 2 calls served, output not compared,", done.stderr.splitlines()[-1])
        self.assertEqual(done.receipt["output"], "ignored")
        self.assertIn("output was not compared", done.receipt["sentence"])
        self.assertNotIn("not compared", self.replay_client(*self.CALLS).stderr)

    def test_another_exit_status_diverges(self):
        script = self.write("other.py", CLIENT + "\nsys.exit(4)\n")
        done = self.replay(sys.executable, script, *self.CALLS)
        self.assertVerdict(done, "diverged", 1)

    def test_an_application_that_swallows_the_miss_still_diverges(self):
        script = self.write("swallow.py", CLIENT.replace("print(response.status", "response.read(); print(200 if 0 else 0"))
        done = self.replay(sys.executable, script, self.CALLS[0].replace("88231", "1"), self.CALLS[1], options=["--ignore-output"])
        self.assertVerdict(done, "diverged", 1)

    def test_an_unreachable_command_is_trouble(self):
        done = self.replay("/nonexistent/command")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("/nonexistent/command", done.stderr)

    def test_a_damaged_store_is_never_green(self):
        path = os.path.join(self.store, "data.mdb")
        with open(path, "rb") as file:
            whole = file.read()
        seen = set()
        # One flipped bit in every 512 bytes of the whole file, pages of the log and of the indexes alike.
        for at in range(8192, len(whole), 1536):
            with open(path, "wb") as file:
                file.write(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
            done = self.replay_client(*self.CALLS)
            self.assertIn(done.returncode, (0, 1, 2, 3), f"byte {at}: {done.stderr}")
            seen.add(done.returncode)
            if done.returncode == 0:
                self.assertEqual(done.stdout, self.recorded.stdout, f"byte {at}: green with other bytes")
        with open(path, "wb") as file:
            file.write(whole)
        self.assertTrue(seen - {0}, "no damage was ever noticed")
        self.assertVerdict(self.replay_client(*self.CALLS), "reproduced", 0)

    def test_an_application_that_leaves_early_diverges(self):
        script = self.write("leaves.py", CLIENT + LEAVES)
        done = self.replay(sys.executable, script, self.CALLS[0], options=["--ignore-output"])
        self.assertVerdict(done, "diverged", 1)


LEAVES = r'''
import socket
connection = socket.create_connection((base.hostname, base.port))
connection.sendall(b"POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\nnot all of it")
'''

if __name__ == "__main__":
    main()
