import io
import json
from pathlib import Path

import pytest

from bot.inputs import rule_commands

RULES = """groups:
- name: shop
  interval: 30s
  rules:
  - {record: 'job:up:sum', expr: sum(up), labels: {a: b}}
  - {alert: Down, expr: 'job:up:sum == 0', for: 5m, annotations: {summary: down}}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "rules.yml").write_text(RULES)
    return str(tmp_path / "rules.yml")


def test_check_counts_what_is_right(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert rule_commands.check([file], as_json=False) == 0
    assert capsys.readouterr() == ("Right. Rules: 2. Groups: 1.\n", "")
    assert rule_commands.check([file], as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"ok": True, "groups": 1, "rules": 2, "problems": [], "unmatched": [], "warnings": []}


def test_check_tells_every_problem_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]")
    bad = str(tmp_path / "bad.yml")
    assert rule_commands.check([bad, f"{tmp_path}/none*"], as_json=False) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f'{bad}:1:45: group "g", rule 1, "A": could not parse expression: unclosed left parenthesis\n'
        f"No file matches {tmp_path}/none*.\n"
    )
    assert rule_commands.check([bad], as_json=True) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem == {
        "file": bad, "line": 1, "column": 45, "group": "g", "rule": 1, "name": "A",
        "message": "could not parse expression: unclosed left parenthesis",
    }  # fmt: skip


def test_check_warns_of_what_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: a}, {alert: A, expr: b}]}]")
    assert rule_commands.check([str(tmp_path / "r.yml")], as_json=False) == 0
    assert "duplicate of rule 1" in capsys.readouterr().err


def test_check_reads_what_is_typed_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("groups: [{}]"))
    assert rule_commands.check(["-"], as_json=False) == 1
    assert capsys.readouterr().err == "standard input:1:10: Groupname must not be empty\n"


def test_list_shows_groups_and_rules(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert rule_commands.list_rules([file], as_json=False) == 0
    assert capsys.readouterr().out == (
        f"{file}: shop every 30s\n  record job:up:sum  sum(up)\n  alert  Down        job:up:sum == 0  for 5m\n"
    )
    assert rule_commands.list_rules([file], as_json=True) == 0
    (group,) = json.loads(capsys.readouterr().out)
    recorded, alert = group["rules"]
    assert recorded == {"type": "recording", "name": "job:up:sum", "expr": "sum(up)", "labels": {"a": "b"}}
    assert (alert["type"], alert["for"], alert["annotations"]) == ("alerting", "5m", {"summary": "down"})


def test_list_shows_nothing_of_broken_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rule_commands.list_rules([str(tmp_path / "none.yml")], as_json=True) == 1
    told = capsys.readouterr()
    assert (told.out, "No such file" in told.err) == ("", True)


@pytest.mark.parametrize("as_json", [True, False])
def test_unit_tests_fail_for_a_file_that_is_wrong(
    tmp_path: Path, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.yml").write_text("foo: bar")
    assert rule_commands.run_tests([str(tmp_path / "t.yml")], as_json) == 1
    told = capsys.readouterr()
    problem = f"{tmp_path}/t.yml:1:1: field foo not found in type main.unitTestFile"
    if as_json:
        assert json.loads(told.out) == [
            {"file": f"{tmp_path}/t.yml", "failures": [problem], "warnings": [], "ok": False}
        ]
    else:
        assert (told.out, told.err) == (f"Processing test file: {tmp_path}/t.yml\n", f"  FAILED:\n{problem}\n\n")


def test_unit_tests_without_a_test_pass_without_a_prometheus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.yml").write_text("tests: []")
    assert rule_commands.run_tests([str(tmp_path / "t.yml")], as_json=False, binary="none") == 0
    assert capsys.readouterr().out.endswith("  SUCCESS\n\n")


def test_unit_tests_say_what_is_missing_or_wrong_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.yml").write_text("tests: [{}]")
    assert rule_commands.run_tests([str(tmp_path / "t.yml")], as_json=False, binary="no-prometheus") == 1
    assert "install Prometheus, or name its binary with --prometheus-binary." in capsys.readouterr().err
    assert rule_commands.run_tests([str(tmp_path / "t.yml")], as_json=False, only=["("]) == 2
    assert "--run is no regular expression" in capsys.readouterr().err
