"""Definitions: what users declare (metrics, anomaly watches, alert rules, channels, dashboards), each by kind and name.

``kinds`` lists the kinds, one module each has the schema; ``checking`` is the one validator; ``ledger`` is the fold of
``control`` that says which definitions hold; ``changes`` says what would change; ``fingerprints`` tells states apart.
"""
