"""Datasets: tables to learn from, as somebody in Python has them."""

from hindcast.datasets.dataset import Dataset

__all__ = ["Dataset"]
