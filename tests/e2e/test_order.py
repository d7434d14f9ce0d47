"""Order on replay: parts of streams that depend on one another, streams that the client ends, holds and why they end."""
import os
import sys

from harness import Case, echo, main
from streams import ASYNC_HTTP, CHAIN_CLIENT, MCP_CLIENT, ChainServer, LargeBeside, McpServer

FULL = bool(os.environ.get("REENACT_FULL"))
REPLAYS = 30 if FULL else 3
JITTERS_MS = (0, 1, 10, 40)


class Order(Case):
    def assertReplays(self, recorded, env, replays=REPLAYS, jitters=JITTERS_MS):
        """Every replay is reproduced with the recorded output, and no hold runs into its limit."""
        for jitter in jitters:
            relaxed = 0
            for i in range(replays):
                replayed = self.replay(env=env | {"JITTER_MS": str(jitter)})
                self.assertEqual(replayed.stdout, recorded.stdout, f"jitter {jitter}, replay {i}")
                self.assertVerdict(replayed, "reproduced", 0)
                order = replayed.receipt["order"]
                self.assertEqual(order["timed_out_holds"], 0, f"jitter {jitter}, replay {i}: {order}")
                relaxed += order["relaxations"] > 0
            if FULL:
                print(f"{self.id().split('.')[-1]}: jitter {jitter} ms, {replays} replays, none stalled, {relaxed} relaxed", file=sys.stderr)

    def record_program(self, behaviour, text, env):
        upstream = self.upstream(behaviour)
        program = self.write("program.py", text)
        recorded = self.record(upstream, sys.executable, program, env=env)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertNotIn("BEFORE CAUSE", recorded.stdout)
        upstream.stop()
        return recorded

    def test_an_mcp_server_that_asks_back_is_replayed(self):
        env = {"BRANCHES": "1", "LISTENERS": "0", "JITTER_MS": "5"}
        recorded = self.record_program(McpServer(), MCP_CLIENT, env)
        self.assertIn("tool 0: sampling", recorded.stdout)
        self.assertReplays(recorded, env, jitters=(0, 10))

    def test_mcp_calls_at_once_never_get_a_part_before_its_cause(self):
        env = {"BRANCHES": "4", "LISTENERS": "0", "JITTER_MS": "10"}
        self.assertReplays(self.record_program(McpServer(), MCP_CLIENT, env), env)

    def test_listeners_hear_in_the_recorded_order_and_leave_by_themselves(self):
        env = {"BRANCHES": "4", "LISTENERS": "3", "JITTER_MS": "10"}
        recorded = self.record_program(McpServer(), MCP_CLIENT, env)
        aborted = [event for event in self.show("run")["timeline"] if event.get("end") == "aborted"]
        self.assertEqual(len(aborted), 3)
        self.assertReplays(recorded, env)

    def test_a_stream_goes_on_when_the_one_it_waited_for_has_ended(self):
        for runs in ("1", "3"):
            with self.subTest(runs=runs):
                self.store = os.path.join(self.directory, "store" + runs)
                env = {"RUNS": runs, "JITTER_MS": "5"}
                self.assertReplays(self.record_program(ChainServer(), CHAIN_CLIENT, env), env)

    def test_without_holds_a_part_does_come_before_its_cause(self):
        """The control: what the tests above look for is there when nothing is held."""
        env = {"BRANCHES": "4", "LISTENERS": "1", "JITTER_MS": "10"}
        self.record_program(McpServer(), MCP_CLIENT, env)
        replayed = self.replay(options=("--order", "any"), env=env | {"JITTER_MS": "40"})
        self.assertVerdict(replayed, "diverged", 1)
        self.assertIn("BEFORE CAUSE", replayed.stdout)
        order = replayed.receipt["order"]
        self.assertEqual((order["mode"], order["in_force"], order["relaxations"], order["held_ns"]), ("any", False, 0, "0"))

    def test_order_and_a_pace_go_together(self):
        for behaviour, text, env in ((McpServer(), MCP_CLIENT, {"BRANCHES": "2", "LISTENERS": "1", "JITTER_MS": "10"}),
                                     (ChainServer(), CHAIN_CLIENT, {"RUNS": "2", "JITTER_MS": "10"})):
            self.store = os.path.join(self.directory, "store" + str(len(os.listdir(self.directory))))
            recorded = self.record_program(behaviour, text, env)
            for pace in ("recorded", "3", "0.5"):
                for jitter in (0, 40):
                    with self.subTest(pace=pace, jitter=jitter):
                        replayed = self.replay(options=("--pace", pace), env=env | {"JITTER_MS": str(jitter)})
                        self.assertEqual(replayed.stdout, recorded.stdout)
                        self.assertVerdict(replayed, "reproduced", 0)
                        self.assertEqual(replayed.receipt["order"]["timed_out_holds"], 0)

    def test_an_answer_that_is_read_last_holds_nobody_to_the_limit(self):
        """The client reads the second answer only when the first has ended, which it did after the second one had come whole."""
        text = ASYNC_HTTP + """
async def main():
    async with ask("POST", "/stream", {}) as first:
        pieces = first.pieces()
        told = [await anext(pieces)]
        async with ask("POST", "/large", {}) as second:
            told += [piece async for piece in pieces]
            print(b"".join(told).decode(), [len(piece) async for piece in second.pieces()])
asyncio.run(main())
"""
        for kilobytes in (64, 2048, *range(3072, 6145, 256 if FULL else 1024)):
            self.store = os.path.join(self.directory, f"store{kilobytes}")
            recorded = self.record_program(LargeBeside(kilobytes * 1024), text, {})
            replayed = self.replay()
            self.assertEqual(replayed.stdout, recorded.stdout)
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.receipt["order"]["timed_out_holds"], 0)

    def test_another_order_is_a_remark_and_a_divergence_only_when_strict(self):
        text = ASYNC_HTTP + """
async def main():
    told = {}
    for q in os.environ["QUESTIONS"]:
        async with ask("POST", "/q", {"q": q}) as answer:
            told[q] = [piece.decode() async for piece in answer.pieces()]
    print(sorted(told.items()))
asyncio.run(main())
"""
        recorded = self.record_program(echo, text, {"QUESTIONS": "abc"})
        for options, verdict, status in (((), "reproduced", 0), (("--strict",), "diverged", 1)):
            replayed = self.replay(options=options, env={"QUESTIONS": "bac"})
            self.assertEqual(replayed.stdout, recorded.stdout)
            self.assertVerdict(replayed, verdict, status)
            (relaxed,) = replayed.receipt["order"]["relaxed"]
            self.assertEqual((relaxed["event"], relaxed["awaited"]["event"], relaxed["awaited"]["what"], relaxed["why"]), (2, 1, "request", "peak"))
        self.assertIn("event 2 could not be answered in the recorded order: the request of event 1 had not come by then", replayed.receipt["sentence"])
        self.assertIn("order.relaxed", replayed.stderr)
        for options in ((), ("--strict",)):
            self.assertVerdict(self.replay(options=options, env={"QUESTIONS": "abc"}), "reproduced", 0)


if __name__ == "__main__":
    main()
