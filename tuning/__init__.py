"""AutoML: from a table and a time budget to a model that is honest about how good it is."""
