"""What is wrong with names that a platform will be given: images, ARNs, variables of an environment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from bot.settings.positions import Field
from bot.settings.target_parts import EcsPart

Fault = tuple[Field, str]
_LOCALHOST: Final = "localhost"


def image_fault(image: str) -> str:
    """What is wrong with an image's name; "" for nothing.

    Its repository, all but the registry's address, the tag and the digest, is small letters without blanks
    (github.com/distribution/reference).
    """
    if any(map(str.isspace, image)):
        return "is no image: its name has blanks; remove them"
    repository = _repository(image)
    if repository != repository.lower():
        return f"is no image: the repository {repository!r} has capital letters; write {repository.lower()!r}"
    return ""


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    path, colon, tag = name.rpartition(":")
    named = path if colon and "/" not in tag else name
    first, slash, rest = named.partition("/")
    return rest if slash and (first == _LOCALHOST or {".", ":"} & set(first)) else named


def arn_faults(field: Field, part: EcsPart) -> Iterator[Fault]:
    """A rule and target groups that are no ARNs, and one group where two are needed."""
    arns: list[tuple[Field, str]] = [((*field, "rule"), part.rule)]
    arns += [((*field, "target_groups", index), one) for index, one in enumerate(part.target_groups)]
    for where, arn in arns:
        if not arn.startswith("arn:"):
            yield where, f"has to be an ARN, which begins with arn:aws, not {arn[:60]!r}"
    twice = [one for one, count in Counter(part.target_groups).items() if count > 1]
    if twice:
        yield (*field, "target_groups"), "needs two target groups, and the same stands here twice; versions take turns"


def variable_faults(field: Field, environment: Mapping[str, str]) -> Iterator[Fault]:
    """Names and values that no process can be started with."""
    for name, value in environment.items():
        if not name or {"=", "\0"} & set(name):
            yield field, f"{name[:60]!r} is no name of a variable: it must not be empty or hold = or a zero character"
        elif "\0" in value:
            yield field, f"the value of {name[:60]!r} holds a zero character, which no variable can; remove it"
