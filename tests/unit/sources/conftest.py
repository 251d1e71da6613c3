from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.answering import Answering


@pytest.fixture
def server() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()
