"""YAML with the line of every field, so that a problem can say where it is."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml

from bot.settings.problems import SettingsProblem, SettingsWrong

Field = tuple[str | int, ...]

LARGEST: Final = 1024 * 1024  # bytes; nobody writes more by hand, and YAML is slow
MOST_FIELDS: Final = 50_000  # counted with every alias followed: a few lines of them can stand for billions
DEEPEST: Final = 50


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is a fault and not a silent overwrite."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError, LookupError, AttributeError, TypeError):
            # PyYAML lets the errors of int, float and datetime through as they are.
            shown = str(node.value)[:40]
            problem = f"{shown!r} can't be read as {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        written = [key_node for key_node, _ in node.value if key_node.tag != "tag:yaml.org,2002:merge"]
        for key_node in written:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_positions(path: Path) -> tuple[dict[str, Any], dict[Field, int]]:
    """The file's mapping and the line (from 1) of each field. Raises SettingsWrong when it can't be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _wrong(
            path, 0, "there is no such file; name one with --config, or copy examples/demo/pilothouse.yaml"
        ) from None
    except (OSError, ValueError) as error:
        raise _wrong(path, 0, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > LARGEST:
        raise _wrong(path, 0, f"is larger than {LARGEST // 1024} KiB; this is no settings file")
    return _parse(path, _decoded(path, raw))


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _wrong(path, line, f"is no UTF-8 text: byte {raw[error.start]:#04x} can't be read") from None


def _parse(path: Path, text: str) -> tuple[dict[str, Any], dict[Field, int]]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[Field, int] = {}
        if node:
            _collect(node, (), lines)
        value = loader.construct_document(node) if node else {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _wrong(path, line, f"is not valid YAML: {error.problem or error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise _wrong(path, 0, f"is not valid YAML: {reason}") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _wrong(path, 1, "has to be a mapping of settings at its top level")
    return value, lines


def _collect(node: yaml.Node, field: Field, lines: dict[Field, int]) -> None:
    lines.setdefault(field, node.start_mark.line + 1)
    if len(lines) > MOST_FIELDS or len(field) > DEEPEST:
        problem = "its aliases repeat themselves, or stand for more than any settings file holds"
        raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*field, str(key.value))
            lines[inner] = key.start_mark.line + 1
            _collect(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, (*field, index), lines)


def line_of(field: Field, lines: dict[Field, int]) -> int:
    """The line of `field`, or of the nearest field around it that the file has."""
    while field and field not in lines:
        field = field[:-1]
    return lines.get(field, 1)


def _wrong(path: Path, line: int, message: str) -> SettingsWrong:
    return SettingsWrong([SettingsProblem(str(path), line, "", message)])
