"""YAML with the line of every field, so that a problem can say where it is."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from bot.settings.problems import SettingsProblem, SettingsWrong

Field = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is a fault and not a silent overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _wrong(
            path, 0, "there is no such file; name one with --config, or copy examples/demo/pilothouse.yaml"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, 0, f"can't be read: {error}") from None
    return _parse(path, text)


def _parse(path: Path, text: str) -> tuple[dict[str, Any], dict[Field, int]]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _wrong(path, line, f"is not valid YAML: {error.problem or error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _wrong(path, 0, f"is not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise _wrong(path, 1, "has to be a mapping of settings at its top level")
    lines: dict[Field, int] = {}
    if node:
        _collect(node, (), lines)
    return value, lines


def _collect(node: yaml.Node, field: Field, lines: dict[Field, int]) -> None:
    lines.setdefault(field, node.start_mark.line + 1)
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
