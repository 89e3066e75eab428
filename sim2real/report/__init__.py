"""The report: one self-contained page with markdown, CSV and JSON beside it, made of results alone."""

from .figures.svg import Panel
from .figures.table import FIGURES, Figure
from .page import ReportPaths, make_page, write_report

__all__ = ["FIGURES", "Figure", "Panel", "ReportPaths", "make_page", "write_report"]
