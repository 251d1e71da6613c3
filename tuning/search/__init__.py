"""Which candidates are tried, in which order, and what each of them scored."""
