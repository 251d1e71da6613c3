"""Analyzers: folds from streams to derived streams, over the kernels of ``analytics``."""
