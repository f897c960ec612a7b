"""Gates in pilothouse.yaml: what each kind takes, and what is told of the others."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from bot.settings.gate_checks import gate_faults
from bot.settings.gate_parts import GatePart
from bot.settings.gates import load_hook_secrets, unset_hook_secrets
from engine.strategy_specs import CompareSpec, GateSpec, HookSpec

ERRORS = 'sum(increase(http_requests_total{version="{version}",code=~"5.."}[{window}])) or vector(0)'
REQUESTS = 'sum(increase(http_requests_total{version="{version}"}[{window}]))'
P95 = 'histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket{version="{version}"}[{window}])))'
COMPARISON = {"name": "like stable", "kind": "comparison", "errors": ERRORS, "requests": REQUESTS}
QUERY = {"name": "errors", "kind": "query", "query": "sum(errors)", "below": "5%"}
HOOK = {"name": "smoke", "kind": "hook", "url": "https://checks.example/smoke"}


def written(tmp_path: Path, *gates: dict[str, Any]) -> Path:
    steps = [{"weight": 10, "dwell": "1m"}, {"weight": 100, "dwell": "1m"}]
    document = {
        "environments": {"production": {}},
        "strategies": {"careful": {"kind": "canary", "steps": steps, "gates": list(gates)}},
        "services": {
            "shop": {
                "local": {"artifact": "releases/{version}", "command": ["{artifact}"]},
                "environments": {"production": {"port": 9480, "strategy": "careful"}},
            }
        },
    }
    file = tmp_path / "pilothouse.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def gates_of(tmp_path: Path, *gates: dict[str, Any]) -> tuple[GateSpec, ...]:
    catalog = to_catalog(load_settings(written(tmp_path, *gates)))
    return next(iter(next(iter(catalog.services.values())).placements.values())).strategy.gates


def test_a_comparison_with_all_it_takes(tmp_path: Path) -> None:
    more = {"latency": P95, "minimum": 200, "alpha": "1%", "margin": "1%", "ceiling": "50%", "latency_ratio": 2}
    (gate,) = gates_of(tmp_path, {**COMPARISON, **more, "latency_ceiling": "800ms"})
    assert gate == GateSpec(
        name="like stable",
        kind="comparison",
        compare=CompareSpec(ERRORS, REQUESTS, P95, 200, 0.01, 0.01, 0.5, 2.0, timedelta(milliseconds=800)),
    )


def test_what_is_left_out_is_as_the_engine_has_it(tmp_path: Path) -> None:
    comparison, hook, approval = gates_of(tmp_path, COMPARISON, HOOK, {"name": "people", "kind": "approval"})
    assert comparison.compare == CompareSpec(ERRORS, REQUESTS)
    assert hook.hook == HookSpec("https://checks.example/smoke")
    assert approval == GateSpec(name="people", kind="approval")


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ({**COMPARISON, "errors": ""}, "gates.0: a comparison needs `errors`"),
        ({**COMPARISON, "requests": "sum(requests)"}, "gates.0.requests: has to hold {version}"),
        ({**COMPARISON, "errors": 'errors{v="{version}"}'}, "gates.0.errors: has to hold {window}"),
        ({**COMPARISON, "errors": f"{ERRORS})"}, "gates.0.errors: is no PromQL"),
        ({**COMPARISON, "latency": 'x{v="{version}"}[{window}]'}, "gates.0.latency: has to give one number"),
        ({**COMPARISON, "latency_ratio": 2}, "gates.0.latency_ratio: needs `latency`"),
        ({**COMPARISON, "latency": P95, "latency_ratio": 0.9}, "gates.0.latency_ratio: has to be at least 1"),
        ({**COMPARISON, "alpha": "60%"}, "gates.0.alpha: has to be at most 0.5"),
        ({**COMPARISON, "minimum": 0}, "gates.0.minimum: has to be at least 1"),
        ({**COMPARISON, "below": "5%"}, "gates.0.below: belongs to another kind of gate than 'comparison'"),
        ({**COMPARISON, "when": "after"}, "gates.0.when: belongs to a blue-green strategy"),
        ({**QUERY, "query": 'sum(errors{v="{nope}"})'}, "gates.0.query: {nope} stands for nothing here. Known: {env"),
        ({**QUERY, "samples": "sum(errors{v!~'{nope}'})"}, "gates.0.samples: {nope} stands for nothing here"),
        ({**QUERY, "query": "sum(errors{nope})"}, "gates.0.query: is no PromQL"),
        ({"name": "smoke", "kind": "hook"}, "gates.0: a hook needs `url`"),
        ({**HOOK, "url": "checks.example"}, "gates.0.url: has to be an address such as https://example.com"),
        ({**HOOK, "timeout": "31s"}, "gates.0.timeout: has to be above 0s and at most 30s"),
        ({**HOOK, "timeout": "0s"}, "gates.0.timeout: has to be above 0s"),
        ({**HOOK, "secret_env": "smoke secret"}, "gates.0.secret_env: has to be the name of a variable"),
        ({**HOOK, "minimum": 5}, "gates.0.minimum: belongs to another kind of gate than 'hook'"),
        ({"name": "h", "kind": "health", "url": "https://x.example"}, "gates.0.url: belongs to another kind of gate"),
    ],
)
def test_mistakes(tmp_path: Path, gate: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(written(tmp_path, gate))
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({}, "gates.0: a comparison needs requests, so in a blue-green strategy it needs `when: after`"),
        ({"when": "before"}, "gates.0: a comparison needs requests"),
        ({"when": "after"}, ""),
    ],
)
def test_a_comparison_comes_after_the_switch(when: dict[str, str], told: str) -> None:
    faults = gate_faults(("gates", 0), GatePart(**{**COMPARISON, **when}), "blue-green")
    assert [told in f"gates.0: {message}" for _, message in faults] == [True] * bool(told)


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(written(tmp_path, COMPARISON, {**HOOK, "secret_env": "SMOKE_SECRET"}))
    monkeypatch.setenv("SMOKE_SECRET", "whsec_c2VjcmV0")
    assert load_hook_secrets(settings) == {"SMOKE_SECRET": "whsec_c2VjcmV0"}
    monkeypatch.delenv("SMOKE_SECRET")
    [(_, told)] = unset_hook_secrets(settings)
    assert "gates.1.secret_env: SMOKE_SECRET is not set in the environment" in str(told)
