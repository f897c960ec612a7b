"""Whatever stands in the settings file: it is taken whole, or refused with SettingsWrong and nothing else."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog, to_people, to_policies, to_rotations
from engine.security.identity import Directory

DEMO = Path("examples/demo/pilothouse.yaml").read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(DEMO)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1h", "5%", "nan%", "system", "*", "person:ada", "T1/U1", "9" * 400 + "w", "~root", "\0"])
    | st.datetimes()
    | st.dates()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3))


def load(raw: bytes) -> None:
    """Load, and if it loads, build all that the start builds of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pilothouse.yaml"
        file.write_bytes(raw)
        try:
            read = load_settings(file)
        except SettingsWrong as wrong:
            told = [str(problem) for problem in wrong.problems]
            if told and all(line.startswith(str(file)) for line in told):
                return
            raise
        to_catalog(read)
        Directory(to_people(read.file))
        to_policies(read.file)
        to_rotations(read.file)


def places(node: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place, *(found for key, value in inner for found in places(value, (*place, key)))]


def put(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    head, *rest = place
    if isinstance(node, dict):
        return {**node, head: put(node[head], tuple(rest), value)}
    return [put(one, tuple(rest), value) if index == head else one for index, one in enumerate(node)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(DOCUMENT)), VALUES)
def test_any_value_in_any_place(place: tuple[Any, ...], value: Any) -> None:
    load(yaml.dump(put(DOCUMENT, place, value), allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(DEMO)), st.integers(0, 40), st.text(max_size=10))
@example(0, len(DEMO), "")
def test_any_slip_of_the_pen(start: int, length: int, typed: str) -> None:
    load((DEMO[:start] + typed + DEMO[start + length :]).encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    load(raw)
