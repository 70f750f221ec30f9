"""Points that hypothesis proposes: the odd values that nobody plans."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from .space import STEPS, Discrete, Position, Space

BITS = 10  # 0..1023: the 23 numbers beyond the grid stand for its ends, their neighbours, and the middle
ODD = (0, STEPS, 1, STEPS - 1, STEPS // 2)


def drawn(space: Space, count: int, *, seed: int) -> list[Position]:
    """Up to `count` different positions that hypothesis generates; the same for the same seed, wherever it is called.

    Grid numbers are put together from booleans: hypothesis draws one integer in twenty from constants that it finds in
    the user's own modules, so that the points of one seed would depend on which test files were loaded.
    """
    if count <= 0 or not space.free:
        return []
    import hypothesis

    if not hypothesis.currently_in_test_context():
        return _drawn(space, count, seed)
    with ThreadPoolExecutor(1) as outside:  # hypothesis refuses a search within a search; a thread of its own is none
        return outside.submit(_drawn, space, count, seed).result()


def _drawn(space: Space, count: int, seed: int) -> list[Position]:
    import hypothesis
    from hypothesis import strategies as st

    number = st.tuples(*[st.booleans()] * BITS).map(lambda bits: sum(1 << i for i, bit in enumerate(bits) if bit))
    found: dict[Position, None] = {}

    def note(numbers: tuple[int, ...]) -> None:  # never raises: the verdict is made afterwards, from all evidence
        if len(found) < count:
            found[_placed(space, numbers)] = None

    # All that a user's profile, or the one that hypothesis takes in CI, could change.
    settings = hypothesis.settings(
        max_examples=4 * count,  # small spaces repeat themselves
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        derandomize=False,
        backend="hypothesis",
    )
    settings(hypothesis.seed(seed)(hypothesis.given(st.tuples(*[number] * len(space.free)))(note)))()
    return list(found)


def _placed(space: Space, numbers: tuple[int, ...]) -> Position:
    place = dict(zip(space.free, numbers, strict=True))
    position: list[float] = []
    for i, axis in enumerate(space.axes):
        n = place.get(i, 0)
        if isinstance(axis, Discrete):
            position.append(float(n % len(axis.words)))
        else:
            position.append(float(n if n <= STEPS else ODD[n % len(ODD)]))
    return tuple(position)
