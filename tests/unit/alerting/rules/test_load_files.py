"""What lies among rule files and is none, and files made to exhaust their reader."""

import os
import socket
from pathlib import Path

import pytest

from alerting.rules import load
from alerting.rules.load import load_rule_files, parse_rules


def told(path: Path) -> str:
    """The one problem of this path."""
    (problem,) = load_rule_files([str(path)]).problems
    return str(problem).removeprefix(f"{path}:1:1: ")


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "folder.yml").mkdir()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.yml")
        assert told(tmp_path / "pipe.yml") == "cannot be read: it is a named pipe; name a rule file"
        assert told(tmp_path / "folder.yml") == "cannot be read: it is a directory; name a rule file"
        assert told(tmp_path / "socket.yml").startswith("cannot be read: ")
        assert told(Path("/dev/zero")) == "cannot be read: it is a device; name a rule file"
        assert len(load_rule_files([f"{tmp_path}/*.yml"]).problems) == 3


def test_a_link_in_a_circle_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "a.yml")
    assert told(tmp_path / "a.yml") == "cannot be read: Too many levels of symbolic links"


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large.yml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert told(tmp_path / "large.yml") == "cannot be read: it is larger than 16 MiB; split it"
    assert load.LARGEST == 16 * 1024**2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_a_file_is_encoded(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "r.yml").write_text("groups: [{name: ü}]", encoding=encoding)
    (group,) = load_rule_files([str(tmp_path / "r.yml")]).groups
    assert group.name == "ü"


def test_only_the_first_document_is_read_and_that_is_said() -> None:
    loaded = parse_rules("r.yml", "groups: [{name: a}]\n---\ngroups: [{name: b}]\n")
    assert [group.name for group in loaded.groups] == ["a"]
    assert loaded.warnings == ("r.yml: only the first of its YAML documents is read",)


def test_merged_mappings_cannot_multiply_without_end() -> None:
    levels = "\n".join(f"  - &l{n} {{<<: [*l{n - 1}, *l{n - 1}]}}" for n in range(1, 40))
    loaded = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n  - &l0 {{alert: A, expr: up}}\n{levels}\n")
    assert any("excessive aliasing" in problem.message for problem in loaded.problems)


def test_aliases_cannot_make_a_million_rules_of_a_short_file() -> None:
    rules = ", ".join(["*r"] * 1000)
    groups = "\n".join(f"- {{name: g{n}, rules: *rules}}" for n in range(1000))
    text = f"groups:\n- name: g\n  rules: &rules [&r {{alert: A}}, {rules}]\n{groups}\n"
    loaded = parse_rules("r.yml", text)
    assert any("more than 50000 rules in one file" in problem.message for problem in loaded.problems)


def test_rules_alike_are_told_as_promtool_lints_them() -> None:
    text = """groups:
- name: g
  rules:
  - {alert: A, expr: a, labels: {x: y}}
  - {alert: A, expr: b}
- name: h
  labels: {x: y}
  rules:
  - {alert: A, expr: c, labels: {z: ''}}
"""
    (warning,) = parse_rules("r.yml", text).warnings
    assert warning.startswith('r.yml: group "h", rule 1, "A": duplicate of rule 1 of group "g"')


def test_the_name_of_a_rule_may_come_from_a_merged_mapping() -> None:
    text = "groups:\n- name: g\n  rules:\n  - &a {alert: A, expr: up}\n  - {<<: *a, expr: 'sum('}\n"
    (problem,) = parse_rules("r.yml", text).problems
    assert str(problem).startswith('r.yml:5:20: group "g", rule 2, "A": could not parse')
