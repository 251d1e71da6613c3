"""Predictions over HTTP: which version answers, and the replicas that hold the models."""
