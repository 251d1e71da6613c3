"""Folds, the cells that run them, the Ray hosts that run cells, and the edges to the world."""
