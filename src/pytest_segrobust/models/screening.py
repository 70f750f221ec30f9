"""Archives that torch would run code from, looked through before torch opens them.

`torch.export.load` unpickles without `weights_only`, loads shared libraries, evaluates shape expressions and compiles
names into source code; TorchScript may call operators that write files. What is not on the lists here is refused.
The archives are read by torch's own reader, so that nothing can look different to torch than it did here.
"""

from __future__ import annotations

import functools
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENTRIES = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/model\.json|extra/.*"
    r"|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)|data/sample_inputs/model\.pt"
)
OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|torchvision|quantized_decomposed)\.\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.(cond|map_impl|while_loop|scan|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_|not_|getitem|index)"
    r"|math\.(ceil|floor|trunc|sqrt)|torch\.sym_\w+|torch\._sym_\w+"
)
FILE_OPERATORS = re.compile(r"\b(save|from_file|load|_load|_save)\b")
PLAIN = re.compile(r"[\w.:+\- ]*")  # nothing that could call, assign or end a line
SHAPE_TEXT = """
    Symbol Integer Rational Float Add Mul Pow Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv ModularIndexing Where
    CeilToInt FloorToInt LShift RShift PowByNatural FloatPow FloatTrueDiv IntTrueDiv TruncToFloat TruncToInt RoundToInt
    RoundDecimal ToFloat Identity IsNonOverlappingAndDenseIndicator Eq Ne Lt Le Gt Ge Equality Unequality StrictLessThan
    StrictGreaterThan LessThan GreaterThan And Or Not floor ceiling sqrt oo int_oo True False true false positive
    nonnegative integer real nonzero evaluate precision and or not max min abs
"""
SHAPE_WORDS = frozenset(SHAPE_TEXT.split())
GUARDED_SIZE = re.compile(r"L(\['\w+'\]|\[\d+\])+\.((size|stride)\(\)\[\d+\]|storage_offset\(\))")
SHAPE_TOKEN = re.compile(r"\s+|\d+(\.\d+)?|'[A-Za-z_]\w*'|[A-Za-z_]\w*|[-+*/%(),<>=!&|~]")
SCRIPT_OPERATORS = frozenset(("aten", "prim", "prims", "quantized", "torchvision", "mkldnn", "mkldnn_prepacked"))
SCRIPT_DANGERS = re.compile(r"\b(save|from_file|__setstate__)\b|\bclasses\s*\.\s*(?!quantized\b)\w+")


def screen_torchscript(path: Path) -> None:
    """Raise ModelError if opening the program would run code of its own (`__setstate__`) or it names file operators."""
    for name, content in _records(path):
        if name.lower().startswith("code/") and name.lower().endswith(".py"):
            found = SCRIPT_DANGERS.search(content().decode("utf-8", "replace"))
            if found:
                raise _refusal(path, found[0])


def screen_script_graph(path: Path, network: torch.jit.ScriptModule) -> None:
    """Raise ModelError if the opened program's forward would call anything but tensor operators."""
    graphs: list[Any] = [network.inlined_graph]
    for graph in graphs:  # grows as it goes; kept whole, for a graph's nodes die with it
        for node in graph.nodes():
            library, _, operator = node.kind().partition("::")
            if library not in SCRIPT_OPERATORS or FILE_OPERATORS.search(operator):
                raise _refusal(path, node.kind())
            graphs += node.blocks()
            graphs += [node.g(name) for name in node.attributeNames() if node.kindOf(name) == "g"]


def screen_exported_program(path: Path) -> None:
    """Raise ModelError if `torch.export.load` of the file could run anything but tensor operators.

    Files of torch < 2.8 have another layout, which is refused with that reason.
    """
    with zipfile.ZipFile(path) as archive:
        if "serialized_exported_program.json" in archive.namelist():
            raise ModelError(f"{path} was exported by torch < 2.8: export it again, with torch.export.save")
    for name, content in _records(path):
        if ENTRIES.fullmatch(name) is None:
            raise _refusal(path, name)
        if name.endswith("_config.json"):
            _screen_payload(path, json.loads(content()))
        elif name.endswith(".json"):
            _screen_graph(path, json.loads(content()))
        elif name.endswith(".pt"):
            _screen_pickle(path, name, content())


def _records(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names and contents of the archive; a name that occurs twice is refused."""
    try:
        reader = torch._C.PyTorchFileReader(str(path))  # noqa: SLF001 - the reader that torch.jit and torch.export use
        names = reader.get_all_records()
    except RuntimeError as error:
        raise ModelError(f"{path} is cut off or damaged ({first_line(error)}): copy it again") from error
    if len({name.lower() for name in names}) != len(names):  # the reader ignores case
        raise _refusal(path, "an archive with doubled names")
    for name in names:
        yield name, functools.partial(reader.get_record, name)


def _screen_payload(path: Path, config: Any) -> None:
    for entry in _dictionaries(config):
        if entry.get("use_pickle"):
            raise _refusal(path, "pickled weights")
        name = entry.get("path_name")
        if name is not None and re.fullmatch(r"(weight|tensor)_\d+", str(name)) is None:
            raise _refusal(path, str(name)[:60])


def _screen_pickle(path: Path, inner: str, content: bytes) -> None:
    if not content:
        return
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise _refusal(path, f"objects in {inner}") from error


def _screen_graph(path: Path, graph: Any) -> None:
    """Refuse every string that is not plain: torch writes names into source code, which it then runs."""
    for key, text in _texts("", graph):
        if not _is_harmless(key, text):
            raise _refusal(path, f"{key} {text[:60]!r}".strip())


def _is_harmless(key: str, text: str) -> bool:
    if key in ("target", "as_operator"):
        return OPERATORS.fullmatch(text) is not None and FILE_OPERATORS.search(text) is None
    if key == "expr_str":
        return _is_plain_shape(text)
    if key == "guards_code":  # conditions on the sizes of the input, run as Python at every call
        return _is_plain_shape(GUARDED_SIZE.sub("1", text))
    if key in ("in_spec", "out_spec"):
        return "__enum__" not in text
    if key in ("as_string", "as_strings"):  # torch quotes these
        return True
    return PLAIN.fullmatch(text) is not None


def _is_plain_shape(text: str) -> bool:
    """Whether an expression holds numbers, symbols and arithmetic alone: sympy evaluates it as Python."""
    position = 0
    while position < len(text):
        token = SHAPE_TOKEN.match(text, position)
        if token is None:
            return False
        word = token[0]
        is_word = word[0].isalpha() or word[0] == "_"
        if is_word and word not in SHAPE_WORDS and re.fullmatch(r"[suz]+\d+", word) is None:
            return False
        position = token.end()
    return True


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary of a JSON document."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _dictionaries(inner)


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every string of a JSON document with the key it stands under, keys too, but not what describes a node."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(key, inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield "name", name
            if name != "metadata" or not _is_description(inner):
                yield from _texts(name, inner)


def _is_description(metadata: Any) -> bool:
    """Whether this is a node's metadata, which torch keeps as text and never runs."""
    return isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())


def _refusal(path: Path, what: str) -> ModelError:
    return ModelError(f"refused: {path} could run code when opened ({what}): hand over weights with network instead")
