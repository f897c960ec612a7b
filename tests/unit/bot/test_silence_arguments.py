"""The words of the command line, up to what the server is asked."""

import argparse

import pytest

from bot.inputs import silence_commands
from bot.inputs.silence_arguments import add_silence_commands
from bot.inputs.silence_commands import Server, Wanted


@pytest.mark.parametrize(
    ("line", "called"),
    [
        (
            "silence add Down env=a --comment x --author ada",
            ("add", Wanted(["Down", "env=a"], "x", "ada"), {"as_json": False}),
        ),
        (
            "silence add Down -c x -a ada -d 2h --start s --end e --json",
            ("add", Wanted(["Down"], "x", "ada", "2h", "s", "e"), {"as_json": True}),
        ),
        ("silence list", ("show", [], {"expired": False, "as_json": False})),
        ("silence list Down --expired --json", ("show", ["Down"], {"expired": True, "as_json": True})),
        ("silence expire a b", ("expire", ["a", "b"], {"as_json": False})),
        ("alerts", ("alerts", [], {"as_json": False})),
        ("alerts Down env=a --json", ("alerts", ["Down", "env=a"], {"as_json": True})),
    ],
)
def test_words(line: str, called: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    for name in ("add", "show", "expire", "alerts"):

        async def record(server: Server, what: object, name: str = name, **more: object) -> int:
            assert server == Server("http://here", "t")
            seen.append((name, what, more))
            return 7

        monkeypatch.setattr(silence_commands, name, record)
    parser = argparse.ArgumentParser()
    add_silence_commands(parser.add_subparsers(required=True), lambda: "t")
    options = parser.parse_args([*line.split(), "--url", "http://here"])
    assert options.run(options) == 7
    assert seen == [called]


def test_nothing_is_said_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_silence_commands(parser.add_subparsers(required=True), lambda: "")
    with pytest.raises(SystemExit):
        parser.parse_args(["silence", "add", "Down"])
    assert "--comment" in capsys.readouterr().err
