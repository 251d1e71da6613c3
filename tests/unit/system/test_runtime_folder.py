"""Sockets: from a data directory at any depth, in a folder that is the user's alone, whatever others put in its place."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from events import runtime_folder
from events.doorbell import Doorbell
from events.errors import Rejected
from hindcast import runtime

HAPROXY_BYTES = 97
"""Longest path that HAProxy 2.8 binds a socket to."""
NODE_ID = "f" * 56
"""Serve puts HAProxy's files of each node into a folder named so."""


def deep(folder: Path, length: int) -> Path:
    """A directory whose path has ``length`` characters, in ``folder``."""
    while len(str(folder)) < length - 200:
        folder /= "d" * 100
    left = length - len(str(folder)) - 1
    found = folder / ("d" * left) if left > 0 else folder
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture
def shallow() -> Iterator[Path]:
    """A folder with as short a path as there can be."""
    names = (Path(f"/tmp/{a}{b}") for a in "abcdefghijklmnopqrstuvwxyz" for b in "0123456789")
    folder = next(name for name in names if not name.exists())
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


def bound(path: str | Path) -> None:
    """Bind a socket to ``path``, as HAProxy or Ray would."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.bind(str(path))


@pytest.mark.parametrize("length", [*range(10, 201), 300, 900])
def test_sockets_fit_from_a_data_directory_at_any_depth(shallow: Path, length: int) -> None:
    data = deep(shallow, length)
    assert len(str(data)) == max(length, len(str(shallow)))
    told = runtime.environment(data, runtime.Ports(8000))
    for name in ("SOCKET_PATH", "METRICS_SOCKET_PATH", "LOG_TARGET"):
        folder, _, file = told[f"RAY_SERVE_HAPROXY_{name}"].rpartition("/")
        path = f"{folder}/{NODE_ID}/{file}"
        assert len(path) <= HAPROXY_BYTES
        bound(path)
    bound(runtime.sockets_of_ray(data)["plasma_store_socket_name"])
    bound(runtime.sockets_of_ray(data)["raylet_socket_name"])
    bell = Doorbell(data)
    assert bell.wait(lambda _: True, 0)
    bell.close()
    runtime.forget_sockets(data)


def test_no_socket_is_below_the_data_directory(shallow: Path) -> None:
    """It may be on a file system that has none."""
    told = runtime.environment(shallow, runtime.Ports(8000)) | runtime.sockets_of_ray(shallow)
    assert not [name for name, path in told.items() if "SOCKET" in name.upper() and path.startswith(f"{shallow}/")]
    runtime.forget_sockets(shallow)


def test_the_folder_is_for_its_user_only(tmp_path: Path) -> None:
    for folder in (
        runtime_folder.of_data(tmp_path),
        runtime_folder.of_data(tmp_path).parent,
        runtime_folder.of_bells(),
    ):
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.stat().st_uid == os.geteuid()


def test_two_names_of_a_directory_share_a_folder_and_two_directories_do_not(tmp_path: Path) -> None:
    one, other, name = tmp_path / "one", tmp_path / "other", tmp_path / "name"
    one.mkdir()
    other.mkdir()
    name.symlink_to(one)
    assert runtime_folder.of_data(name) == runtime_folder.of_data(one)
    assert runtime_folder.of_data(other) != runtime_folder.of_data(one)
    moved = one.rename(tmp_path / "moved")
    assert runtime_folder.of_data(moved) == runtime_folder.of_data(name.parent / "moved")


@pytest.fixture
def places(shallow: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The places that are looked at, below a folder of the test's."""
    found = [shallow / "1", shallow / "2"]
    monkeypatch.setattr(runtime_folder, "_places", lambda: iter(found))
    return found


@pytest.mark.parametrize("taken", ["link", "file", "open", "foreign", "replaceable", "long", "spaced"])
def test_a_place_that_others_may_enter_or_took_is_passed_by(
    places: list[Path], taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = places
    match taken:
        case "link":
            (first.parent / "target").mkdir(mode=0o700)
            first.symlink_to(first.parent / "target")
        case "file":
            first.touch()
        case "open":
            first.mkdir()
            first.chmod(0o755)
        case "foreign":
            if os.geteuid() != 0:
                pytest.skip("only root can give a folder away")
            first.mkdir(mode=0o700)
            os.chown(first, 12345, -1)
        case "replaceable":
            around = first.parent / "everybody"
            around.mkdir()
            around.chmod(0o777)
            places[0] = around / "1"
        case "long":
            places[0] = first.parent / ("d" * 40)
        case _:
            places[0] = first.parent / "my own"
    assert runtime_folder.of_user() == second
    monkeypatch.setattr(runtime_folder, "_places", lambda: iter(places[:1]))
    with pytest.raises(Rejected, match=r"runtime folder: no place for private sockets: .*; mend one of them"):
        runtime_folder.of_user()


def test_a_sticky_folder_around_it_is_no_danger(places: list[Path]) -> None:
    around = places[0].parent / "everybody"
    around.mkdir()
    around.chmod(0o1777)
    places[0] = around / "1"
    assert runtime_folder.of_user() == around / "1"
