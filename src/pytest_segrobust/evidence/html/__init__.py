"""report.html: one page that needs nothing else, for a screen, a phone and paper."""

from __future__ import annotations

from .page import render_html, write_html

__all__ = ["render_html", "write_html"]
