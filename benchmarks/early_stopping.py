"""How many patients a point needs where it may be left as soon as betting has decided it, and what that costs in power.

    OMP_NUM_THREADS=1 python benchmarks/early_stopping.py            # writes its table into docs/statistics.md
    OMP_NUM_THREADS=1 python benchmarks/early_stopping.py --quick    # prints it, few studies

Each study takes 200 patients in random order from a population of `verdicts.py` and looks after every batch of 4. "used" is
the share of patients that were measured before the point was left, "passed" how often it passed, "fixed" how often the
default interval, which needs all patients, passes. The limit is stated; one of them is the population's own mean, where at
most 5 % may pass.
"""

from __future__ import annotations

import argparse
import math
import zlib
from pathlib import Path

import numpy as np

from pytest_segrobust.verification.betting import log_money
from verdicts import RULE, Population, bounds, populations

PATIENTS, BATCH, STUDIES, ALPHA = 200, 4, 400, 0.05
PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- early stopping -->", "<!-- /early stopping -->"


def study(population: Population, limit: float, studies: int) -> tuple[float, float, float]:
    """Share of patients used, of studies passed when stopping early, and of studies passed by the default interval."""
    rng = np.random.default_rng(zlib.crc32(population.name.encode()))
    drops = population.draw(rng, (studies, PATIENTS))
    looks = np.arange(BATCH - 1, PATIENTS, BATCH)
    needed = -math.log(ALPHA)
    passed = log_money(drops, limit, 1.0, running=True)[:, looks] >= needed
    failed = log_money(-drops, -limit, 1.0, running=True)[:, looks] >= needed
    decided = passed | failed
    at = np.where(decided.any(axis=1), decided.argmax(axis=1), len(looks) - 1)
    used = (looks[at] + 1) / PATIENTS
    high = np.concatenate(
        [bounds(rows, seed=n)[RULE][1] for n, rows in enumerate(np.array_split(drops, max(1, studies // 250)))]
    )
    return float(used.mean()), float(passed[np.arange(studies), at].mean()), float((high < limit).mean())


def table(studies: int) -> str:
    """The table in Markdown."""
    lines = [
        "| drops | limit | patients used, of 200 | passed, stopping early | passed, all patients and the default interval |",
        "| --- | --- | --- | --- | --- |",
    ]
    for population in populations():
        for limit, words in ((population.mean, "its mean"), (0.05, "0.05"), (0.1, "0.10"), (0.2, "0.20")):
            if words != "its mean" and limit <= population.mean * 1.02:
                continue
            used, early, fixed = study(population, limit, studies)
            lines.append(
                f"| {population.name} | {words} | {PATIENTS * used:.0f} | {100 * early:.1f} | {100 * fixed:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    found = table(100 if quick else STUDIES)
    if quick:
        print(found)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
