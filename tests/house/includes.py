#!/usr/bin/env python3
"""The include rule of the house, proved with the compiler: a folder reaches the public headers of the folders it stands on, and
no other header of any folder.

    includes.py BUILD-DIR      (compile_commands.json says with which include path each folder is built)

For each pair of folders one public header is included and compiled: it must compile where the rule allows it and nowhere else.
Every other header, the private ones above all, is asked for by __has_include in the same way. The last line counts.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1])
# Which folders a folder stands on (cmake/folder.cmake makes it so, the table says what is meant), and one header of each that
# others may see. cli stands on all, by public headers only.
STANDS_ON = {
    "base": set(),
    "wire": {"base"},
    "store": {"base", "wire"},
    "gateway": {"base", "wire"},
    "recorder": {"base", "wire", "store", "gateway"},
    "replayer": {"base", "wire", "store", "gateway"},
    "cli": {"base", "wire", "store", "gateway", "recorder", "replayer"},
}
FACE = {"base": "bytes.h", "wire": "http.h", "store": "store.h", "gateway": "loop.h", "recorder": "record.h",
        "replayer": "replay.h", "cli": "options.h"}
SAMPLE = {"base": "bytes.c", "wire": "http.c", "store": "store.c", "gateway": "loop.c", "recorder": "record.c",
          "replayer": "replay.c", "cli": "main.c"}

passed = failed = 0


def check(claim, good, detail=""):
    global passed, failed
    passed += good
    failed += not good
    if not good:
        print(f"FAILED {claim}\n{detail}")


def include_path(folder):
    """Compiler and include directories, as a source file of that folder is built."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        commands = {entry["file"]: entry["command"] for entry in json.load(file)}
    words = shlex.split(commands[os.path.join(ROOT, folder, SAMPLE[folder])])
    taken = [words[0], "-D_GNU_SOURCE", "-std=c11"]
    for word, behind in zip(words, words[1:] + [""]):
        if word in ("-I", "-isystem", "-iquote"):
            taken += [word, behind]
        elif re.match(r"-(I|isystem|iquote).", word):
            taken.append(word)
    return taken


def compile_text(compiler, text):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "stranger.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run(compiler + ["-fsyntax-only", path], capture_output=True, text=True, timeout=60,
                              env=os.environ | {"LC_ALL": "C"})


def files_of(folder):
    """Paths within the folder, those in its rooms included."""
    top = os.path.join(ROOT, folder)
    return sorted(os.path.relpath(os.path.join(place, name), top)
                  for place, _, names in os.walk(top) for name in names if name.endswith((".c", ".h")))


def headers_of(folder):
    """As somebody might ask for them: by their place, and by their name alone, as public ones are."""
    paths = [path for path in files_of(folder) if path.endswith(".h")]
    return sorted(set(paths) | {os.path.basename(path) for path in paths})


def public_headers_of(folder):
    return set(os.listdir(os.path.join(BUILD, "public", folder, folder)))


def check_pair(folder, compiler, other):
    header = f"{other}/{FACE[other]}"
    done = compile_text(compiler, f'#include "{header}"\nextern int stranger;\n')
    if other in STANDS_ON[folder]:
        check(f"{folder} may include {header}", done.returncode == 0, done.stderr)
    else:
        refused = done.returncode != 0 and re.search(re.escape(header) + r".*(No such file|not found)", done.stderr)
        check(f"{folder} including {header} does not compile", bool(refused), done.stderr or "it compiled")


def check_rest(folder, compiler, other):
    """All headers of `other` at once: each that is within reach is named by an error."""
    names = headers_of(other)
    text = "".join(f'#if __has_include("{other}/{name}")\n#error reached {name};\n#endif\n' for name in names)
    reached = set(re.findall(r"reached ([a-z0-9_./]+\.h);", compile_text(compiler, text + "extern int stranger;\n").stderr))
    meant = public_headers_of(other) if other in STANDS_ON[folder] else set()
    check(f"{folder} reaches the public headers of {other} and no more", reached == meant, f"reached {reached}, meant {meant}")


def check_detours(folder):
    """A path with .. would go around the include path; nobody takes it."""
    found = []
    for name in files_of(folder):
        with open(os.path.join(ROOT, folder, name), encoding="utf-8") as file:
            found += [f"{folder}/{name}: {line.strip()}" for line in file if re.match(r'\s*#\s*include\s+["<][^">]*\.\./', line)]
    check(f"{folder} takes no detour", not found, "\n".join(found))


def main():
    for folder in STANDS_ON:
        compiler = include_path(folder)
        for other in STANDS_ON:
            if other != folder:
                check_pair(folder, compiler, other)
                check_rest(folder, compiler, other)
        check_detours(folder)
    print(f"counted: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
