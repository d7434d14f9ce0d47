"""Planted keys never reach a file of the store: not in clear, not in base64, whatever carried them."""
import base64
import os
import sys

from harness import Case, answer, main

HEADER = "sk-header-" + "Hq7" * 9
QUERY = "query-secret-" + "Zw3" * 9
BODY = "sk-ant-api03-" + "Bv9" * 20
SEEN = "company-internal-" + "Ms5" * 7  # no known shape: only seen in a header first
ARGV = "sk-proj-" + "Ar8" * 12
STDOUT = "ghp_" + "St4k" * 9
ENVIRONMENT = "plain-looking-value-of-a-token-" + "En2" * 5
COOKIE = "session=" + "Co6" * 10
PLANTED = [HEADER, QUERY, BODY, SEEN, ARGV, STDOUT, ENVIRONMENT, COOKIE]

CLIENT = r'''
import base64, http.client, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port)
body = '{"api_key":"%s","messages":[{"content":"my key is %s, and %s in base64 %s, also \\/%s"}]}' % (
    os.environ["BODY"], os.environ["BODY"], os.environ["SEEN"], base64.b64encode(("x" + os.environ["SEEN"]).encode()).decode(), os.environ["BODY"])
connection.request("POST", base.path + "/chat?key=" + os.environ["QUERY"] + "&n=1", body,
    {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["HEADER"], "X-Api-Key": os.environ["SEEN"], "Cookie": os.environ["COOKIE"]})
response = connection.getresponse()
print(response.status, len(response.read()))
print("debug: token", os.environ["STDOUT"], os.environ["SOME_TOKEN"], flush=True)
sys.stderr.write("error: " + os.environ["STDOUT"][:7])
sys.stderr.flush()
sys.stderr.write(os.environ["STDOUT"][7:] + "\n")
'''


class Credentials(Case):
    def test_planted_keys_are_nowhere_in_the_store(self):
        def leaky(head, body, connection):
            # The answer repeats every credential it was sent, also streamed in small pieces.
            echo = head + body
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: " + COOKIE.encode() +
                               b"\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(echo), 7):
                piece = echo[at:at + 7]
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        upstream = self.upstream(leaky)
        env = {"HEADER": HEADER, "QUERY": QUERY, "BODY": BODY, "SEEN": SEEN, "STDOUT": STDOUT, "SOME_TOKEN": ENVIRONMENT, "COOKIE": COOKIE}
        client = self.write("leak.py", CLIENT)
        recorded = self.record(upstream, sys.executable, client, ARGV, env=env)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertIn(STDOUT, recorded.stdout)  # what the user sees is not touched
        sent = upstream.requests[0]
        self.assertIn(HEADER.encode(), sent[0])  # nor is what the upstream is sent
        self.assertIn(BODY.encode(), sent[1])
        shown = self.dump()
        self.assertIn(b"RN-REDACTED-", shown)
        for secret in PLANTED:
            for form in forms(secret):
                self.assertNotIn(form, shown, f"{secret} as {form}")

        # The same run, its keys gone, still matches.
        upstream.stop()
        other = env | {"HEADER": "sk-other-and-much-longer-" + "q" * 40, "SEEN": SEEN[:-1] + "0"}
        replayed = self.replay(sys.executable, client, ARGV, env=env)
        self.assertVerdict(replayed, "reproduced", 0)
        replayed = self.replay(sys.executable, client, ARGV, env=other, options=["--ignore-output"])
        self.assertVerdict(replayed, "reproduced", 0)

    def dump(self):
        """Everything the store holds: raw files, and every event as `show` gives it back, uncompressed."""
        everything = b""
        for directory, _, names in os.walk(self.store):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    everything += file.read()
        for arguments in (["--json"], ["--event", "0"], ["--event", "0", "--json"], ["--event", "1"], ["--event", "1", "--json"],
                          ["--event", "1", "--raw", "request"], ["--event", "1", "--raw", "response"],
                          ["--event", "1", "--curl"]):
            done = self.reenact("show", "--store", self.store, *arguments, "run", text=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            everything += done.stdout
        return everything


def forms(secret):
    """A secret in clear and the middle of its base64 at each alignment."""
    yield secret.encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret.encode())
        yield encoded[8:-8]


if __name__ == "__main__":
    main()
