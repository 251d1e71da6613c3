"""Features of subjects at moments: one kernel for history and for live state, so that both give the same to the last bit."""
