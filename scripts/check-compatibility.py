"""Compares docs/compatibility.md with the sources: ids, states, tests and routes. Prints what is wrong, and ends with 1."""

import json
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path("docs/compatibility.md")
STATES = ("yes", "partly", "not yet")


# Answered as another route is, and in openapi.json only as that one.
SAME_AS = {"POST /discord/link": "POST /discord/auth/link"}


def numbered(letter, last, split=()):
    """A1, A2, ... with the letters of those that are split: `split` is (number, "abc")."""
    parts = dict(split)
    return [f"{letter}{n}{part}" for n in range(1, last + 1) for part in parts.get(n, [""])]


IDS = [
    *numbered("A", 12, [(4, "abcdefg")]),
    *numbered("O", 10),
    *numbered("K", 9),
    *numbered("S", 10),
    *numbered("J", 12),
    *numbered("E", 28),
    *numbered("D", 6),
    *numbered("C", 10),
    *numbered("T", 3),
    *numbered("I", 4),
    *numbered("X", 18),
    *numbered("R", 8),
    *numbered("F", 9),
    *numbered("M", 9, [(8, "abcde")]),
    *numbered("G", 16),
    *numbered("H", 10, [(1, "abcd"), (3, "abcd"), (4, "abcd"), (9, "abcd"), (10, "abc")]),
    *numbered("Z", 10, [(2, "abc"), (3, "abcd"), (4, "abcd"), (5, "abc")]),
    *numbered("U", 13),
]


def tests():
    """The end of each source's path as a module, and the names of its functions that are tests."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    out = {}
    for name in listed:
        path = Path(name)
        if not path.is_file():
            continue
        text = path.read_text()
        found = set(re.findall(r"#\[(?:tokio::)?test\b[^\n]*\]\s*(?:#\[[^\n]*\]\s*)*(?:async )?fn (\w+)\(", text))
        # Properties, and the sentences of the stores' suite and of the deliveries, are made into tests by a macro.
        if "proptest!" in text:
            found |= set(re.findall(r"^ {8}fn (\w+)\(", text, re.M))
        for names in re.findall(r"^both_ways!\(([^)]*)\)", text, re.M):
            found |= set(re.findall(r"\w+", names))
        if "tests/store/suite/" in name:
            found |= set(re.findall(r"pub\(crate\) async fn (\w+)\s*<", text))
        out[tuple(path.with_suffix("").parts)] = found
    return out


def exists(name, known):
    *place, function = name.split("::")
    return any(path[-len(place):] == tuple(place) and function in found for path, found in known.items())


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def check_row(row, known, wrong):
    name, promise, state, where = row
    named = re.findall(r"`((?:\w+::)+\w+)`", where)
    if not promise:
        wrong.append(f"{name} does not say what is promised")
    if state not in STATES:
        wrong.append(f"{name} has the state {state!r}; there are {', '.join(STATES)}")
    if state == "yes" and not named:
        wrong.append(f"{name} is a yes without a test")
    if state != "yes" and not re.search(r"[a-z]", re.sub(r"`[^`]*`", "", where)):
        wrong.append(f"{name} is not a yes and does not say what is missing")
    for test in named:
        if not exists(test, known):
            wrong.append(f"{name} names {test}, which is no test of these sources")


def check_routes(rows, wrong):
    document = json.loads(Path("openapi.json").read_text())
    answered = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if path.startswith("/discord/")
    }
    served = Path("src/web/routes.rs").read_text()
    if len({route for route, _ in rows}) != len(rows) or len(rows) != 25:
        wrong.append(f"25 routes are expected, each once; there are {len(rows)}")
    for route, place in rows:
        file = Path(place.strip("`"))
        if f'"{route.split(" /discord", 1)[1]}"' not in served:
            wrong.append(f"{route} is not in src/web/routes.rs")
        known_as = SAME_AS.get(route, route)
        if known_as not in answered:
            wrong.append(f"{route} is not in openapi.json")
        method, path = known_as.split(" ", 1)
        if not file.is_file() or f'({method.lower()}, path = "{path}"' not in file.read_text():
            wrong.append(f"{route} is not answered in {file}")


def main():
    rows, routes, wrong = [], [], []
    for line in PAGE.read_text().splitlines():
        if not line.startswith("| ") or line.startswith(("| Id ", "| Route ")):
            continue
        row = cells(line)
        (rows if len(row) == 4 else routes).append(row)
    known = tests()
    names = [row[0] for row in rows]
    for name in IDS:
        if names.count(name) != 1:
            wrong.append(f"{name} is there {names.count(name)} times")
    wrong += [f"{name} is no promise that is known" for name in names if name not in IDS]
    for row in rows:
        check_row(row, known, wrong)
    check_routes(routes, wrong)
    for sentence in wrong:
        print(f"error: {PAGE}: {sentence}", file=sys.stderr)
    return bool(wrong)


sys.exit(main())
