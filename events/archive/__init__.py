"""The archive: cold entries of each stream as large Parquet files, one Delta table a stream, read together with the log."""
