"""Suites for those who extend Hindcast: what every source, fold and log must keep to, and stories about folds.

They need pytest. ``docs/extending.md`` shows how a plug-in's tests use them; Hindcast's own tests run the same ones.
"""

from hindcast.testing.folds import cut, keeps_the_fold_laws
from hindcast.testing.sources import keeps_the_source_rules
from hindcast.testing.story import Story, given

__all__ = ["Story", "cut", "given", "keeps_the_fold_laws", "keeps_the_source_rules"]
