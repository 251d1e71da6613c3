"""What PostHog's SDKs ask for before they send: their settings, and feature flags, of which there are none here."""

from __future__ import annotations

from typing import Any

import orjson

NO_FLAGS: dict[str, Any] = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
}
SETTINGS: dict[str, Any] = {
    "analytics": {"endpoint": "/i/v0/e/"},
    "supportedCompression": ["gzip", "gzip-js"],
    "elementsChainAsString": True,
    "hasFeatureFlags": False,
    "defaultIdentifiedOnly": True,
    "autocapture_opt_out": False,
    "sessionRecording": False,
    "heatmaps": False,
    "surveys": False,
    "captureDeadClicks": False,
    "capturePerformance": False,
    "autocaptureExceptions": False,
    "errorTracking": {"autocaptureExceptions": False},
    "toolbarParams": {},
    "isAuthenticated": False,
    "siteApps": [],
}
"""Where to send, and that nothing else is to be loaded: every part that would ask PostHog's own servers is off."""


def script(token: str) -> bytes:
    """The settings as the script that posthog-js loads."""
    said = orjson.dumps({token: {"config": {"token": token, **SETTINGS}, "siteApps": []}}).decode()
    name = "window._POSTHOG_REMOTE_CONFIG"
    return f"(function(){{{name}=Object.assign({name}||{{}},{said});}})();".encode()
