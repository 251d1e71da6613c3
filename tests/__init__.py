"""Tests. None of them joins, by accident, a Ray that another one has started."""

import os

os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
