"""`pilothouse routes` answers in amtool's words."""

import json
from pathlib import Path

import pytest

from bot.inputs import routing_commands as commands

TEXT = """route:
  receiver: all
  group_by: [alertname]
  routes:
  - matchers: [severity="page"]
    receiver: pager
    continue: true
  - matchers: [team=shop]
    receiver: shop
receivers: [{name: all}, {name: pager}, {name: shop, email_configs: [{to: a@b}]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(TEXT)
    return path


def ask(file: Path, *labels: str, as_json: bool = False, tree: bool = False, verify: str = "") -> int:
    return commands.test_routes(file, labels, as_json=as_json, tree=tree, verify=verify)


def test_the_receivers_are_named_in_order(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(file, "severity=page", "team=shop", verify="pager,shop") == 0
    seen = capsys.readouterr()
    assert seen.out == "pager,shop\n"
    assert "email_configs have no counterpart" in seen.err


def test_other_receivers_than_expected_fail(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(file, "team=shop", verify="pager") == 1
    assert capsys.readouterr().out == "shop\nWARNING: Expected receivers did not match resolved receivers.\n"


def test_the_way_is_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(file, "team=shop", tree=True) == 0
    tree = 'Matching routes:\n.\n└── default-route\n    └── {team="shop"}  receiver: shop\n\n\nshop\n'
    assert capsys.readouterr().out == tree
    assert ask(file, "team=shop", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "receivers": [{"receiver": "shop", "route": '{}/{team="shop"}', "group": '{}/{team="shop"}:{}'}]
    }


@pytest.mark.parametrize(
    ("label", "told"), [("team", "Failed to parse labels"), ("team!=a", "Labels must be specified as key=value pairs")]
)
def test_labels_must_be_pairs(label: str, told: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(file, label) == 1
    assert told in capsys.readouterr().err


def test_the_whole_tree_is_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.show_routes(file) == 0
    assert capsys.readouterr().out.startswith("Routing tree:\n.\n└── default-route  receiver: all\n")
    assert commands.show_routes(file, as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [child["matchers"] for child in shown["routes"]] == [['severity="page"'], ['team="shop"']]
    assert shown["routes"][0]["continue"] is True


def test_a_wrong_file_is_refused_by_all(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("route: {receiver: x}")
    assert ask(file) == 1
    assert commands.show_routes(file) == 1
    assert commands.import_routes(file) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count('undefined receiver "x"') == 3
    assert ask(file.with_name("gone.yml")) == commands.import_routes(file.with_name("gone.yml")) == 1
    assert capsys.readouterr().err.count("cannot be read") == 2


def test_an_import_prints_or_writes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.import_routes(file) == 1
    seen = capsys.readouterr()
    assert "email_configs" in seen.out
    assert "alertmanager.yml:10:70: receivers[2].email_configs[0]: email_configs have no counterpart" in seen.err
    assert "--channel NAME" in seen.err
    target = file.with_name("new.yml")
    assert commands.import_routes(file, output=target, channel="ops") == 1
    assert capsys.readouterr().out == ""
    assert "channel: ops" in target.read_text()
    assert commands.import_routes(target, as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["lost"] == []
    assert "channel: ops" in report["config"]
    pager = file.with_name("pager.yml")
    pager.write_text("route: {receiver: p}\nreceivers: [{name: p, pagerduty_configs: [{service_key: x}]}]\n")
    assert commands.import_routes(pager, channel="ops") == 1
    assert "Nobody is paged: " in (told := capsys.readouterr().err)
    assert 'receiver "p" paged by pagerduty_configs: nobody is paged until its chat_configs name a policy' in told
    assert commands.import_routes(target, output=file.parent / "no" / "such") == 1
    assert "cannot be written" in capsys.readouterr().err
