"""PostHog's dialect of ingest: what its SDKs send, as rows of ``user_interactions``, and what they ask for first."""
