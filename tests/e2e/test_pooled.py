"""A pooled client with jittered branches: holds must never run into their time limit, and the verdict must be right."""
import os
import sys

from harness import Case, answer, main

REPLAYS = 100 if os.environ.get("REENACT_FULL") else 30

# 8 branches of 3 calls each share 4 kept connections; each branch pauses a random moment before each call.
POOLED_CLIENT = r'''
import concurrent.futures, http.client, os, queue, random, time, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
pool = queue.Queue()
for _ in range(4):
    pool.put(http.client.HTTPConnection(base.hostname, base.port, timeout=60))
def call(text):
    time.sleep(random.uniform(0, float(os.environ["JITTER_MS"]) / 1000))
    connection = pool.get()
    connection.request("POST", base.path + "/chat", '{"q":"%s"}' % text, {"Content-Type": "application/json"})
    told = connection.getresponse().read().decode()
    pool.put(connection)
    return told
def branch(i):
    told = "start %d" % i
    for _ in range(3):
        told = call("%d after %s" % (i, told.replace('"', "'")))
    return told
with concurrent.futures.ThreadPoolExecutor(8) as branches:
    for line in branches.map(branch, range(8)):
        print(line)
'''


class Pooled(Case):
    def test_no_hold_of_a_pooled_client_runs_into_its_limit(self):
        def number(head, body, connection):
            answer(connection, {"number": int.from_bytes(os.urandom(4), "big")})
        upstream = self.upstream(number)
        client = self.write("pooled.py", POOLED_CLIENT)
        recorded = self.record(upstream, sys.executable, client, env={"JITTER_MS": "10"})
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        upstream.stop()
        for i in range(REPLAYS):
            replayed = self.replay(env={"JITTER_MS": "10"})
            self.assertVerdict(replayed, "reproduced", 0)
            self.assertEqual(replayed.stdout, recorded.stdout)
            self.assertEqual(int(replayed.receipt["order"]["timed_out_holds"]), 0, f"replay {i}")


if __name__ == "__main__":
    main()
