"""From the models that were tried to the one that is served: admission, selection, stacking and refitting."""
