#!/usr/bin/env python3
"""Records real client libraries against a local server, stops it, replays: equal transcripts, `reproduced`.

    tests/clients/run.py REENACT        (path of the binary)

The libraries and node itself are pinned in package-lock.json. Skipped loudly where npm is missing.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPLAYS = 3


def npm_ready():
    if shutil.which("npm") is None:
        return False
    stamp = os.path.join(HERE, "node_modules", ".package-lock.json")
    lock = os.path.join(HERE, "package-lock.json")
    if not os.path.exists(stamp) or os.path.getmtime(stamp) < os.path.getmtime(lock):
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HERE, check=True,
                       stdout=subprocess.DEVNULL)
    return True


def pinned_node():
    for name in sorted(os.listdir(os.path.join(HERE, "node_modules"))):
        path = os.path.join(HERE, "node_modules", name, "bin", "node")
        if name.startswith("node-linux-") and os.path.exists(path):
            return path
    return shutil.which("node")


def record(reenact, store, node, script):
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "model_server.py")], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        env = os.environ | {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-test-0123456789abcdefghij"}
        return subprocess.run([reenact, "record", "--store", store, "--name", script, "--", node, os.path.join(HERE, script)],
                              env=env, capture_output=True, text=True, timeout=300)
    finally:
        server.kill()
        server.wait()


def replay(reenact, store, script, receipt):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    return subprocess.run([reenact, "replay", "--store", store, "--receipt", receipt, script], env=env,
                          capture_output=True, text=True, timeout=300)


def check(claim, good, detail):
    print(("ok    " if good else "FAILED"), claim, "" if good else f"\n{detail}")
    return good


def run(reenact, script):
    results = []
    with tempfile.TemporaryDirectory() as directory:
        store = os.path.join(directory, "store")
        recorded = record(reenact, store, pinned_node(), script)
        results.append(check(f"{script}: records", recorded.returncode == 0, recorded.stdout + recorded.stderr))
        for i in range(REPLAYS if recorded.returncode == 0 else 0):
            receipt = os.path.join(directory, f"receipt{i}.json")
            replayed = replay(reenact, store, script, receipt)
            detail = replayed.stdout + replayed.stderr
            results.append(check(f"{script}: replay {i + 1} is reproduced", replayed.returncode == 0, detail))
            results.append(check(f"{script}: replay {i + 1} has an equal transcript", replayed.stdout == recorded.stdout, detail))
            if os.path.exists(receipt):
                with open(receipt) as file:
                    verdict = json.load(file).get("verdict")
                results.append(check(f"{script}: the receipt says so", verdict == "reproduced", verdict))
    return results


def main():
    if not npm_ready():
        print("SKIPPED: tests/clients needs npm, which is not installed; no real client library was tried")
        print("counted: 0 passed, 0 failed")
        return 0
    results = [result for script in ["openai_client.mjs"] for result in run(sys.argv[1], script)]
    print(f"counted: {sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
