"""Whatever is typed: it is a command or Misunderstood, and what is suggested instead is a command."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.views.answers import render_misunderstood
from bot.words.commands import BY_NAME, parse
from bot.words.grammar import ROOT, Misunderstood, Vocabulary
from tests.fakes.blockkit import check

NAMES = ["shop", "checkout", "to", "in", "production", "deploy", "a", "web-2"]
NAME = st.sampled_from(NAMES)
VOCABULARIES = st.builds(
    lambda services, environments: Vocabulary(
        {name: places for name, places in services.items() if places}, environments
    ),
    st.dictionaries(NAME, st.lists(st.sampled_from(["staging", "production", "in"]), unique=True), max_size=5),
    st.just(["staging", "production", "in"]),
)
SLIPS = st.sampled_from(
    [*NAMES, *BY_NAME, "staging", "prodction", "shpo", "depoly", "v2", "chekout", "TO", "<@U1>", "*`_"]
)
LINES = st.lists(SLIPS | st.text(max_size=12), max_size=7).map(" ".join) | st.text(max_size=3000)


@settings(max_examples=400, deadline=None)
@given(LINES, VOCABULARIES)
def test_a_line_is_understood_or_told_what_is_wrong(line: str, vocabulary: Vocabulary) -> None:
    try:
        parse(line, vocabulary)
    except Misunderstood as wrong:
        check_answer(wrong, vocabulary)


def check_answer(wrong: Misunderstood, vocabulary: Vocabulary) -> None:
    assert wrong.reason
    assert wrong.usage.startswith(ROOT)
    if wrong.suggestion:
        assert wrong.suggestion.startswith(f"{ROOT} ")
        parse(wrong.suggestion.removeprefix(ROOT), vocabulary)
    check(render_misunderstood(wrong))
