#!/usr/bin/env python3
"""What the pages say of the tree: files they name are there, and a library is spoken to where docs/dependencies.md says.

    pages.py        (reads the source tree; the last line counts)

It declines to judge prose. The manual is held against the program by tests/cli/man_matches_help.py.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/flow.md", "docs/format.md", "docs/dependencies.md",
         "docs/performance.md", "docs/ci.md", "docs/backtest.md", "docs/baseline.md", "docs/rules.md", "docs/dialects.md"]
FOLDERS = ["base", "wire", "store", "gateway", "recorder", "replayer", "cli"]
# First word of a row of the table, and what including it looks like.
LIBRARIES = {"LMDB": "lmdb.h", "zstd": "zstd", "msgpack-c": "msgpack", "libcurl": "curl/", "libev": "ev.h", "OpenSSL": "openssl/",
             "zlib": "zlib.h", "brotli": "brotli/", "jansson": "jansson.h"}

passed = failed = 0


def check(claim, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print(f"FAILED {claim}: {detail}")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def sources():
    for folder in FOLDERS:
        for place, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(place, name), ROOT)


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', read(path), re.M)


def speakers(start):
    """Source files that include a header of the library, or a private header of their folder that does."""
    direct = {path for path in sources() if any(name.startswith(start) for name in includes(path))}
    heads = {(path.split("/")[0], os.path.basename(path)) for path in direct if path.endswith(".h")}
    return {path for path in sources() if path.endswith(".c") and
            (path in direct or any((path.split("/")[0], name) in heads for name in includes(path)))}


def check_names(page):
    for name in sorted(set(re.findall(r"`([a-z.]+/[\w./-]+)`", read(page)))):
        if name.split("/")[0] in FOLDERS + ["docs", "tests", "scripts", "bench", "examples", "cmake", ".ci"]:
            check(f"{page} names {name}", os.path.exists(os.path.join(ROOT, name)), "it is not there")


def check_libraries():
    rows = {line.split()[1]: line for line in read("docs/dependencies.md").splitlines() if line.startswith("| ")}
    for library, start in LIBRARIES.items():
        said = set(re.findall(r"`([\w/]+\.c)`", rows[library].rsplit("|", 2)[1]))
        found = speakers(start)
        if "what prints by it" in rows[library]:
            found = {path for path in found if path in said or not path.startswith("cli/")}
        check(f"{library} is spoken to where the page says", said == found, f"said {sorted(said)}, found {sorted(found)}")


def check_stages():
    """docs/flow.md draws files without their folder: each is in one."""
    names = {os.path.basename(path) for path in sources()}
    for name in sorted(set(re.findall(r"\b(\w+\.c)\b", read("docs/flow.md")))):
        check(f"docs/flow.md draws {name}", name in names, "no folder has it")


def check_metrics():
    """docs/backtest.md has every metric of --fail-if, in the order and words of the program, and no other."""
    kinds = {"COUNT": "count", "SHARE": "share", "RATIO": "ratio", "TIME": "time", "MONEY": "money"}
    source = re.sub(r'"\s*\n\s*"', "", read("replayer/report/metric.c"))
    rows = [f"| `{name}` | {kinds[kind]} | {words} |"
            for name, kind, words in re.findall(r'METRIC\((\w+),\s*RN_METRIC_(\w+),\s*"([^"]*)"\)', source)]
    said = re.findall(rf"^\| `\w+` \| (?:{'|'.join(kinds.values())}) \|.*$", read("docs/backtest.md"), re.M)
    check("docs/backtest.md lists the metrics as they are", rows and rows == said,
          f"differ: {sorted(set(rows) ^ set(said))}")


for page in PAGES:
    check_names(page)
check_libraries()
check_stages()
check_metrics()
print(f"counted: {passed} passed, {failed} failed")
sys.exit(failed > 0)
