"""Compares the demo's verdicts with those it was made to show: `python expected.py report.json [pytest's exit code]`.

The demo ends with pytest's exit code 1, because requirements fail in it on purpose; this turns "as it was meant" into 0.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

EXPECTED = {
    "CT-001": "passed",
    "CT-002": "passed",
    "CT-003": "failed",
    "CT-004": "passed",
    "CT-005": "passed",
    "CT-006": "inconclusive",
    "CT-007": "failed",
    "CT-008": "passed",
    "CT-009": "passed",
    "CT-010": "passed",
    "CT-011": "passed",
    "CT-012": "passed",
    "CT-013": "passed",
    "CT-014": "inconclusive",
    "CT-015": "passed",
}


def differences(report: Path) -> list[str]:
    """One line for each requirement whose verdict is not the one that the demo was made to show."""
    entries = json.loads(report.read_text(encoding="utf-8"))["requirements"]
    verdicts = {entry["id"]: entry["verdict"] for entry in entries}
    return [
        f"{name}: {verdicts.get(name, 'absent')} instead of {EXPECTED.get(name, 'nothing')}"
        for name in sorted({*EXPECTED, *verdicts})
        if verdicts.get(name) != EXPECTED.get(name)
    ]


def main() -> int:
    """The command."""
    report = Path(sys.argv[1])
    code = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if code != 1 or not report.exists():
        print(f"the demo did not run: pytest ended with exit code {code}")
        return 1
    found = differences(report)
    for line in found:
        print(line)
    if not found:
        print("the demo ran as it was meant to: eleven requirements pass, two fail, two are inconclusive")
        print(f"look at {report.with_name('report.html')}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
