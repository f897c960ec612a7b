"""Rule files at random: the verdict is promtool's, and so are the reasons.

Of a file that is no YAML only the verdict is compared, since the two YAML readers word and order it differently; and
of an expression that does not parse only that it does not, for promql-parser has words of its own.
"""

import re
from pathlib import Path

import pytest

from tests.contracts.prometheus.promtool import Verdict, judge, version
from tests.contracts.prometheus.rule_files import RuleFiles

_FILES = 250
# The second of promtool's two readings has types of its own.
_TYPES = {"rulefmt.RuleGroupNode": "rulefmt.RuleGroup", "rulefmt.RuleNode": "rulefmt.Rule"}
_UNMARSHAL = re.compile(r"cannot unmarshal .* into (\S+)", re.DOTALL)
_DETAIL = re.compile(r"(could not parse expression): .*", re.DOTALL)
_OF_YAML = (
    "expected", "mapping values", "not allowed", "found ", "anchor", "control characters", "cannot start", "yaml.Node",
    "cannot decode", "block sequence", "directive",
)  # fmt: skip
# What an older promtool refuses: newer fields, names with any sign, newer expressions.
_SINCE_3 = (
    "query_offset", "field labels", "invalid label name", "invalid annotation name", "invalid recording rule",
    "could not parse expression",
)  # fmt: skip
# Where the YAML readers differ: `key:,` in a flow, and a document that ends before its line does.
_LEFT_OUT = re.compile(r":[\]},]|\A\{\}")


def reasons(verdict: Verdict) -> set[str]:
    return {_plain(message) for message in verdict.messages}


def _plain(message: str) -> str:
    if any(word in message for word in ("duration string", "unknown unit", "duration out of range")):
        return "not a valid duration"
    message = _DETAIL.sub(r"\1", _UNMARSHAL.sub(r"cannot unmarshal into \1", message))
    for theirs, ours in _TYPES.items():
        message = message.replace(theirs, ours)
    return message.replace("rulefmt.ruleGroups", "rulefmt.RuleGroups")


def is_of_yaml(verdict: Verdict) -> bool:
    return len(verdict.messages) == 1 and any(word in str(verdict.messages) for word in _OF_YAML)


@pytest.mark.parametrize("seed", range(6))
def test_generated_files_are_judged_as_promtool_judges_them(tmp_path: Path, seed: int) -> None:
    files = RuleFiles(seed)
    texts = {text: text for text in (files.text() for _ in range(_FILES)) if not _LEFT_OUT.search(text)}
    accepted = 0
    for text, (theirs, ours) in judge(tmp_path, texts).items():
        accepted += theirs.accepted
        if version() < (3,) and any(word in str(theirs.messages) for word in _SINCE_3):
            continue
        assert ours.accepted == theirs.accepted, (text, theirs, ours)
        if is_of_yaml(theirs) or is_of_yaml(ours):
            continue
        if version() < (3, 16):
            continue
        # After a fault of form promtool looks no further; we tell the others too.
        assert reasons(theirs) <= reasons(ours), text
        assert theirs.is_form or reasons(theirs) == reasons(ours), text
    assert 20 < accepted < 200
