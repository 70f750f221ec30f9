"""Monte Carlo dropout (Gal and Ghahramani 2016): dropout switched on, and nothing else that training would change.

Layers are switched on by their own `training`; a functional dropout in `forward`, which reads the `training` of a module
that may hold norms too, is switched on call by call. Each image of a batch draws as if it were alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.overrides import TorchFunctionMode

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_segrobust.models.draws import Streams

SHARES: tuple[tuple[type[nn.Module], str], ...] = (
    (_DropoutNd, "p"),
    (nn.MultiheadAttention, "dropout"),
    (nn.RNNBase, "dropout"),
)
"""Modules that drop out and hold no norm, with what they call the share."""

SCRIPTED = frozenset(kind.__name__ for kind in _DropoutNd.__subclasses__())
CALLS = frozenset(
    getattr(room, name)
    for room, names in (
        (F, "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"),
        (torch, "dropout feature_dropout alpha_dropout feature_alpha_dropout"),
        (torch, "dropout_ feature_dropout_ alpha_dropout_ feature_alpha_dropout_"),
    )
    for name in names.split()
)
NAMES = ("input", "p", "training", "inplace")
DEFAULTS: dict[str, Any] = {"p": 0.5, "training": True, "inplace": False}


class Dropout:
    """The dropout of one network: its layers, and the functional calls that were met on the way."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = [module for module in network.modules() if _share(module) > 0]
        self.functional = 0
        self.unswitched = 0  # calls of a network without layers that drop out whatever it is told

    @property
    def found(self) -> bool:
        """Whether anything drops out; functional calls are known once a pass was made."""
        return bool(self.layers) or self.functional > 0 or self.unswitched > 0

    @contextmanager
    def on(self, streams: Streams | None) -> Iterator[None]:
        """Drop out, from the streams of the batch's images where there are any, else from torch's own generator."""
        calls = _Calls(streams)
        try:
            for layer in self.layers:
                layer.training = True
            with calls:
                yield
        finally:
            self.functional = max(self.functional, calls.switched)
            if not self.layers:  # what a layer calls is on because the layer was switched on
                self.unswitched = max(self.unswitched, calls.on)
            for layer in self.layers:
                layer.training = False

    def missing(self, path: str) -> ModelError:
        """The error for a network without any."""
        return ModelError(
            f'uncertainty = "mc_dropout", but {path} has no dropout with a share above 0: choose another [model] '
            "uncertainty, or hand over weights with network where a program was exported without its dropout"
        )


class _Calls(TorchFunctionMode):
    """Sees every dropout call of a forward pass, switches it on and gives each image its own draws."""

    def __init__(self, streams: Streams | None) -> None:
        super().__init__()
        self._streams = streams
        self.switched = 0
        self.on = 0

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in CALLS:
            return func(*args, **kwargs)
        given = dict(zip(NAMES, args, strict=False)) | {
            ("training" if k == "train" else k): v for k, v in kwargs.items()
        }
        if "training" not in given and "alpha" in func.__name__:  # these are off unless told otherwise
            return func(*args, **kwargs)
        given = DEFAULTS | given
        batch, share = given["input"], given["p"]
        if share == 0:
            return func(*args, **kwargs)
        if given["training"]:
            self.on += 1
        else:
            self.switched += 1
        in_place = given["inplace"] or func.__name__.endswith("_")

        def call(rows: torch.Tensor) -> Any:
            if isinstance(func, type(F.dropout)):
                return func(rows, p=share, training=True, inplace=given["inplace"])
            return func(rows, share, given["training"])

        given["training"] = True
        if self._streams is None or len(batch) % self._streams.count:
            return call(batch)  # unlike a batch of images: it moves torch's own generator, which is seen
        results = self._streams.each(call, batch)
        return batch if in_place else torch.cat(results)


def _share(module: nn.Module) -> float:
    """The share of what a module drops out, 0 where it is no such module."""
    for kind, name in SHARES:
        if isinstance(module, kind):
            return float(getattr(module, name))
    if getattr(module, "original_name", None) in SCRIPTED:
        return float(getattr(module, "p", 0.5))
    return 0.0
