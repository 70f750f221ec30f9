"""Parallel-beam projections of slices and their filtered back-projection.

Views have equal steps of slope rather than of angle (linograms, Edholm and Herman 1987): half of them within 45° of
either image axis. Along a ray of slope m a row at height Y is met at t + mY, so that a projection is a sum of shifted
rows, and the shifts of all rows to all slopes are a chirp transform in the frequency of t (Bluestein 1970). Nothing is
interpolated between pixels but by sinc, the cost is that of Fourier transforms, and rectangular pixels need no resampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch

Sinograms = tuple["torch.Tensor", "torch.Tensor"]

FEWEST_VIEWS = 16  # of each half
BLOCK = 2**22  # complex numbers in the work on one group of slices: 32 MiB of single precision


@dataclass(frozen=True, eq=False)
class Scanner:
    """The geometry of slices of one shape: `views` are rays along the first image axis, and rays along the second.

    `pitch` is a detector's width at the image, mm: the larger side of a pixel, beyond which an image has no detail.
    `group` is how many slices are worked on at once.
    """

    pitch: float
    views: tuple[Views, Views]
    group: int

    def project(self, slices: torch.Tensor) -> Sinograms:
        """Line integrals (..., views, detectors) of slices (..., height, width), times mm, for either half of the views."""
        return self.views[0].project(slices), self.views[1].project(slices.transpose(-1, -2))

    def back_project(self, sinograms: Sinograms) -> torch.Tensor:
        """The slices (..., height, width) that have these line integrals: Ram-Lak filter, nothing finer than the pitch."""
        along_rows, along_columns = (
            views.back_project(sinogram) for views, sinogram in zip(self.views, sinograms, strict=True)
        )
        return along_rows + along_columns.transpose(-1, -2)

    def effect(self, slices: torch.Tensor, change: Callable[[int, Views, torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """What a change of the sinograms does to slices (C, slices, height, width).

        `change(first, views, sinogram)` gives the change of a sinogram (C, group, views, detectors) whose first slice has
        the number `first`. The image itself is never re-projected, so it keeps its sharpness.
        """
        import torch

        effects = []
        for first in range(0, slices.shape[1], self.group):
            halves = zip(self.views, self.project(slices[:, first : first + self.group]), strict=True)
            along_rows, along_columns = (change(first, views, sinogram) for views, sinogram in halves)
            effects.append(self.back_project((along_rows, along_columns)))
        return torch.cat(effects, 1)


@dataclass(frozen=True, eq=False)
class Views:
    """Views whose rays run within 45° of the axis `along`, at `slopes` (V, 1); the image lies `along` by `across`.

    `offsets` (V, P) is the signed distance of each ray from the image's middle, mm. `density` (V, 1) is the share of a
    ray of 1 mm width, in one of 1000 even views of half a turn, that one ray here stands for: what it counts of their photons.
    """

    number: int
    spacing: tuple[float, float]  # along, across
    width: int
    margin: int
    slopes: torch.Tensor
    cosines: torch.Tensor
    offsets: torch.Tensor
    density: torch.Tensor
    ramp: torch.Tensor
    to_views: Chirp
    to_rows: Chirp

    @property
    def shape(self) -> tuple[int, int]:
        """How many views, and how many detectors."""
        return self.offsets.shape[0], self.offsets.shape[1]

    def project(self, slices: torch.Tensor) -> torch.Tensor:
        """Line integrals (..., V, P) of slices (..., along, across)."""
        import torch

        detectors = self.shape[1]
        padded = torch.nn.functional.pad(slices, (self.margin, detectors - self.width - self.margin))
        spectrum = self.to_views(torch.fft.rfft(padded).transpose(-1, -2))
        sheared: torch.Tensor = torch.fft.irfft(spectrum.transpose(-1, -2), n=detectors)
        return sheared * (self.spacing[0] / self.cosines)

    def back_project(self, sinogram: torch.Tensor) -> torch.Tensor:
        """This half's part (..., along, across) of the slices that have the line integrals (..., V, P)."""
        import torch

        detectors = self.shape[1]
        length = 2 * (self.ramp.shape[1] - 1)
        filtered = torch.fft.irfft(torch.fft.rfft(sinogram * self.cosines, n=length) * self.ramp, n=length)
        spectrum = self.to_rows(torch.fft.rfft(filtered[..., :detectors]).transpose(-1, -2))
        rows: torch.Tensor = torch.fft.irfft(spectrum.transpose(-1, -2), n=detectors)
        return rows[..., self.margin : self.margin + self.width]


