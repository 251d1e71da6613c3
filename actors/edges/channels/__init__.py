"""Notification channels: the edges that tell people. Each promises at least once; the key makes repeats harmless."""
