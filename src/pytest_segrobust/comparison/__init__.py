"""Two or more runs side by side: the same patients at the same points, requirement by requirement."""

from __future__ import annotations