@dataclass(frozen=True, eq=False)
class Chirp:
    """Sums over j of x_j exp(i a_k j y) for every y and frequency k; j and y are counted from their middles.

    2jy = j² + y² - (y - j)² makes of it a convolution: `before` (K, J), `kernel` (K, L), transformed, and `after` (K, Y).
    """

    before: torch.Tensor
    kernel: torch.Tensor
    after: torch.Tensor

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """The sums (..., K, Y) of values (..., K, J)."""
        import torch

        spectrum = torch.fft.fft(values * self.before, n=self.kernel.shape[1]) * self.kernel
        sums: torch.Tensor = torch.fft.ifft(spectrum)[..., : self.after.shape[1]] * self.after
        return sums


@lru_cache(maxsize=8)
def scanner(shape: tuple[int, int], spacing: tuple[float, float], dtype: torch.dtype, device: torch.device) -> Scanner:
    """The scanner for slices of a shape and in-plane spacing (mm).

    Neighbouring views are at most a pixel apart anywhere on the circle that the image's longer side is a diameter of.
    """
    pitch = max(spacing)
    count = max(FEWEST_VIEWS, math.ceil(max(n * d for n, d in zip(shape, spacing, strict=True)) / pitch))
    views = tuple(
        _views(number, shape=s, spacing=d, pitch=pitch, count=count, like=(dtype, device))
        for number, (s, d) in enumerate(((shape, spacing), (shape[::-1], spacing[::-1])))
    )
    work = max(v.to_views.kernel.numel() for v in views)
    return Scanner(pitch, (views[0], views[1]), max(1, BLOCK // work))


def _views(
    number: int,
    *,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    pitch: float,
    count: int,
    like: tuple[torch.dtype, torch.device],
) -> Views:
    import numpy as np
    import torch

    (height, width), (along, across) = shape, spacing
    detectors = _fast_length(width + math.ceil(height * along / across) + 2)
    margin = (detectors - width) // 2
    step = 2 / count
    slopes = ((np.arange(count) - (count - 1) / 2) * step)[:, None]
    cosines = 1 / np.sqrt(1 + slopes**2)
    places = (np.arange(detectors) - margin - (width - 1) / 2) * across
    length = _fast_length(2 * detectors)
    kernel = _ramp_kernel(across * _middle(length), cosines / (2 * pitch)) * across * step
    angles = 2 * np.pi * np.fft.rfftfreq(detectors, across) * step * along
    angles[-1] = np.nan  # the highest frequency has no sign, hence no shift: it is left out

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values)).to(like[1], like[0])

    return Views(
        number=number,
        spacing=spacing,
        width=width,
        margin=margin,
        slopes=tensor(slopes),
        cosines=tensor(cosines),
        offsets=tensor(places * cosines),
        density=tensor((across * cosines) * (step * cosines**2) * (1000 / np.pi)),
        ramp=tensor(np.fft.rfft(kernel).real),
        to_views=_chirp(angles, height, count, like),
        to_rows=_chirp(-angles, count, height, like),
    )


def _ramp_kernel(places: np.ndarray, cutoffs: np.ndarray) -> np.ndarray:
    """The ramp |k| up to a cutoff as a function of place, so that no period of it overlaps the next."""
    import numpy as np

    kernel: np.ndarray = cutoffs**2 * (2 * np.sinc(2 * cutoffs * places) - np.sinc(cutoffs * places) ** 2)
    return kernel


def _chirp(angles: np.ndarray, given: int, wanted: int, like: tuple[torch.dtype, torch.device]) -> Chirp:
    import numpy as np
    import torch

    def phases(places: np.ndarray, sign: int) -> np.ndarray:
        result: np.ndarray = np.nan_to_num(np.exp(sign * 0.5j * angles[:, None] * places**2))
        return result

    length = _fast_length(given + wanted - 1)
    numbers = np.arange(length)
    distances = np.where(numbers < wanted, numbers, numbers - length) + (given - wanted) / 2
    complex_dtype = torch.complex128 if like[0] == torch.float64 else torch.complex64

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values).to(like[1], complex_dtype)

    return Chirp(
        before=tensor(phases(np.arange(given) - (given - 1) / 2, 1)),
        kernel=tensor(np.fft.fft(phases(distances, -1))),
        after=tensor(phases(np.arange(wanted) - (wanted - 1) / 2, 1)),
    )


def _middle(length: int) -> np.ndarray:
    """0, 1, ... -2, -1: places of a periodic signal as numbers around 0."""
    import numpy as np

    return np.fft.fftfreq(length, 1 / length)


def _fast_length(least: int) -> int:
    """The next even number that has no prime factor above 5, for which Fourier transforms are fast."""
    length = least + least % 2
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2
