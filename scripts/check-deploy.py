"""The promises of the files that platforms read, checked without a container engine or a platform."""

import json
import pathlib
import re
import shlex
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
GRACE = 30  # seconds from SIGTERM to SIGKILL that the binary's own 25 s of draining fit into
problems = []


def need(true: object, sentence: str) -> None:
    if not true:
        problems.append(sentence)


def text(name: str) -> str:
    path = ROOT / name
    need(path.is_file(), f"{name} is missing")
    return path.read_text() if path.is_file() else ""


def words(command: object) -> str:
    return " ".join(map(str, command)) if isinstance(command, list) else str(command or "")


def compose() -> None:
    services = (yaml.safe_load(text("docker-compose.yml")) or {}).get("services") or {}
    where = "docker-compose.yml"
    for name in ("redis", "mongo", "release", "web", "worker", "simulator"):
        need(name in services, f"{where}: no service {name}")
        services.setdefault(name, {})
    allowed = {
        "build", "command", "depends_on", "entrypoint", "env_file", "environment", "expose", "healthcheck", "image",
        "init", "ports", "profiles", "restart", "stop_grace_period", "volumes",
    }
    for name, service in services.items():
        need("image" in service or "build" in service, f"{where}: {name} has neither image nor build")
        for key in service.keys() - allowed:
            problems.append(f"{where}: {name} has the key {key}, which this check does not know")
        for other, how in (service.get("depends_on") or {}).items():
            need(other in services, f"{where}: {name} waits for {other}, which does not exist")
            if how.get("condition") == "service_healthy":
                need("test" in services.get(other, {}).get("healthcheck", {}), f"{where}: {other} has no health check")

    redis = words(services["redis"].get("command"))
    need("--appendonly yes" in redis, f"{where}: redis must append every write to its log")
    need("--maxmemory-policy noeviction" in redis, f"{where}: redis must never evict")
    need("--replSet" in words(services["mongo"].get("command")), f"{where}: mongo must be a replica set")
    health = words(services["mongo"].get("healthcheck", {}).get("test"))
    need("rs.initiate" in health, f"{where}: mongo's health check must initiate the replica set")
    for name in ("release", "web", "worker"):
        waits = services[name].get("depends_on") or {}
        for server in ("redis", "mongo"):
            ready = waits.get(server, {}).get("condition") == "service_healthy"
            need(ready, f"{where}: {name} must wait until {server} is healthy")
        need(words(services[name].get("command")) == name, f"{where}: {name} must run `rolecall {name}`")
    for name in ("web", "worker"):
        migrated = (services[name].get("depends_on") or {}).get("release", {}).get("condition")
        need(migrated == "service_completed_successfully", f"{where}: {name} must wait for the release step")
        need(services[name].get("stop_grace_period") == f"{GRACE}s", f"{where}: {name} needs {GRACE}s to drain")
    need("simulator" in (services["simulator"].get("profiles") or []), f"{where}: simulator belongs to a profile")


def procfile() -> None:
    lines = dict(line.split(": ", 1) for line in text("Procfile").splitlines() if ": " in line)
    for name in ("release", "web", "worker"):
        need(lines.get(name) == f"rolecall {name}", f"Procfile: `{name}: rolecall {name}` is missing")


def dockerfile() -> None:
    image = text("Dockerfile")
    final = image.rsplit("\nFROM ", 1)[-1]
    for line in ("STOPSIGNAL SIGTERM", 'ENTRYPOINT ["rolecall"]', 'CMD ["all"]', 'CMD ["rolecall", "healthcheck"]'):
        need(line in final, f"Dockerfile: the last stage has no {line}")
    user = re.search(r"^USER (\S+)", final, re.M)
    need(user and user.group(1) not in ("root", "0"), "Dockerfile: the last stage must not run as root")
    toolchain = re.search(r'channel = "(.+)"', text("rust-toolchain.toml"))
    pinned = re.search(r"^ARG RUST_VERSION=(\S+)", image, re.M)
    same = toolchain and pinned and toolchain.group(1) == pinned.group(1)
    need(same, "Dockerfile: RUST_VERSION differs from rust-toolchain.toml")


def platforms() -> None:
    render = yaml.safe_load(text("deploy/render.yaml")) or {}
    services = {service["name"]: service for service in render.get("services", [])}
    for service in services.values():
        if service["type"] in ("web", "worker"):
            delay = service.get("maxShutdownDelaySeconds", 0)
            need(delay >= GRACE, f"deploy/render.yaml: {service['name']} is stopped too soon")
        if service["type"] == "keyvalue":
            need(service.get("maxmemoryPolicy") == "noeviction", "deploy/render.yaml: Redis must never evict")
    railway = json.loads(text("deploy/railway.json") or "{}").get("deploy", {})
    need(railway.get("drainingSeconds", 0) >= GRACE, "deploy/railway.json: stopped too soon")
    app = json.loads(text("app.json") or "{}")
    need({"web", "worker"} <= app.get("formation", {}).keys(), "app.json: formation must have web and worker")
    fly = text("deploy/fly.toml")
    try:
        import tomllib  # Python 3.11
    except ImportError:
        return
    fly = tomllib.loads(fly)
    need(fly.get("kill_signal") == "SIGTERM", "deploy/fly.toml: the platform's own signal is SIGINT")
    need(int(fly.get("kill_timeout", 0)) >= GRACE, "deploy/fly.toml: stopped too soon")
    commands = [*fly.get("processes", {}).values(), fly.get("deploy", {}).get("release_command", "")]
    need(sorted(shlex.split(c)[0] for c in commands if c) == ["release", "web", "worker"], "deploy/fly.toml: processes")


for check in (compose, procfile, dockerfile, platforms):
    check()
for problem in problems:
    print(f"error: {problem}", file=sys.stderr)
sys.exit(bool(problems))
