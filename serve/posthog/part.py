"""The part ``posthog``: its SDKs may send here. It writes to ``user_interactions``, and has no cells of its own."""

from __future__ import annotations

from actors.parts import ASKS_ITSELF, Part

PART = Part("posthog", routes="serve.routes.posthog:router", scope=ASKS_ITSELF)
