"""A command inherits nothing of ours, and all that we were given: as if it had been started in our place.

Descriptors, signals, limits, umask, niceness, timers, memory locks, process group and session: for `record`, `record --each -j`,
`replay` and `baseline check`. Only what is documented differs: stdin, stdout and stderr, and variables.
"""
import json
import os
import subprocess
import sys

from harness import REENACT, Case, main

# Tells everything that a process inherits, as JSON in the file named by TELL (and its number, where several tell).
TELL = r'''
import json, os, resource, signal, sys, http.client, urllib.parse
descriptors = {}
for name in os.listdir("/proc/self/fd"):
    try:
        descriptors[int(name)] = os.readlink("/proc/self/fd/" + name)
    except OSError:
        pass
descriptors = {n: path for n, path in descriptors.items() if n > 2 and "/proc/" not in path}
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
told = {"descriptors": descriptors, "environment": dict(os.environ), "cwd": os.getcwd(), "umask": status["Umask"],
        "blocked": status["SigBlk"], "pending": [status["SigPnd"], status["ShdPnd"]], "ignored": int(status["SigIgn"], 16),
        "locked": status["VmLck"], "nice": os.nice(0), "group": os.getpgid(0), "session": os.getsid(0), "terminal": stat[4],
        "score": open("/proc/self/oom_score_adj").read(), "timers": [stat[18]], "affinity": sorted(os.sched_getaffinity(0)),
        "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")},
        "capabilities": [status["CapEff"], status["NoNewPrivs"], status["Seccomp"]], "threads": status["Threads"],
        "locks": [line for line in open("/proc/locks") if line.split()[4 if "->" not in line else 5] == str(os.getpid())],
        "scheduler": os.sched_getscheduler(0), "argv": sys.argv[1:]}
with open(os.environ["TELL"] + "".join(sys.argv[1:]), "w") as file:
    json.dump(told, file)
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
connection.request("POST", base.path + "/chat", json.dumps({"n": sys.argv[1:]}), {"Content-Type": "application/json"})
print(connection.getresponse().read().decode())
'''
# 3 and 4 are where our own pipes would come to stand if nobody looked; 200 is far from both.
GIVEN = (3, 4, 63, 200)
SAME = ["cwd", "umask", "blocked", "ignored", "locked", "nice", "group", "session", "terminal", "score", "timers", "affinity", "limits", "capabilities",
        "threads", "scheduler", "locks", "pending"]


# Puts itself into a state that is nobody's default, and becomes the program behind it.
LAUNCHER = r'''
import os, resource, signal, sys, tempfile
ignores = sys.argv[1] == "1"
given = os.open(sys.argv[0], os.O_RDONLY)
os.dup2(given, 250)
os.closerange(3, 250)
os.closerange(251, 1 << 16)
for number in (3, 4, 63, 200):
    os.dup2(250, number, inheritable=True)
os.close(250)
os.umask(0o027)
os.nice(3)
for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN if ignores else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGWINCH, signal.SIGUSR1} if ignores else set())
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("100")
os.execv(sys.argv[2], sys.argv[2:])
'''


class Inherited(Case):
    def setUp(self):
        super().setUp()
        self.teller = self.write("tell.py", TELL)
        self.launcher = self.write("launcher.py", LAUNCHER)
        self.told = os.path.join(self.directory, "told")
        self.environment["TELL"] = self.told

    def run_prepared(self, *arguments, env=None):
        done = subprocess.run([sys.executable, self.launcher, str(int(self.ignores)), *arguments], env=self.environment | (env or {}),
                              capture_output=True, text=True, timeout=120, cwd=self.directory)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def what(self, suffix=""):
        with open(self.told + suffix) as file:
            told = json.load(file)
        os.unlink(self.told + suffix)
        return told

    def compare(self, bare, under, label):
        with self.subTest(label):
            for name in SAME:
                self.assertEqual(under[name], bare[name], name)
            self.assertEqual(sorted(map(int, under["descriptors"])), sorted(GIVEN), under["descriptors"])
            self.assertEqual(under["descriptors"], bare["descriptors"])

    def each_way(self):
        upstream = self.upstream()
        live = {"OPENAI_BASE_URL": upstream.url + "/v1"}
        command = (sys.executable, self.teller)
        self.run_prepared(*command, env=live)
        bare = self.what()
        self.run_prepared(REENACT, "record", "--store", self.store, "--name", "run", "--", *command, env=live)
        recorded = self.what()
        self.compare(bare, recorded, "record")
        self.compare_environment(bare, recorded)
        lines = self.write("lines.txt", "a\nb\n")
        self.run_prepared(REENACT, "record", "--store", self.store, "--name", "suite", "--each", lines, "-j", "2", "--", *command, "{input}",
                          env=live)
        for line in "ab":
            self.compare(bare, self.what(line), "record --each -j 2")
        self.run_prepared(REENACT, "replay", "--store", self.store, "--ignore-output", "run", "--", *command)
        self.compare(bare, self.what(), "replay")
        self.run_prepared(REENACT, "baseline", "freeze", "suite", "--name", "suite/*", "--store", self.store)
        self.run_prepared(REENACT, "baseline", "check", "suite", "--store", self.store)
        for line in "ab":
            self.compare(bare, self.what(line), "baseline check")

    def compare_environment(self, bare, under):
        """Whatever is not an address, a name of ours or a proxy's exception is as it was."""
        for name, value in bare["environment"].items():
            if not name.endswith(("_URL", "_BASE", "_HOST", "_ENDPOINT")) and name.upper() != "NO_PROXY":
                self.assertEqual(under["environment"].get(name), value, name)
        new = set(under["environment"]) - set(bare["environment"])
        for name in new:
            self.assertRegex(name, r"(?i)^(OPENAI_API_BASE|.*_(URL|HOST|BASE|ENDPOINT)|REENACT_(URL|TRACE)|TRACEPARENT|NO_PROXY)$")

    def test_a_command_inherits_what_we_were_given_and_nothing_of_ours(self):
        self.ignores = False
        self.each_way()

    def test_signals_that_we_were_started_with_are_the_commands(self):
        self.ignores = True
        self.each_way()


if __name__ == "__main__":
    main()
