"""The Dockerfile keeps its promises: nothing unpinned, no root, one process that can be asked and ended."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.inputs.cli import _parser

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bot", "engine", "alerting", "storage")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of a Dockerfile, its continuations joined."""

    word: str
    rest: str
    stage: int


def read_dockerfile() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    found: list[Instruction] = []
    stage = 0
    for line in lines:
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Instruction(word, " ".join(rest.split()), stage))
    return found


DOCKERFILE = read_dockerfile()
LAST = max(one.stage for one in DOCKERFILE)


def last(word: str) -> list[str]:
    """What the last stage says with `word`."""
    return [one.rest for one in DOCKERFILE if one.stage == LAST and one.word == word]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in last("ENV") for pair in line.split())


def test_stands_on_one_pinned_base() -> None:
    arguments = dict(one.rest.split("=", 1) for one in DOCKERFILE if one.word == "ARG")
    bases = [one.rest.split()[0] for one in DOCKERFILE if one.word == "FROM"]
    assert bases == ["${PYTHON_IMAGE}"] * LAST
    assert LAST == 2
    _, _, tag = arguments["PYTHON_IMAGE"].rpartition(":")
    assert re.fullmatch(r"3\.11(\.\d+)?-slim-\w+", tag), "the lock files are resolved for Python 3.11"


def test_installs_nothing_without_its_hash() -> None:
    installs = [part for one in DOCKERFILE if one.word == "RUN" for part in one.rest.split("&&") if " install " in part]
    pip = [part for part in installs if "/pip " in part]
    assert len(pip) == 3
    for part in pip:
        assert "--require-hashes --no-deps -r " in part or "--no-index --no-deps /dist/" in part, part


def test_ends_with_the_runtime_alone() -> None:
    assert last("COPY") == ["--from=build /opt/pilothouse /opt/pilothouse"]
    assert not any("pip" in line for line in last("RUN"))


def test_is_nobody_special_and_owns_its_data_only() -> None:
    assert last("USER") == ["10001:10001"]
    assert last("VOLUME") == ["/var/lib/pilothouse"]
    assert "install -d -o 10001 -g 10001 -m 0700 /var/lib/pilothouse" in last("RUN")[0]
    assert not re.search(r"\b(sudo|setuid|chmod 777)\b", " ".join(last("RUN")))


def test_listens_and_writes_where_it_says() -> None:
    told = environment()
    assert told["PILOTHOUSE_DATA"] == last("VOLUME")[0]
    assert told["PILOTHOUSE_HOST"] == "0.0.0.0"
    assert [told["PILOTHOUSE_PORT"]] == last("EXPOSE")


def test_holds_no_secret() -> None:
    assert not [name for name in environment() if re.search("TOKEN|SECRET|PASSWORD|KEY|URL", name)]
    assert not [one for one in DOCKERFILE if one.word == "ARG" and not one.rest.startswith("PYTHON_IMAGE=")]


def test_starts_a_command_that_exists_and_ends_by_sigterm() -> None:
    entry, command = json.loads(last("ENTRYPOINT")[0]), json.loads(last("CMD")[0])
    assert entry == ["pilothouse"]
    options = _parser().parse_args(command)
    assert options.config == Path("/etc/pilothouse/pilothouse.yaml")
    assert last("STOPSIGNAL") == ["SIGTERM"]


def test_check_asks_healthz_with_python_alone() -> None:
    check = last("HEALTHCHECK")[0]
    words = json.loads(check[check.index("[") :])
    assert words[:2] == ["python", "-c"]
    assert "/healthz" in words[2]
    modules = {name.name.partition(".")[0] for node in ast.walk(ast.parse(words[2])) for name in _imported(node)}
    assert modules == {"os", "urllib"}


def _imported(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import) else []


def test_context_holds_what_is_copied_and_no_more() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [one.rest.split()[:-1] for one in DOCKERFILE if one.word == "COPY" and one.stage < LAST]
    assert {name for names in copies for name in names} == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_wheel_is_built_by_what_the_developers_use() -> None:
    built, used = _pins("deploy/requirements-build.lock"), _pins("requirements-dev.lock")
    assert "hatchling" in built
    assert {name: used.get(name, version) for name, version in built.items()} == built


def _pins(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / path).read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_pages_and_migrations_too(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.partition("/")[0] in PACKAGES}
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == ours
    assert {"bot/workspace/page/style.css", "storage/migrations/env.py"} <= inside


def test_wheel_brings_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (one for one in archive.namelist() if one.endswith("entry_points.txt"))
    assert "pilothouse = bot.inputs.cli:main" in archive.read(name).decode()
