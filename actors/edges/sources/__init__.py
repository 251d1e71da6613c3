"""Sources: edges that poll the world. What they return is recorded; nothing else in the system sees the world."""
