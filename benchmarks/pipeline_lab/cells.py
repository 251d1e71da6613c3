"""The two actors of the pipeline: null folds over durable SQLite files, and a doorbell between them."""

import asyncio
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path


def open_log(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """One durable cell file (WAL, FULL); a reader never checkpoints."""
    uri = f"file:{path}" + ("?mode=ro" if read_only else "")
    db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    if read_only:
        db.execute("pragma query_only=1")
    else:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("create table if not exists e(n integer primary key, body blob, t real)")
    return db


class Collector:
    """Commits every waiting body in one transaction: a thread drains the queue while the loop takes calls."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.db = open_log(self.folder / "collector.db")
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bell.setblocking(False)
        self.waiting: list[tuple[list[bytes], asyncio.Future[float], asyncio.AbstractEventLoop]] = []
        self.wake = threading.Condition()
        self.commits = 0
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        while True:
            with self.wake:
                while not self.waiting:
                    self.wake.wait()
                work, self.waiting = self.waiting, []
            self.db.execute("begin immediate")
            now = time.time()
            self.db.executemany(
                "insert into e(body, t) values(?, ?)", [(b, now) for bodies, _, _ in work for b in bodies]
            )
            self.db.execute("commit")
            done = time.time()
            self.commits += 1
            try:
                self.bell.sendto(b"1", str(self.folder / "bell"))
            except OSError:
                pass  # the reader is away; it reads on when it returns
            loop = work[0][2]
            loop.call_soon_threadsafe(lambda w=work, d=done: [f.set_result(d) for _, f, _ in w if not f.done()])

    async def append(self, bodies: list[bytes]) -> float:
        """Answers the wall-clock second of the durable commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[float] = loop.create_future()
        with self.wake:
            self.waiting.append((bodies, future, loop))
            self.wake.notify()
        return await future

    async def pid(self) -> int:
        return os.getpid()


class Dashboard:
    """Null fold: reads the collector's file when the bell rings, commits one journal row, wakes the long polls."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.db = open_log(self.folder / "dashboard.db")
        bell = self.folder / "bell"
        bell.unlink(missing_ok=True)
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bell.bind(str(bell))
        self.bell.setblocking(False)
        self.seq, self.times = 0, (0.0, 0.0)
        self.changed: asyncio.Event | None = None
        self.task: asyncio.Task[None] | None = None

    def _fold(self, source: sqlite3.Connection) -> bool:
        rows = source.execute("select n, t from e where n > ? order by n limit 5000", (self.seq,)).fetchall()
        if not rows:
            return False
        self.db.execute("insert into e(body, t) values(?, ?)", (b"", time.time()))
        self.seq, self.times = rows[-1][0], (rows[-1][1], time.time())
        return True

    async def _run(self) -> None:
        assert self.changed
        loop = asyncio.get_running_loop()
        while not (self.folder / "collector.db").exists():
            await asyncio.sleep(0.05)
        source = open_log(self.folder / "collector.db", read_only=True)
        while True:
            if await asyncio.to_thread(self._fold, source):
                self.changed.set()
                self.changed = asyncio.Event()
                continue
            try:
                await asyncio.wait_for(loop.sock_recv(self.bell, 16), 0.25)
            except TimeoutError:
                pass

    async def changes(self, after: int, timeout: float) -> tuple[int, tuple[float, float]]:
        """Long poll: (row number, (collector stamp, dashboard commit)) once beyond ``after`` or after ``timeout`` s."""
        if self.task is None:
            self.changed = asyncio.Event()
            self.task = asyncio.create_task(self._run())
        if self.seq <= after:
            assert self.changed
            try:
                await asyncio.wait_for(self.changed.wait(), timeout)
            except TimeoutError:
                pass
        return self.seq, self.times

    async def pid(self) -> int:
        return os.getpid()
