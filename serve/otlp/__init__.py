"""OTLP over HTTP: logs, metrics and traces as OpenTelemetry's SDKs and collectors send them."""
