"""Compile every kernel into numba's cache, once at set-up: some 30 s, and an import of well under a second afterwards.

numba looks only at a kernel's own file to see whether its cache is stale. Who changes a file that others' kernels call
into (``sketches``, ``window_memory``) removes ``analytics/__pycache__`` first.
"""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "dedup",
    "sketches",
    "keys",
    "windows",
    "anomaly.kernel",
    "trend.segments",
    "drift",
    "correlation",
    "models.trees",
)


def warm() -> None:
    """Load all kernels; compiles those that are not cached."""
    for name in MODULES:
        import_module(f"analytics.{name}")


if __name__ == "__main__":
    warm()
