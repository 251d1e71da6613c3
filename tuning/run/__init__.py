"""One run from table to stored model, and the report of what it found."""
