"""Point-in-time tables: what was known of each key at a moment of its own, for those who learn from the past."""
