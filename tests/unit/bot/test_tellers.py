"""What stands in the thread of a deployment or an incident."""

import pytest

from bot.chat.tellers import thread_lines
from engine.deployments.deployment import PersonId
from engine.security.identity import Directory, Person

PEOPLE = Directory([Person(PersonId("ada"), "Ada <3"), Person(PersonId("b.n-2"), "Ben")])


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("ada asked to deploy v2 of shop in production.", "Ada &lt;3 asked to deploy v2 of shop in production."),
        ("Step 2 approved by b.n-2.", "Step 2 approved by Ben."),
        ("Cancelled: Aborted by b.n-2 before it began.", "Cancelled: Aborted by Ben before it began."),
        ("ada took it over from b.n-2.", "Ada &lt;3 took it over from Ben."),
        ("Paging b.n-2 (step 1 of 2).", "Paging Ben (step 1 of 2)."),
        ("Approved by somebody.", "Approved by somebody."),
        ("Trouble, trying again: ada/x and <!channel>", "Trouble, trying again: ada/x and &lt;!channel&gt;"),
    ],
)
def test_people_are_called_by_their_names(told: str, shown: str) -> None:
    assert thread_lines([told], PEOPLE, ended="") == [shown]


def test_the_last_line_says_what_has_ended() -> None:
    lines = thread_lines(["Step 3 passed.", "Done: v2 runs alone."], PEOPLE, ended="Deploy <b> v2")
    assert lines == ["Step 3 passed.", "*Deploy &lt;b&gt; v2* · Done: v2 runs alone."]
