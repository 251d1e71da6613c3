"""Collectors: the folds at the system's door. What they commit is the record; everything else is derived from it."""
