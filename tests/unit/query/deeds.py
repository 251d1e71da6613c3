"""Deeds for the tests of query processes: there they have to be imported."""

from __future__ import annotations

import os
import signal

import pyarrow as pa

from query.apart.desk import Desk


def whoami(_: Desk) -> int:
    return os.getpid()


def ends_by_itself(_: Desk) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def a_fault(_: Desk) -> None:
    raise ZeroDivisionError("ours")


def wide(desk: Desk) -> pa.Table:
    return pa.table({"n": pa.array(range(3_000_000), pa.int64())})
