"""Edges: all that touches the world. Requests and polled sources come in here, and messages go out to people.

What an edge saw or did is committed as events by a fold. Nothing else in ``actors`` opens a connection or reads a gauge.
"""
