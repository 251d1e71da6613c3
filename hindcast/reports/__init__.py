"""Reports: the executive summary or a dashboard as one file, with the figures of the page, as of any moment."""

from hindcast.reports.generator import Report, ReportGenerator

__all__ = ["Report", "ReportGenerator"]
