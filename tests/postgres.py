"""A PostgreSQL of its own for a test: a fresh data directory, a free port of loopback, nothing kept."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
MISSING = not BINARIES and "needs PostgreSQL: apt-get install postgresql"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a running server, as SQLAlchemy writes it. It refuses to be root, so root runs it as ``postgres``."""
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    where, port = BINARIES[-1].parent, free_port()
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        run = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if os.geteuid() != 0:
            del run["user"]
        make = [where / "initdb", "-D", folder / "data", "-A", "trust", "-U", "shop", "--no-sync"]
        subprocess.run(make, check=True, timeout=600, **run)  # type: ignore[call-overload]
        options = ["-p", str(port), "-k", str(folder), "-F", "-c", "listen_addresses=127.0.0.1"]
        process = subprocess.Popen([where / "postgres", "-D", folder / "data", *options], **run)  # type: ignore[call-overload]
        try:
            subprocess.run(
                ["sh", "-c", f"until {where}/pg_isready -q -h 127.0.0.1 -p {port}; do sleep 0.1; done"],
                timeout=600,
                check=True,
            )
            yield f"postgresql+psycopg://shop@localhost:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # SIGTERM would wait for those who are connected
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
