"""A receiver of webhooks on loopback: keeps what it was sent, and refuses when told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyE="


@dataclass(frozen=True)
class Delivery:
    """One request, as it came."""

    id: str
    timestamp: str
    signature: str
    body: str

    @property
    def signed(self) -> bool:
        """Whether the sender knows the secret, as the official library judges it."""
        headers = {"webhook-id": self.id, "webhook-timestamp": self.timestamp, "webhook-signature": self.signature}
        try:
            Webhook(SECRET).verify(self.body, headers)
        except WebhookVerificationError:
            return False
        return True

    @property
    def alert(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """Answers 200; the next ``refuse`` requests get ``refusal``, and are kept in ``refused``."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.refused: list[Delivery] = []
        self.refuse = 0
        self.refuse_only = ""
        """The rule whose messages are refused; empty: those of all rules."""
        self.refusal = 503
        self.retry_after = ""
        """Sent with a refusal, where it is not empty."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                said = (self.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
                self.send_response(status := receiver.take(Delivery(*said, body)))
                if status != 200 and receiver.retry_after:
                    self.send_header("retry-after", receiver.retry_after)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def take(self, delivery: Delivery) -> int:
        with self._lock:
            if self.refuse and self.refuse_only in ("", delivery.alert["rule"]):
                self.refuse -= 1
                self.refused.append(delivery)
                return self.refusal
            self.deliveries.append(delivery)
            return 200

    def about(self, rule: str) -> list[Delivery]:
        with self._lock:
            return [delivery for delivery in self.deliveries if delivery.alert["rule"] == rule]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
