"""``hindcast import``: large files as tables, part by part, and on from where it was broken off."""

from hindcast.cli.importing.command import import_

__all__ = ["import_"]
