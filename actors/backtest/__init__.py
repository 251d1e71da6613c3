"""Backtests: the folds that run live, over the log's history, with other rules or settings. Nobody is told of anything."""
