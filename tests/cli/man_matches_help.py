#!/usr/bin/env python3
"""The manual is the specification: every command and option of `reenact help` stands in docs/reenact.1 and the other way round,
and the section LIMITS repeats the numbers of base/limits.h.

    man_matches_help.py REENACT docs/reenact.1 base/limits.h
"""
import re
import shutil
import subprocess
import sys

reenact, manual_path, limits_path = sys.argv[1:]
results = []


def check(claim, good, detail=""):
    results.append(good)
    if not good:
        print(f"FAILED: {claim} {detail}")


def ask(*arguments):
    return subprocess.run([reenact, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def commands_of_help():
    """Every command, each followed by its parts: "baseline", "baseline freeze", ..."""
    for command in re.findall(r"^  ([a-z]+) ", ask("help"), re.MULTILINE):
        yield command
        yield from re.findall(rf"^  ({command} [a-z]+) ", ask("help", command), re.MULTILINE)


def options_of_help(command):
    """name -> argument ("" for flags)."""
    page = ask("help", *command.split())
    return {name: argument.strip() for name, argument in re.findall(r"^  (--[a-z-]+)( \S+)?  ", page, re.MULTILINE)}


def sections_of_manual(text):
    """command -> options, from the subsections of COMMANDS."""
    commands = text.split(".Sh COMMANDS", 1)[1].split("\n.Sh ", 1)[0]
    sections = {}
    for part in commands.split("\n.Ss ")[1:]:
        name, _, body = part.partition("\n")
        sections[name] = options_of_manual(body)
    return sections


def options_of_manual(body):
    return {"-" + option: argument for option, argument in re.findall(r"^\.It Fl (-[a-z-]+)(?: Ar (\S+))?$", body, re.MULTILINE)}


def limits_of_header(text):
    text = text.replace("\\\n", " ")
    for name, value in re.findall(r"^#define (RN_[A-Z_]+)[ \t]+(.+)$", text, re.MULTILINE):
        value = re.sub(r"/\*.*|\((?:size_t|uint64_t|unsigned)\)", "", value)
        value = re.sub(r"UINT64_C\((\d+)\)", r"\1", value)
        value = re.sub(r"(\d)[uUlL]+", r"\1", value)
        yield name, eval(value, {"__builtins__": {}})  # only digits and operators are left


with open(manual_path, encoding="utf-8") as file:
    manual = file.read()
with open(limits_path, encoding="utf-8") as file:
    limits = dict(limits_of_header(file.read()))

sections = sections_of_manual(manual)
commands = list(commands_of_help())
check("help lists commands", len(commands) >= 8, commands)
check("the manual has the commands of help, in its order", list(sections) == commands, f"{list(sections)} against {commands}")
for command in commands:
    said = options_of_help(command)
    written = sections.get(command, {})
    check(f"{command}: has --help", "--help" in said)
    for option in sorted(said.keys() | written.keys()):
        check(f"{command} {option}: stands in both", option in said and option in written)
        check(f"{command} {option}: has the same argument", said.get(option) == written.get(option, None),
              f"{said.get(option)!r} against {written.get(option)!r}")

selection = options_of_manual(manual.split(".Sh SELECTION", 1)[1].split("\n.Sh ", 1)[0])
check("SELECTION has the options of help, with their arguments", selection and selection == options_of_help("selection"), selection)

told = {name: int(value) for name, value in re.findall(r'^\.\\" (RN_[A-Z_]+) (\d+)$', manual, re.MULTILINE)}
check("limits were found", len(limits) > 20, len(limits))
for name in sorted(limits.keys() | told.keys()):
    check(f"{name} is the same in LIMITS and in limits.h", limits.get(name) == told.get(name), f"{limits.get(name)} against {told.get(name)}")

if shutil.which("mandoc"):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning,stop", manual_path], capture_output=True, text=True, timeout=60)
    check("mandoc has nothing to complain about", lint.returncode == 0, lint.stdout)
else:
    print("SKIPPED: mandoc is not installed, the manual's markup is not checked")

print(f"counted: {sum(results)} passed, {results.count(False)} failed")
sys.exit(0 if all(results) else 1)
