"""Explain this number: where a value, or an alert, comes from, as of any moment of the log."""
