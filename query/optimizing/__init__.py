"""Making queries fast without changing their answers: what one touches, what was answered already, and parts in parallel."""
