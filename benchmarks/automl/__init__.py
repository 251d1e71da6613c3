"""AutoML beside its peers."""
