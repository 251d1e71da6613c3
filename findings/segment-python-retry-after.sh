#!/usr/bin/env bash
# segment-analytics-python 2.4.0: what becomes of a refused batch depends on the header Retry-After, not on the status.
#
# One would expect 429 (rate limit) to differ from 503 (server away). Seen: a 503 *with* Retry-After is treated like a 429: the
# events go back to the end of the queue, behind newer ones, and are cut into other batches. A 503 *without* it sends the same
# batch again. So a server must know events by messageId alone, never by batch, and order them by their own time.
#
# Source: segment/analytics/consumer.py, Consumer.request ("Any retryable status with valid Retry-After > 0: block pipeline,
# re-queue") and Consumer._requeue, segment-analytics-python 2.4.0.
#
# Output seen:
#   503 with Retry-After: [0, 1, 2, 3] refused, then [4, 5, 0, 1], [2, 3]
#   503 without it:       [0, 1, 2, 3] refused, then [0, 1, 2, 3], [4, 5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check segment-analytics-python==2.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import sys
import threading

from segment.analytics.client import Client


def batches(retry_after):
    """Numbers of the events of each request; the first is answered 503."""
    seen = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append([message["properties"]["n"] for message in body["batch"]])
            self.send_response(503 if len(seen) == 1 else 200)
            if len(seen) == 1 and retry_after:
                self.send_header("retry-after", retry_after)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client("key", host=f"http://127.0.0.1:{server.server_port}", upload_size=4, upload_interval=1.0)
    for n in range(6):
        client.track("user", "event", {"n": n})
    client.flush()
    client.shutdown()
    server.shutdown()
    return seen


with_header, without = batches("1"), batches(None)
print(f"503 with Retry-After: {with_header[0]} refused, then {', '.join(map(str, with_header[1:]))}")
print(f"503 without it:       {without[0]} refused, then {', '.join(map(str, without[1:]))}")
first = [0, 1, 2, 3]
behaves = with_header[0] == without[0] == first and with_header[1] != first and without[1] == first
sys.exit(0 if behaves and sorted(sum(with_header[1:], [])) == list(range(6)) else "the behaviour has changed")
PYTHON
