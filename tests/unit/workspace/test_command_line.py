"""``python -m bot.workspace``: its options, what it prints, and how it fails."""

import socket
from pathlib import Path

import pytest

from bot.workspace import Workspace
from bot.workspace.__main__ import announcement, main, parser, read_config
from bot.workspace.journal import Journal


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["workspace", *arguments])
    return main()


def test_options_become_a_configuration(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("people: [{name: ada}]\n")
    options = parser().parse_args(["--port", "8065", "--people", str(people), "--no-page", "--no-rates"])
    config = read_config(options, {"SLACK_BOT_TOKEN": "xoxb-mine"})
    assert (config.port, config.page, config.rates, config.host) == (8065, False, None, "127.0.0.1")
    assert [one.id for one in config.people] == ["U0ADA"]
    assert config.credentials.bot_token == "xoxb-mine"
    assert config.credentials.app_token.startswith("xapp-")


async def test_only_keys_that_were_drawn_are_printed(workspace: Workspace) -> None:
    said = announcement(workspace, {"SLACK_BOT_TOKEN": "given"})
    assert said.splitlines()[0] == f"# workspace at {workspace.url}"
    assert f"export SLACK_API_URL={workspace.api_url}" in said
    assert workspace.config.credentials.app_token in said
    assert workspace.config.credentials.bot_token not in said


def test_what_is_wrong_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("nonsense\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(monkeypatch, "--port", port) == 1
    for option in ("--manifest", "--people", "--journal"):
        assert run(monkeypatch, option, str(broken)) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert all(line.startswith("The workspace cannot start: ") for line in said)
    assert port in said[0]
    assert all(str(broken) in line for line in said[1:])


def test_a_second_workspace_with_the_same_journal_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "workspace.jsonl"
    with Journal(journal):
        assert run(monkeypatch, "--journal", str(journal)) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("The workspace cannot start: another workspace (process ")
    assert f"uses the journal {journal}. Stop it first, or choose another --journal." in said.err
