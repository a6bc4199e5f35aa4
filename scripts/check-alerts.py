"""Do the alerts and the dashboard ask for metrics that exist, and does each alert have its section in the runbook?

Writes the dashboard's queries as a file of rules to the path it is given, so that promtool can read them, too.
"""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
problems = []


def need(true: object, sentence: str) -> None:
    if not true:
        problems.append(sentence)


def table() -> dict[str, set[str]]:
    """The labels of every series that the page names; a test of the program compares the page with the code."""
    series = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or not cells[1].startswith("`rolecall_"):
            continue
        name, labels = cells[1].strip("`"), set(re.findall(r"`(\w+)`", cells[3]))
        if cells[2] == "histogram":
            series |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            series[name] = labels
    return series


def check(where: str, query: str, series: dict[str, set[str]]) -> None:
    names = set(re.findall(r"\brolecall_\w+", query))
    need(names, f"{where}: the query names no metric of ours: {query}")
    known = set()
    for name in names:
        need(name in series, f"{where}: {name} is no metric of docs/metrics.md")
        known |= series.get(name, set())
    for name, matchers in re.findall(r"\b(rolecall_\w+)\{([^}]*)\}", query):
        for label in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers):
            need(label in series.get(name, set()), f"{where}: {name} has no label {label}")
    for labels in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", query):
        for label in filter(None, map(str.strip, labels.split(","))):
            need(label in known, f"{where}: no metric of the query has the label {label}")


def main() -> None:
    series = table()
    need(len(series) > 20, "docs/metrics.md has no table of metrics")
    rules = [
        rule
        for group in yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    runbook = (ROOT / "docs/runbook.md").read_text()
    sections = re.findall(r"^## (Rolecall\w+)$", runbook, re.MULTILINE)
    tested = (ROOT / "deploy/alerts_test.yml").read_text()
    for rule in rules:
        name = rule["alert"]
        check(name, rule["expr"], series)
        link = rule["annotations"].get("runbook")
        need(link == f"docs/runbook.md#{name.lower()}", f"{name}: its runbook is {link}")
        need(name in sections, f"docs/runbook.md has no section ## {name}")
        need(rule["labels"].get("severity") in {"warning", "critical"}, f"{name}: its severity is unknown")
        for text in rule["annotations"].values():
            known = set().union(*(series.get(n, set()) for n in re.findall(r"rolecall_\w+", rule["expr"])))
            for label in re.findall(r"\$labels\.(\w+)", text):
                need(label in known, f"{name}: there is no label {label} to tell of")
        fires = rf"alertname: {name}\n\s+exp_alerts:"
        need(re.search(fires, tested), f"deploy/alerts_test.yml has no case in which {name} fires")
    for section, body in zip(sections, re.split(r"^## Rolecall\w+$", runbook, flags=re.MULTILINE)[1:]):
        body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for fence, what in (("sh", "commands to run"), ("text", "example of what they print")):
            need(f"```{fence}\n" in body, f"docs/runbook.md: {section} has no {what} (```{fence})")
        need(any(rule["alert"] == section for rule in rules), f"docs/runbook.md: there is no alert {section}")

    dashboard = json.loads((ROOT / "deploy/grafana.json").read_text())
    queries, ids = [], set()
    for panel in dashboard["panels"]:
        need(panel["id"] not in ids, f"grafana.json: two panels have the id {panel['id']}")
        ids.add(panel["id"])
        for target in panel.get("targets", []):
            check(f"panel {panel['title']}", target["expr"], series)
            queries.append(target["expr"].replace("$__rate_interval", "5m"))
    need(len(queries) > 20, "grafana.json has no queries")
    as_rules = [{"record": f"dashboard:query:{n}", "expr": query} for n, query in enumerate(queries)]
    pathlib.Path(sys.argv[1]).write_text(json.dumps({"groups": [{"name": "dashboard", "rules": as_rules}]}))

    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(bool(problems))


main()
