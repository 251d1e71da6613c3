"""What ``hindcast doctor`` looks at: each check says what it found and, where that is not well, what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from events.errors import Corrupt, Rejected, Transient
from hindcast.datadir import DataDir, Running

Verdict = Literal["ok", "warn", "fail"]
MIN_FREE_BYTES = 1 << 30
MIN_MEMORY_BYTES = 2 << 30
MIN_FILES = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """``remedy`` is empty where all is well."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(data_dir: Path, port: int, read_log: bool = True) -> Iterator[Check]:
    """Every check, one after the other; the last one may take as long as reading the whole log."""
    yield python()
    yield libraries()
    yield caches()
    yield disk(data_dir)
    yield memory()
    yield open_files()
    directory = DataDir(data_dir)
    running, claimed = directory.running(), directory.claimed()
    yield system(data_dir, running, claimed)
    yield port_free(port, running if claimed else None)
    yield log(data_dir, read_log)


def python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info < (3, 14):
        return Check("Python", "ok", found)
    return Check("Python", "fail", found, "use Python 3.11, 3.12 or 3.13: `make setup PYTHON=python3.11`")


def libraries() -> Check:
    """What is installed against what the installed package asks for."""
    from packaging.requirements import Requirement

    wrong: list[str] = []
    try:
        wanted = [Requirement(line) for line in requires("hindcast") or []]
    except PackageNotFoundError:
        return Check("Libraries", "warn", "hindcast is not installed as a package", "run `make setup`")
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, needs {requirement.specifier}")
    if wrong:
        return Check("Libraries", "fail", "; ".join(wrong), "run `make setup`, which installs the locked versions")
    return Check("Libraries", "ok", f"{len(wanted)} as required")


def caches() -> Check:
    """Compiled bytecode (a start without it takes up to 30 s) and numba's compiled kernels."""
    missing: list[str] = []
    ray = importlib.util.find_spec("ray")
    if ray and ray.cached and not Path(ray.cached).exists():
        missing.append("bytecode of the libraries")
    kernels = importlib.util.find_spec("analytics")
    folders = [Path(p) for p in (kernels.submodule_search_locations or [])] if kernels else []
    if not any(next(folder.rglob("*.nbi"), None) for folder in folders):
        missing.append("numba's compiled kernels")
    if missing:
        return Check(
            "Caches", "warn", f"missing: {', '.join(missing)}", "run `make setup`, or let the first start be slow"
        )
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return Check("Caches", "warn", "PYTHONDONTWRITEBYTECODE is set", "unset it: every start would compile again")
    return Check("Caches", "ok", "bytecode and kernels are compiled")


def disk(data_dir: Path) -> Check:
    place = next(p for p in (data_dir.absolute(), *data_dir.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free at {data_dir}"
    if not os.access(place, os.W_OK):
        return Check("Disk", "fail", f"{place} is not writable", "choose another --data-dir, or change its owner")
    if free < MIN_FREE_BYTES:
        return Check("Disk", "fail", found, "free some: below 256 MiB new events are refused")
    return Check(
        "Disk",
        "warn" if free < 4 * MIN_FREE_BYTES else "ok",
        found,
        "" if free >= 4 * MIN_FREE_BYTES else "free some soon",
    )


def memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available
    found = f"{free / 2**30:.1f} GiB available"
    if free < MIN_MEMORY_BYTES:
        return Check("Memory", "warn", found, "a whole system takes up to 2 GiB: end other programs")
    return Check("Memory", "ok", found)


def open_files() -> Check:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft if soft != resource.RLIM_INFINITY else 'unlimited'} a process"
    if soft != resource.RLIM_INFINITY and soft < MIN_FILES:
        return Check(
            "Open files", "warn", found, f"`ulimit -n {min(hard, 65536) if hard > 0 else 65536}` before starting"
        )
    return Check("Open files", "ok", found)


def system(data_dir: Path, running: Running | None, claimed: bool) -> Check:
    """``runtime.json`` and the process that it names; ``claimed``: a process holds the directory."""
    if not claimed:
        if (data_dir / "runtime.json").exists():
            remedy = "nothing: the next start replaces it"
            return Check("System", "warn", "runtime.json is left of a system that died", remedy)
        return Check("System", "ok", "none runs on this directory")
    if running is None:
        return Check("System", "ok", "one is starting on this directory")
    if not _listens(running.address):
        remedy = f"it may be stopping; if it stays so, `hindcast down --data-dir {data_dir}` and start it again"
        return Check("System", "fail", f"process {running.pid} does not answer on {running.address}", remedy)
    return Check("System", "ok", f"runs on {running.address} (process {running.pid}, {running.placement})")


def _listens(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2.0):
            return True
    except (OSError, ValueError):
        return False


def port_free(port: int, running: Running | None) -> Check:
    """Whether a system on this directory has its port, or would get ``port``."""
    if running is not None:
        return Check("Port", "ok", f"{running.address.rstrip('/').rpartition(':')[2]} is this system's")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return Check("Port", "fail", f"{port} needs more rights", "choose one above 1023 with --port")
        except OSError:
            if _is_ours(port):
                other = f"{port} is the port of another Hindcast, which runs well"
                return Check(
                    "Port", "warn", other, f"start one on this directory with another: `hindcast up --port {port + 1}`"
                )
            remedy = "choose another with --port, or end that program if it is not needed"
            return Check("Port", "fail", f"{port} is in use by {_user_of(port)}", remedy)
    return Check("Port", "ok", f"{port} is free")


def _is_ours(port: int) -> bool:
    """Whether a Hindcast answers there."""
    import httpx

    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/ready", timeout=2.0, trust_env=False)
        return set(answer.json()) == {"ready", "waiting"}
    except (httpx.HTTPError, ValueError, TypeError):
        return False


def _user_of(port: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            at = connection.laddr
            if connection.status == psutil.CONN_LISTEN and at and at.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def log(data_dir: Path, read: bool) -> Check:
    """Every cell: structure, dense offsets, chain hashes, readable entries."""
    from hindcast.log_place import log_of

    try:
        spec = log_of(data_dir)
        if not spec.exists():
            return Check("Log", "ok", "none yet")
        log = spec.open(woken=False)
    except Rejected as error:
        return Check("Log", "fail", error.reason, "mend the setting that it names")
    except (Corrupt, Transient) as error:
        return Check("Log", "fail", str(error), "bring its server back; `log.json` in the directory says which it is")
    try:
        cells = log.cells()
        if not read:
            return Check("Log", "ok", f"{len(cells)} cells; not read (--quick)")
        verdicts = [log.verify(cell) for cell in cells]
    except (Corrupt, Transient) as error:
        return Check("Log", "fail", str(error), "keep the log as it is, and restore what it names from a backup")
    finally:
        log.close()
    problems = [f"{verdict.cell}: {verdict.problems[0]}" for verdict in verdicts if not verdict.sound]
    if problems:
        remedy = (
            "keep the directory as it is: cells whose inputs are whole are rebuilt by replay, collectors need a backup"
        )
        return Check("Log", "fail", "; ".join(problems), remedy)
    return Check(
        "Log", "ok", f"{len(cells)} cells, {sum(v.rows for v in verdicts):,} rows, every entry as it was written"
    )
