"""The empty pipeline, measured before anything was built on it."""
