"""Questions about what is in the log: its streams as tables of DuckDB, and their rows one after the other."""
