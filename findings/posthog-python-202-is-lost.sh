#!/usr/bin/env bash
# posthog 7.91.1 (Python): an answer of 202 or 207 counts as a failure. The batch is sent again, as often as after a broken
# connection, and then handed to `on_error` as lost, though the server took it each time.
#
# A server that answers "accepted" or "some rows were refused" with these codes gets every event `max_retries` + 1 times.
#
# Source: posthog/request.py, `_process_response`: only `status_code == 200` is success; posthog/consumer.py, `_send`: every
# APIError is tried again but 4xx other than 408 and 429.
#
# Output seen: 200: sent 1 time, lost 0; 202: sent 3 times, lost 1; 207: sent 3 times, lost 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check posthog==7.91.1
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from posthog import Posthog

logging.disable(logging.CRITICAL)


def tried(status):
    sent, lost = [], []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    client = Posthog("key", host=host, max_retries=2, on_error=lambda error, batch: lost.append(error))
    client.capture("e", distinct_id="u")
    client.shutdown()
    server.shutdown()
    return len(sent), len(lost)


found = {status: tried(status) for status in (200, 202, 207)}
print("; ".join(f"{status}: sent {sent} times, lost {lost}" for status, (sent, lost) in found.items()))
sys.exit(0 if found == {200: (1, 0), 202: (3, 1), 207: (3, 1)} else "the behaviour has changed")
PYTHON
