"""Dashboards: the state holders behind the page. Each folds raw streams and shows topics; none emits anything."""
