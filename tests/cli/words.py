#!/usr/bin/env python3
"""What the command line says before any store is touched: pages that fit a screen, complaints that name the word, exit codes.

    words.py REENACT
"""
import json
import os
import subprocess
import sys
import tempfile

reenact = sys.argv[1]
results = []


def ask(*arguments, **environment):
    return subprocess.run([reenact, *arguments], capture_output=True, text=True, timeout=60, cwd=empty, env={**os.environ, **environment})


def check(claim, good, detail=""):
    results.append(bool(good))
    if not good:
        print(f"FAILED: {claim}: {detail}")


def says(arguments, status, *words):
    done = ask(*arguments)
    check(f"{arguments} exits {status}", done.returncode == status, (done.returncode, done.stderr))
    for word in words:
        check(f"{arguments} says {word}", word in done.stderr, done.stderr)
    check(f"{arguments} says it in a line or two", len(done.stderr.splitlines()) <= 2, done.stderr)
    check(f"{arguments} leaves nothing behind", os.listdir(empty) == [], os.listdir(empty))


def fits(arguments):
    page = ask(*arguments).stdout
    lines = page.splitlines()
    check(f"{arguments} fits a screen", 0 < len(lines) <= 32 and max(map(len, lines)) <= 80, page)
    return page


with tempfile.TemporaryDirectory() as empty:
    os.environ.pop("REENACT_STORE", None)
    commands = [line.split()[0] for line in fits(["help"]).splitlines() if line.startswith("  ")]
    for command in commands:
        page = fits(["help", command])
        check(f"{command} --help is the same page", ask(command, "--help").stdout == page)
        check(f"{command} -h is the same page", ask(command, "-h").stdout == page)
        trouble = 125 if command == "record" else 2
        says([command, "--nonsense"], trouble, f"reenact {command}:", "--nonsense")
        for part in [line.split()[1] for line in page.splitlines() if line.startswith(f"  {command} ")]:
            page_of_part = fits(["help", command, part])
            check(f"{command} {part} --help is the same page", ask(command, part, "--help").stdout == page_of_part)
            says([command, part, "--nonsense"], 2, f"reenact {command} {part}:", "--nonsense")
    check("--help is help", ask("--help").stdout == ask("help").stdout)
    check("no word at all is trouble with help", (ask().returncode, ask().stdout) == (2, ask("help").stdout))
    says(["nonsense"], 2, "reenact: no command 'nonsense'")
    says(["recrod"], 2, "did you mean 'record'")
    says(["help", "shwo"], 2, "did you mean 'show'")
    says(["record"], 125, "COMMAND")
    says(["record", "--"], 125, "COMMAND")
    says(["record", "--tag", "novalue", "true"], 125, "--tag", "novalue")
    says(["record", "--port", "openai=0", "true"], 125, "--port")
    says(["record", "--port", "openai=65536", "true"], 125, "--port")
    says(["record", "--listen", "65536", "true"], 125, "--listen")
    says(["record", "--durability", "maybe", "true"], 125, "--durability", "sync|async")
    says(["serve", "true"], 2, "reenact record")
    says(["serve", "--trace-idle", "0"], 2, "--trace-idle")
    says(["replay"], 2, "which trace")
    says(["replay", "a", "b"], 2, "behind --")
    says(["replay", "a", "--"], 2, "behind --")
    says(["replay", "a", "--strict", "--rules", "json"], 2, "--strict", "--rules")
    says(["replay", "a", "--rules", "bytes,volatile"], 2, "volatile")
    says(["replay", "a", "--pace", "0"], 2, "--pace")
    says(["replay", "a", "--pace", "nan"], 2, "--pace")
    says(["replay", "a", "--pace", "2x"], 2, "2x")
    says(["replay", "a", "--serve", "--", "true"], 2, "--serve")
    says(["replay", "a", "--serve", "--self"], 2, "--serve", "--self")
    says(["show"], 2, "which trace")
    says(["diff", "a"], 2, "give two traces")
    says(["show", "a", "--tree", "--lineage"], 2, "give one")
    says(["tag"], 2, "which trace")
    says(["tag", "a"], 2, "KEY=VALUE")
    says(["tag", "a", "b"], 2, "KEY=VALUE", "'b'")
    says(["tag", "a", "--remove", "b=c"], 2, "--remove", "b=c")
    says(["note"], 2, "which trace")
    says(["note", "a"], 2, "TEXT")
    says(["note", "a", ""], 2, "empty")
    says(["note", "a", "two", "words"], 2, "quotes")
    says(["reindex", "a"], 2, "all of the store")
    says(["show", "a", "--curl", "--json"], 2, "--curl")
    says(["log", "--since", "sometime"], 2, "sometime", "yesterday")
    says(["log", "--until", "7d", "--since", "1d"], 2, "--since 1d", "--until 7d")
    says(["log", "--status", "4x"], 2, "4x")
    says(["log", "--", "true"], 2, "no command")
    says(["backtest"], 2, "--to UPSTREAM/MODEL")
    says(["backtest", "--to", "a/b", "--", "true"], 2, "no command")
    says(["backtest", "--to", "a/b", "--budget", "much"], 2, "--budget", "much")
    says(["backtest", "--to", "a/b", "--jobs", "257"], 2, "--jobs")
    says(["backtest", "--to", "a/b", "--upstream", "x", "--upstream", "y"], 2, "'x' and 'y'")
    says(["backtest", "--to", "a/b", "--fail-if", "tool_agreement <"], 2, "number")
    says(["backtest", "--to", "a/b", "--worst", "51"], 2, "--worst")
    says(["backtest", "report"], 2, "which backtest")
    says(["backtest", "drop"], 2, "which backtest")
    says(["backtest", "drop", "a", "b"], 2, "usage: reenact backtest drop")
    says(["backtest", "report", "a", "--html", "no/such/place.html"], 2, "--html", "no/such")
    says(["backtest", "--to", "a/b", "--junit", "/"], 2, "--junit", "directory")
    says(["baseline", "check", "a", "--markdown", "no/place.md"], 2, "--markdown", "cannot write in no")
    says(["baseline"], 2, "freeze, list")
    says(["baseline", "frieze"], 2, "frieze", "help baseline")
    says(["baseline", "freeze", "a"], 2, "which traces")
    says(["baseline", "freeze"], 2, "usage: reenact baseline freeze")
    says(["baseline", "check"], 2, "which baseline")
    says(["baseline", "check", "a", "--"], 2, "behind --")
    for command in (["log"], ["baseline", "list"], ["baseline", "show", "a"], ["baseline", "check", "a"], ["backtest", "list"], ["backtest", "report", "a"], ["show", "last"], ["diff", "a", "b"], ["inventory"], ["verify"], ["replay", "last"]):
        says(command, 2, empty)
        says([*command, "--store", os.path.join(empty, "no\x1b[31mwhere")], 2, "no\\x1b[31mwhere")
    version = ask("version")
    check("version says a number", version.stdout.startswith("reenact ") and version.returncode == 0, version)
    check("version --json has a schema", json.loads(ask("version", "--json").stdout)["schema"] == "reenact.version/1")
    check("--version is version", ask("--version").stdout == version.stdout)
    if os.path.exists("/dev/full"):
        full = subprocess.run([reenact, "help"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, timeout=60)
        check("a full disk is noticed", full.returncode != 0 and b"standard output" in full.stderr, full)

print(f"counted: {sum(results)} passed, {results.count(False)} failed")
sys.exit(0 if all(results) else 1)
