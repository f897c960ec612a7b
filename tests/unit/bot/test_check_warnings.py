"""`pilothouse check` may run where the secrets are not: what is not set is a warning there."""

import socket
from pathlib import Path

import pytest

from bot.inputs.cli import main
from bot.settings import load_settings
from bot.settings.warnings import find_warnings

FILE = """
environments: {production: {}}
strategies:
  switch: {kind: blue-green, gates: [{name: smoke, kind: hook, url: "http://ci/check", secret_env: SMOKE_SECRET}]}
services:
  shop:
    local: {artifact: "releases/{version}", command: ["true", "{port}"]}
    backup: {postgres: {url_env: SHOP_DATABASE}}
    environments: {production: {port: 9480, strategy: switch}}
triggers:
  ci: {kind: generic, secret_env: CI_SECRET, service: shop, environment: production}
"""
UNSET = {
    "strategies.switch.gates.0.secret_env: SMOKE_SECRET is not set in the environment",
    "services.shop.backup: SHOP_DATABASE is not set in the environment",
    "triggers.ci.secret_env: the environment has no CI_SECRET",
}
PREVIEW = "services.shop.environments.production.strategy: nobody can look at the preview"


def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    path = folder / "pilothouse.yaml"
    path.write_text(FILE)
    code = main(["check", "--config", str(path)])
    said = capsys.readouterr()
    return code, said.err.splitlines(), said.out


def test_what_is_not_set_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, warnings, out = checked(tmp_path, capsys)
    assert code == 0
    assert "pilothouse.yaml is right." in out
    assert all(line.startswith("Warning: ") for line in warnings)
    for told in (*UNSET, PREVIEW):
        assert sum(told in line for line in warnings) == 1, warnings
    assert len(warnings) == 4


def test_what_is_set_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_SECRET", "s" * 16)
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://shop@localhost/shop")
    monkeypatch.setenv("CI_SECRET", "c" * 16)
    _, warnings, _ = checked(tmp_path, capsys)
    assert [PREVIEW in line for line in warnings] == [True]


def test_a_port_that_another_program_has_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = tmp_path / "pilothouse.yaml"
        path.write_text(FILE.replace("9480", str(port)))
        assert main(["check", "--config", str(path)]) == 0
    [told] = [line for line in capsys.readouterr().err.splitlines() if f"port {port} is taken" in line]
    assert "services.shop.environments.production.port: " in told
    assert told.endswith("end that program, or choose another port.")


ABSENT = """
environments: {{production: {{}}}}
strategies: {{all: {{kind: rolling}}}}
services:
  shop:
    local: {{artifact: "releases/{{version}}", command: {command}}}
    backup: {backup}
    environments: {{production: {{port: 9480, strategy: all}}}}
"""
SERVED = '["true", "{port}"]'
COPIED = '{command: {take: ["true", "{file}"], restore: ["true", "{file}"]}}'


@pytest.mark.parametrize(
    ("command", "backup", "told"),
    [
        (SERVED, COPIED, ""),
        ('[sh, -c, "exec serve $PORT"]', COPIED, ""),
        ('["{artifact}", "{port}"]', COPIED, ""),
        ("[bin/serve, '{port}']", COPIED, ""),
        ('["true"]', COPIED, "services.shop.local.command: does not hold {port}"),
        ('[/nosuch/binary, "{port}"]', COPIED, "services.shop.local.command: there is no program '/nosuch/binary'"),
        (
            SERVED,
            '{command: {take: [nosuch-dump, "{file}"], restore: ["true", "{file}"]}}',
            "services.shop.backup.command.take: there is no program 'nosuch-dump' on this machine",
        ),
        (SERVED, "{sqlite: {path: shop.sqlite}}", "services.shop.backup.sqlite.path: there is no file 'shop.sqlite'"),
        (SERVED, "{sqlite: {path: pilothouse.yaml}}", ""),
    ],
)
def test_what_is_not_on_this_machine_is_warned_of(tmp_path: Path, command: str, backup: str, told: str) -> None:
    path = tmp_path / "pilothouse.yaml"
    path.write_text(ABSENT.format(command=command, backup=backup))
    warnings = [str(one) for one in find_warnings(load_settings(path))]
    assert [told in one for one in warnings] == ([True] if told else []), warnings
