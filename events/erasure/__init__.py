"""Erasing a person from a log and its archive: what names them goes, their rows stay under a pseudonym."""
