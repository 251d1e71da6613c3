"""From a table to a matrix: read it, type its columns, find the target, copies and leaks, and split the rows."""
