"""Archives that torch would run code from, looked through before torch opens them.

`torch.export.load` unpickles without `weights_only`, loads shared libraries, evaluates shape expressions and compiles
names into source code; TorchScript may call operators that write files. What is not on the lists here is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    nonnegative integer real nonzero evaluate precision and or not
"""
SHAPE_WORDS = frozenset(SHAPE_TEXT.split())
GUARDED_SIZE = re.compile(r"L(\['\w+'\]|\[\d+\])+\.((size|stride)\(\)\[\d+\]|storage_offset\(\))")
SHAPE_TOKEN = re.compile(r"\s+|\d+(\.\d+)?|'[A-Za-z_]\w*'|[A-Za-z_]\w*|[-+*/%(),<>=!&|~]")
SCRIPT_NAMESPACE = re.compile(r"\bops\.(\w+)\.")
SCRIPT_CLASSES = re.compile(r"\btorch\.classes\.(\w+)|__torch__\.torch\.classes\.(\w+)")
SCRIPT_OPERATORS = frozenset(("aten", "prim", "prims", "quantized", "torchvision", "mkldnn", "mkldnn_prepacked"))


def screen_torchscript(path: Path) -> None:
    """Raise ModelError if the program may touch files or calls operators of libraries that are not known."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not re.search(r"(^|/)code/.*\.py$", name):
                continue
            code = archive.read(name).decode("utf-8", "replace")
            found = re.search(r"\b(?:torch|ops\.aten)\.(save|from_file|load)\b", code)
            if found:
                raise _refusal(path, found[0])
            for library in SCRIPT_NAMESPACE.findall(code):
                if library not in SCRIPT_OPERATORS:
                    raise _refusal(path, f"ops.{library}")
            for pair in SCRIPT_CLASSES.findall(code):
                if "quantized" not in pair:
                    raise _refusal(path, f"torch.classes.{pair[0] or pair[1]}")


def screen_exported_program(path: Path) -> None:
    """Raise ModelError if `torch.export.load` of the file could run anything but tensor operators.

    Files of torch < 2.8 have another layout, which is refused with that reason.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "serialized_exported_program.json" in names:
            raise ModelError(f"{path} was exported by torch < 2.8: export it again, with torch.export.save")
        if len(set(names)) != len(names) or archive.comment:  # two readers could see two different archives
            raise _refusal(path, "an archive with doubled names")
        roots = {name.partition("/")[0] for name in names}
        if len(roots) != 1:
            raise _refusal(path, "an archive of several folders")
        for name in names:
            inner = name.partition("/")[2]
            if ENTRIES.fullmatch(inner) is None:
                raise _refusal(path, inner)
            if inner.endswith("_config.json"):
                _screen_payload(path, json.loads(archive.read(name)))
            elif inner.endswith(".json"):
                _screen_graph(path, json.loads(archive.read(name)))
            elif inner.endswith(".pt"):
                _screen_pickle(path, inner, archive.read(name))


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
    for entry in _dictionaries(graph):
        for key, value in entry.items():
            if PLAIN.fullmatch(key) is None:
                raise _refusal(path, f"the name {key[:60]!r}")
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and not _is_harmless(key, text):
                    raise _refusal(path, f"{key} {text[:60]!r}")


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
    """Every dictionary of a JSON document, but for what is said about nodes for people to read."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key != "metadata" or not _is_readable_text(inner):
                yield from _dictionaries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _dictionaries(inner)


def _is_readable_text(metadata: Any) -> bool:
    return isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())


def _refusal(path: Path, what: str) -> ModelError:
    return ModelError(f"refused: {path} could run code when opened ({what}): hand over weights with network instead")
