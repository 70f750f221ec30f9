"""What every reader of a sentence's tree needs: the place of an error, names, numbers in their unit."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import quantity
from pytest_segrobust.requirements.misreading import MisreadError, place
from pytest_segrobust.requirements.vocabulary import Vocabulary, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_segrobust.requirements.quantity import Quantity

Node = Any  # a lark Tree or Token; which of them stands where is the grammar's business


class Reader:
    """Walks the tree of one sentence; every error carries the place of the words that caused it."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.words = vocabulary

    @contextmanager
    def at(self, node: Node) -> Iterator[None]:
        """Errors inside are about the words of this node."""
        try:
            yield
        except MisreadError:
            raise  # the inner place is the narrower one
        except SpecError as error:
            start, end = _span(node)
            raise MisreadError(place(self.text, start, self.text[start:end], str(error))) from None

    def structure(self, node: Node) -> str:
        """A structure's name, plain or in quotation marks."""
        token = node.children[0]
        if token.type == "WORD":
            return str(token)
        with self.at(node):
            name = re.sub(r"\\(.)", r"\1", token[1:-1])
            if not name.strip() or not name.isprintable():
                raise SpecError("a structure's name holds letters that can be seen")
            return name

    def quantity(self, node: Node) -> Quantity:
        """A number and its unit."""
        with self.at(node):
            unit = self.words.units[fold(str(node.children[1]))] if len(node.children) > 1 else ""
            return quantity.read(str(node.children[0]), unit)


def is_tree(node: Node) -> bool:
    """Whether a node has parts; otherwise it is a word."""
    return hasattr(node, "children")


def in_unit(written: Quantity, unit: str, what: str, *, percent: bool, points: bool = False) -> float:
    """The quantity's value where `unit` is wanted; a missing or another unit is a mistake, never guessed."""
    allowed = {unit} | ({"%"} if percent else set()) | ({"points"} if points else set())
    if written.unit in allowed or (unit and not written.unit and not written.number):
        return written.value
    number = quantity.plain(float(written.number))
    if not written.unit:
        raise SpecError(f"{what} is in {unit}; write '{number} {unit}'")
    if unit:
        raise SpecError(f"{what} is in {unit}, not in {written.unit}; write '{number} {unit}' if that is meant")
    also = " or a percentage" if percent else ""
    raise SpecError(f"{what} has no unit, so not {written.unit}; write a number{also}")


def _span(node: Node) -> tuple[int, int]:
    if is_tree(node):
        return node.meta.start_pos, node.meta.end_pos
    return node.start_pos, node.end_pos
