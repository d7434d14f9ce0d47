"""Pooled clients with jittered branches (DESIGN 6.3): no hold runs into its time limit, and the verdict is right.

Each shape of client is recorded once per jitter and replayed with the same jitter, with another one, and over more or fewer
connections than it had. The plain run replays each a few times; with REENACT_FULL=1 thirty times each."""
import os
import shutil
import sys
import threading
import time
import unittest

from harness import Case, answer, main
from streams import ASYNC_HTTP, begin_stream, end_stream, number, send_event

FULL = bool(os.environ.get("REENACT_FULL"))
REPLAYS = 30 if FULL else 2
JITTERS_MS = (0, 1, 10, 40)

# BRANCHES branches of CALLS calls each share SOCKETS kept connections; each branch pauses a random moment before each call, and
# asks about what it was told last.
PYTHON_CLIENT = ASYNC_HTTP + r'''
async def branch(i):
    told = f"start {i}"
    for _ in range(int(os.environ["CALLS"])):
        await pause()
        question = {"model": "m", "messages": [{"role": "user", "content": f"{i} after {told}"}], "stream": "STREAM" in os.environ}
        async with ask("POST", os.environ.get("TARGET", "/chat/completions"), question) as answer:
            told = "".join([str(e) async for e in answer.events()] if "transfer-encoding" in answer.fields else
                           [piece.decode() async for piece in answer.pieces()])
    return told

async def main():
    print("\n".join(await asyncio.gather(*(branch(i) for i in range(int(os.environ["BRANCHES"]))))))

asyncio.run(main())
'''

NODE_CLIENT = r'''
const http = require("http");
const base = new URL(process.env.OPENAI_BASE_URL);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.SOCKETS) });
const pause = () => new Promise((go) => setTimeout(go, Math.random() * Number(process.env.JITTER_MS)));
const call = (text) => new Promise((resolve, reject) => {
  const request = http.request({ host: base.hostname, port: base.port, path: base.pathname + "/chat", method: "POST", agent,
    headers: { "Content-Type": "application/json" } }, (response) => {
    let told = "";
    response.on("data", (piece) => { told += piece; });
    response.on("end", () => resolve(told));
  });
  request.on("error", reject);
  request.end(text);
});
const branch = async (i) => {
  let told = "start " + i;
  for (let n = 0; n < Number(process.env.CALLS); n++) {
    await pause();
    told = await call(JSON.stringify({ branch: i, after: told }));
  }
  return told;
};
Promise.all([...Array(Number(process.env.BRANCHES)).keys()].map(branch)).then((all) => {
  console.log(all.join("\n"));
  agent.destroy();
});
'''


def plain(head, body, connection):
    answer(connection, {"number": number()})


class Streaming:
    """Five pieces a moment apart, so that pieces of one answer lie between requests and ends of others."""

    def __init__(self):
        self.pause = threading.Event()

    def __call__(self, head, body, connection):
        begin_stream(connection)
        for _ in range(5):
            send_event(connection, {"number": number()})
            time.sleep(0.002)
        end_stream(connection)


class Pooled(Case):
    def setUp(self):
        super().setUp()
        self.figures = []

    def record_shape(self, behaviour, client, **shape):
        """Records one run of this shape; gives what it printed and the environment."""
        self.store = os.path.join(self.directory, "store" + str(len(os.listdir(self.directory))))
        env = {name: str(value) for name, value in shape.items()}
        upstream = self.upstream(behaviour)
        program = [shutil.which("node"), self.write("client.js", client)] if client is NODE_CLIENT else [
            sys.executable, self.write("client.py", client)]
        recorded = self.record(upstream, *program, env=env)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        upstream.stop()
        return recorded, env

    def assertReplays(self, recorded, env, replays=REPLAYS, limits=0, **other):
        """All of them reproduced; at most `limits` holds each ran into the time limit."""
        env = env | {name: str(value) for name, value in other.items()}
        relaxed = 0
        for i in range(replays):
            replayed = self.replay(env=env)
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.stdout, recorded.stdout)
            order = replayed.receipt["order"]
            self.assertLessEqual(order["timed_out_holds"], limits, f"replay {i} of {env}: {order}")
            self.assertTrue(order["in_force"])
            self.assertEqual(len(order["relaxed"]) + order["relaxed_left_off"], order["relaxations"])
            relaxed += order["relaxations"] > 0
        if FULL:
            shape = " ".join(f"{name}={value}" for name, value in env.items())
            print(f"{shape}: {replays} replays, none stalled, {relaxed} relaxed", file=sys.stderr)

    def test_eight_calls_over_four_sockets(self):
        for jitter in JITTERS_MS:
            with self.subTest(jitter=jitter):
                self.assertReplays(*self.record_shape(plain, PYTHON_CLIENT, BRANCHES=8, CALLS=1, SOCKETS=4, JITTER_MS=jitter))

    @unittest.skipUnless(shutil.which("node"), "there is no node here")
    def test_eight_calls_over_four_sockets_of_an_http_agent(self):
        for jitter in JITTERS_MS:
            with self.subTest(jitter=jitter):
                self.assertReplays(*self.record_shape(plain, NODE_CLIENT, BRANCHES=8, CALLS=1, SOCKETS=4, JITTER_MS=jitter))

    def test_branches_of_several_calls_that_depend_on_one_another(self):
        for branches, sockets in ((1, 1), (2, 1), (2, 2), (8, 4), (64, 8), (64, 64)):
            with self.subTest(branches=branches, sockets=sockets):
                self.assertReplays(*self.record_shape(plain, PYTHON_CLIENT, BRANCHES=branches, CALLS=3, SOCKETS=sockets, JITTER_MS=10))

    def test_streams_over_fewer_sockets_than_branches(self):
        for jitter in JITTERS_MS:
            with self.subTest(jitter=jitter):
                self.assertReplays(*self.record_shape(Streaming(), PYTHON_CLIENT, BRANCHES=8, CALLS=2, SOCKETS=4, JITTER_MS=jitter))

    def test_streams_of_an_unknown_service_wait_for_silence_and_go_on(self):
        shape = self.record_shape(Streaming(), PYTHON_CLIENT, BRANCHES=8, CALLS=1, SOCKETS=4, JITTER_MS=10, TARGET="/unknown")
        self.assertReplays(*shape)

    def test_a_client_that_is_quicker_or_slower_or_has_more_sockets_than_when_recorded(self):
        for behaviour in (plain, Streaming()):
            recorded, env = self.record_shape(behaviour, PYTHON_CLIENT, BRANCHES=8, CALLS=2, SOCKETS=4, JITTER_MS=10)
            for other in ({"JITTER_MS": 0}, {"JITTER_MS": 40}, {"SOCKETS": 8}, {"SOCKETS": 64}):
                with self.subTest(behaviour=behaviour, **other):
                    self.assertReplays(recorded, env, **other)

    @unittest.skipUnless(FULL, "waits for a real time limit")
    def test_fewer_sockets_than_when_recorded_cost_one_time_limit(self):
        recorded, env = self.record_shape(plain, PYTHON_CLIENT, BRANCHES=8, CALLS=4, SOCKETS=8, JITTER_MS=10)
        self.assertReplays(recorded, env, replays=2, limits=1, SOCKETS=2)


if __name__ == "__main__":
    main()
