"""The log and what is in it: envelope, streams, entries, the log port and its backends."""
