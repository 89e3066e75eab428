"""The report: one self-contained page with markdown, CSV and JSON beside it, made of results alone."""

from .figures import FIGURES, Figure
from .page import ReportPaths, make_page, write_report
from .svg import Panel

__all__ = ["FIGURES", "Figure", "Panel", "ReportPaths", "make_page", "write_report"]
