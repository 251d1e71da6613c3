"""Webhooks that others send to us: checked against a shared secret, then recorded as ``business_events``."""
