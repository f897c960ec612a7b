"""Who may approve, when nothing is deployed, and how much at once: as the settings file says it, and says it wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from engine.catalog import ApprovalGroup, Catalog, Environment, EnvironmentName
from engine.permits.windows import DAY, DatedWindow, WeeklyWindow

GOOD = """\
people:
  ada: {name: Ada, slack: T1/U1, roles: {"*": approver}}
  ben: {name: Ben, slack: T1/U2, roles: {"*": deployer}}
groups: {release: [ada]}
deployments: {max_concurrent: 3}
environments:
  production:
    approvals: 1
    approval_group: release
    max_concurrent: 2
    known_bad: block
    incident_freeze: false
    rollback_lock: 4h
    freezes:
      - {name: weekend, from: fri 16:00, to: mon 08:00, timezone: Europe/Paris}
      - {name: holidays, from: 2026-12-20, to: 2027-01-04 12:00, timezone: Europe/Paris}
      - {name: once, from: 2026-03-01T10:00:00Z, to: "2026-03-01T12:00:00+00:00"}
  staging: {}
"""
PRODUCTION = EnvironmentName("production")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.setenv(name, "xoxb-1" if name == "SLACK_BOT_TOKEN" else "xapp-1" if "APP" in name else "secret")


def read(room: Path, text: str = GOOD) -> Catalog:
    path = room / "pilothouse.yaml"
    path.write_text(text, encoding="utf-8")
    return to_catalog(load_settings(path))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day, hour


def test_what_is_written_is_what_the_engine_gets(tmp_path: Path) -> None:
    catalog = read(tmp_path)
    assert catalog.concurrent == 3
    assert catalog.environments[PRODUCTION] == Environment(
        PRODUCTION,
        approvals=1,
        group=ApprovalGroup("release", frozenset({"ada"})),
        windows=(
            WeeklyWindow("weekend", 4 * DAY + 16 * 60, 8 * 60, "Europe/Paris"),
            DatedWindow("holidays", utc(2026, 12, 19, 23), utc(2027, 1, 4, 11)),
            DatedWindow("once", utc(2026, 3, 1, 10), utc(2026, 3, 1, 12)),
        ),
        concurrent=2,
        incident_freeze=False,
        known_bad="block",
        rollback_lock=timedelta(hours=4),
    )


def test_the_defaults_freeze_on_incidents_and_lock_after_roll_backs(tmp_path: Path) -> None:
    staging = read(tmp_path).environments[EnvironmentName("staging")]
    assert (staging.incident_freeze, staging.lock_after_rollback, staging.rollback_lock) == (True, True, None)
    assert (staging.group, staging.concurrent, staging.known_bad) == (None, None, "warn")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("[ada]", "[eve]", "groups.release.0: there is no person 'eve'"),
        ("approval_group: release", "approval_group: relese", "there is no group 'relese'. Did you mean 'release'?"),
        ("[ada]", "[ben]", "1 have to agree, and 0 may approve beside the one who asks and are in release"),
        ("from: fri 16:00", "from: friday", "freezes.0.from: has to be a time of the week such as `fri 16:00`"),
        ("to: mon 08:00", "to: 2026-01-01", "freezes.0.to: has to be of the same kind as `from`"),
        ("to: mon 08:00", "to: fri 16:00", "freezes.0.to: is the same as `from`"),
        ("to: 2027-01-04 12:00", "to: 2026-01-04", "freezes.1.to: is before `from`"),
        ("timezone: Europe/Paris}\n      - {name: hol", "timezone: Paris}\n      - {name: hol", "no time zone 'Paris'"),
        ("max_concurrent: 2", "max_concurrent: 0", "max_concurrent: has to be at least 1, not 0"),
        ("known_bad: block", "known_bad: maybe", "known_bad: has to be 'warn' or 'block'"),
        ("rollback_lock: 4h", "rollback_lock: 0s", "rollback_lock: has to be longer than nothing"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert GOOD.count(right) == 1
    with pytest.raises(SettingsWrong) as refused:
        read(tmp_path, GOOD.replace(right, wrong))
    assert told in str(refused.value)
