"""Definitions: what users declare (metrics, anomaly watches, alert rules, channels, dashboards, …), by kind and name.

``kinds`` lists the kinds, one module each has the schema; ``checking`` is the one validator; ``changes`` says what differs
between two specs; ``fingerprints`` tells states apart. Which definitions hold is said by ``actors.ledger``.
"""
