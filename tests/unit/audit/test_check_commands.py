"""`pilothouse check` and `pilothouse rules check` as whoever broke a file meets them: exit code and place."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from bot.house.app import running
from bot.inputs.cli import main
from bot.settings import SettingsWrong, load_settings
from tests.fakes.scene import EXAMPLE

RULE: Final = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n"


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(words)
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("groups: [", "rules.yaml:2:1: yaml:"),
        ("groups:\n\t- name: g\n", "rules.yaml:2:1: yaml:"),
        ("- a\n", "rules.yaml:1:1: cannot unmarshal"),
        ("groups: &a\n- *a\n", "rules.yaml:1:9: cannot unmarshal"),
        (RULE.replace("expr: up", "expr: 'sum(up'"), 'rules.yaml:5:11: group "g", rule 1, "A": could not parse'),
        (RULE.replace("expr", "exprs"), "field exprs not found"),
        (RULE + "    for: 5x\n", 'rules.yaml:6:10: group "g", rule 1, "A": not a valid duration string: "5x"'),
        (RULE + "    annotations: {a: '{{ nope }}'}\n", 'function "nope" not defined'),
    ],
)
def test_a_broken_rule_file_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    (tmp_path / "rules.yaml").write_text(text)
    code, said = check(capsys, "rules", "check", str(tmp_path / "rules.yaml"))
    assert code == 1
    assert told in said
    assert re.search(r"rules\.yaml:\d+:\d+: ", said)


def test_a_rule_file_that_is_not_there_or_no_text_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise.yaml").write_bytes(b"\xff\xfe\x00")
    for name, told in (("gone.yaml", "No such file"), ("noise.yaml", "invalid UTF-8"), (".", "it is a directory")):
        code, said = check(capsys, "rules", "check", str(tmp_path / name))
        assert (code, told in said) == (1, True), said


def test_every_broken_file_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("groups: 5\n")
    code, said = check(capsys, "rules", "check", str(tmp_path / "*.yaml"))
    assert code == 1
    assert "one.yaml:1:9:" in said
    assert "two.yaml:1:9:" in said


def test_check_reads_the_rule_files_that_the_settings_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "demo")
    settings = tmp_path / "demo" / "pilothouse.yaml"
    assert check(capsys, "check", "--config", str(settings)) == (0, f"{READ}{settings} is right. {COUNTED}")
    rules = next((tmp_path / "demo" / "rules").glob("*.yaml"))
    rules.write_text("groups: 5\n")
    code, said = check(capsys, "check", "--config", str(settings))
    assert code == 1
    assert f"{rules.name}:1:9:" in said
    assert "is right" not in said


@pytest.mark.parametrize("more", [[], ["rules.yaml"]])
def test_rules_check_fails_where_a_pattern_matches_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(RULE)
    code = main(["rules", "check", f"{tmp_path}/moved/*.yaml", *(f"{tmp_path}/{name}" for name in more)])
    said = capsys.readouterr()
    assert (code, said.out, said.err) == (1, "", f"No file matches {tmp_path}/moved/*.yaml.\n")


def test_check_warns_where_a_pattern_matches_no_file(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(demo, "rules: [rules/*.yaml]", "rules: [rules/*.yaml, moved/*.yaml]")
    assert main(["check", "--config", str(demo)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{READ}{demo} is right. {COUNTED}"
    assert said.err == f"Warning: no file matches {demo.parent}/moved/*.yaml.\n"


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("rule: ShopErrrors", "gates.2.rule: there is no rule 'ShopErrrors'. Did you mean 'ShopErrors'?"),
        ("rule: '{service}Errors!'", "gates.2.rule: there is no rule '{service}Errors!'."),
        ("rule: ShopErrors", ""),
        ("rule: '{service}Errors'", ""),
        ("unit: ''", ""),
    ],
)
def test_the_rule_of_a_gate_is_looked_for_in_the_rule_files(
    demo: Path, capsys: pytest.CaptureFixture[str], gate: str, told: str
) -> None:
    change(demo, "{name: healthy, kind: health}", f"{{name: alerts, kind: rule, {gate}}}")
    code, said = check(capsys, "check", "--config", str(demo))
    assert (code, told in said) == (1 if told else 0, True), said
    if told:
        assert said.startswith(f"{demo}:43: strategies.careful.")


def test_a_rule_gate_without_any_rule(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(demo, "{name: healthy, kind: health}", "{name: alerts, kind: rule}")
    change(demo, "rules: [rules/*.yaml]", "rules: []")
    code, said = check(capsys, "check", "--config", str(demo))
    told = f"{demo}:43: strategies.careful.gates.2: there is no alert rule to ask; add rule files in `rules`\n"
    assert (code, said) == (1, told)


async def test_serve_does_not_start_with_a_gate_on_a_rule_that_is_not_there(demo: Path) -> None:
    change(demo, "{name: healthy, kind: health}", "{name: alerts, kind: rule, rule: Nope}")
    with pytest.raises(SettingsWrong, match=r"gates\.2\.rule: there is no rule 'Nope'"):
        async with running(load_settings(demo)):
            raise AssertionError


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The settings file of a copy of the demo."""
    shutil.copytree(EXAMPLE, tmp_path / "demo")
    return tmp_path / "demo" / "pilothouse.yaml"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


READ: Final = "Right. Rules: 5. Groups: 1.\n"
COUNTED: Final = "Services: 1. People: 3.\n"
