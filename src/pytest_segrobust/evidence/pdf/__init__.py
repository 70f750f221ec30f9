"""The report as PDF/A-2b, typeset by typst: the content of the page, for paper and archives."""

from __future__ import annotations

from .document import render_pdf, write_pdf

__all__ = ["render_pdf", "write_pdf"]
