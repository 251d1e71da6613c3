"""The footprint of Ray: what its processes leave out, so that a laptop starts sooner and uses less memory and idle time.

Ray's own defaults are made for clusters that run thousands of tasks a second and are watched through Ray's dashboard.
Nothing in this project uses what is left out here, and every library stays importable for all other code.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ENVIRONMENT = {
    "RAY_event_stats": "false",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_metrics_report_interval_ms": "60000",
    "RAY_raylet_report_resources_period_milliseconds": "1000",
    "RAY_gcs_pull_resource_loads_period_milliseconds": "5000",
    "RAY_raylet_check_gc_period_milliseconds": "2000",
    "RAY_kill_idle_workers_interval_ms": "2000",
    "RAY_report_worker_backlog_interval_ms": "5000",
    "RAY_local_fs_monitor_interval_ms": "10000",
    "RAY_memory_monitor_refresh_ms": "1000",
    "RAY_io_context_event_loop_lag_collection_interval_ms": "0",
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    # What `runtime_env={"worker_process_setup_hook": ...}` comes to, without an agent that prepares an environment.
    "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": "hindcast.ray_footprint.slim_worker",
}
"""For every process of the cluster: slower clocks, and what a worker does first."""

UNUSED = {
    "pandas": "ray.serve._private.utils",  # encodes data frames in answers
    "cffi": "numba.core.typing.cffi_utils",  # foreign functions in kernels
    "scipy.linalg": "numba.np.arraymath",  # matrix products in kernels
}
"""Optional library -> the module that tries to import it and gets on without."""


@contextmanager
def few_processes(sockets: Mapping[str, str]) -> Generator[None]:
    """Let ``ray.init`` start no log monitor, no autoscaler's monitor, no process of a dashboard that is switched off, and
    make its ``sockets`` at these paths: it has no switches for them."""
    from ray._private import node, parameter

    ours = {"include_log_monitor": False, "no_monitor": True, **sockets}

    class Slim(parameter.RayParams):
        """Parameters of a node without monitors."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, **ours})

    def no_api_server(self: Any, **_: Any) -> None:
        self._webui_url = ""

    replaced: tuple[tuple[Any, str, Any], ...] = (
        (parameter, "RayParams", Slim),
        (node.Node, "start_api_server", no_api_server),
    )
    originals = [getattr(owner, name) for owner, name, _ in replaced]
    for owner, name, slim in replaced:
        setattr(owner, name, slim)
    try:
        yield
    finally:
        for (owner, name, _), original in zip(replaced, originals, strict=True):
            setattr(owner, name, original)


def slim() -> None:
    """Make this process lean. Ray calls it in each worker before it becomes an actor; commands call it first."""
    if not any(isinstance(finder, _Without) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Without())


def slim_worker() -> None:
    """``slim``, for a process that works with Arrow as long as it lives: Arrow looks for pandas once, and finds none.

    That is 40 MB of each process. Whoever imports pandas has it, and Arrow knows its types from then on.
    """
    slim()
    with without_pandas():
        import pyarrow as pa

        pa.array([0]).to_numpy()


@contextmanager
def without_pandas() -> Generator[None]:
    """Arrow loads pandas at its first conversion, to know its types should one come. Within this there is none."""
    hiding: Any = _NoPandas()
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)


class _NoPandas:
    """A finder for which there is no pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ImportError(name)


class _Without(MetaPathFinder):
    """Hides a library from the one module that imports it for nothing, and loads Serve's controller without its fallback."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        asking = UNUSED.get(name)
        if asking and _is_loading(asking):
            raise ModuleNotFoundError(f"{asking} does without {name}", name=name)
        if name == "ray.serve._private.controller":
            _start_no_fallback_proxy()
        return None


def _is_loading(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _start_no_fallback_proxy() -> None:
    """Serve keeps a second proxy for applications scaled to zero; ours never are, and HAProxy does not use it."""
    from ray.serve._private import proxy_state

    manager: Any = proxy_state.ProxyStateManager

    def none(self: Any, *_: Any) -> None: ...

    manager._start_fallback_proxy_if_needed = none
