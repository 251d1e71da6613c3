"""Hindcast: from one event log to live dashboards, alerts, forecasts and served models."""
