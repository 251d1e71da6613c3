"""Models as events: which versions there are, which of them answer, how they were found, and how they fare."""
