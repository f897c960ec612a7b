"""Versions on disk: which exist, how they are ordered, and what their digest covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.errors import NotFound, PermanentFailure
from engine.infrastructure.artifacts import LocalArtifacts, digest_of, is_version_name
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget

artifacts = LocalArtifacts()


def place(template):
    target = LocalTarget(artifact=template, command=("x",), port=1, stop_timeout=timedelta(seconds=1))
    return Placement(
        ServiceName("shop"), EnvironmentName("test"), target, HealthCheck(), StrategySpec("all", "rolling")
    )


@pytest.mark.parametrize(
    "template", ["{version}", "shop-{version}.tar", "{version}/shop-{version}.tar", "a/{version}/b"]
)
async def test_versions_are_found_wherever_the_name_stands(tmp_path, template):
    for version in ("v10", "v9", "1.2.3-rc_1"):
        path = tmp_path / template.replace("{version}", version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(version)
    (tmp_path / ".hidden").write_text("")
    found = await artifacts.versions(place(f"{tmp_path}/{template}"))
    assert found == ("1.2.3-rc_1", "v9", "v10")
    for version in found:
        assert (await artifacts.artifact(place(f"{tmp_path}/{template}"), version)).version == version


async def test_nothing_there_is_no_version(tmp_path):
    assert await artifacts.versions(place(f"{tmp_path}/none/{{version}}")) == ()


async def test_a_template_without_a_version_is_refused(tmp_path):
    with pytest.raises(PermanentFailure, match="version"):
        await artifacts.versions(place(str(tmp_path)))


async def test_the_nearest_name_is_suggested(tmp_path):
    (tmp_path / "v1.2.3").mkdir()
    with pytest.raises(NotFound) as refused:
        await artifacts.artifact(place(f"{tmp_path}/{{version}}"), "v1.2.4")
    assert refused.value.suggestion == "v1.2.3"
    assert "v1.2.3" in refused.value.remedy


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", "-a", ".a", "a b", "a\n", "ä", "a" * 65])
def test_path_tricks_are_no_names(name):
    assert not is_version_name(name)


def test_a_digest_covers_names_contents_bits_and_links(tmp_path):
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "a").write_text("1")
    seen = {digest_of(folder)}
    (folder / "a").write_text("2")
    seen.add(digest_of(folder))
    (folder / "a").chmod(0o755)
    seen.add(digest_of(folder))
    (folder / "a").rename(folder / "b")
    seen.add(digest_of(folder))
    (folder / "c").symlink_to("b")
    seen.add(digest_of(folder))
    (folder / "d").mkdir()
    seen.add(digest_of(folder))
    assert len(seen) == 6
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "b.pyc").write_text("made by running it")
    assert digest_of(folder) in seen


async def test_a_file_and_its_change(tmp_path):
    (tmp_path / "v1").write_text("1")
    there = place(f"{tmp_path}/{{version}}")
    first = await artifacts.artifact(there, "v1")
    (tmp_path / "v1").write_text("2")
    assert first.digest != (await artifacts.artifact(replace(there), "v1")).digest
