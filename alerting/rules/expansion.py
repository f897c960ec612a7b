"""The texts of an alert that come from templates, made no sooner than somebody reads them. Pure.

Most alerts change their value at every evaluation and are read once in many; expanding is the dear part.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from alerting.metrics.port import Labels, Sample
from alerting.rules.template import Answers, Data, Template

# A template that mentions none of these gives the same text whatever the value is: it must take the value by its
# name, or hand on all it has (a dot or a dollar sign that stands alone).
_SEES_VALUE: Final = re.compile(r"alue|(?<!\w)\.(?!\w)|\$(?!\w)|query|now")
# A template that mentions one of these may give another text for the same sample later.
_SEES_TIME: Final = re.compile(r"query|now")


@dataclass(frozen=True, slots=True)
class Installation:
    """What templates may say of the installation: its external labels and address."""

    external_labels: Labels = field(default_factory=dict)
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """What templates may say of an evaluation: where, when, and what they asked the metrics source."""

    installation: Installation
    at: datetime
    answers: Answers


class Expansion:
    """The texts of `templates` for one sample."""

    __slots__ = ("_moment", "_sample", "_templates", "_texts")

    def __init__(self, templates: Mapping[str, Template], sample: Sample, moment: Moment) -> None:
        self._templates = templates
        self._sample = sample
        self._moment = moment
        self._texts: Mapping[str, str] | None = None

    @property
    def data(self) -> Data:
        """What the templates see."""
        sample, moment = self._sample, self._moment
        here = moment.installation
        return Data(
            sample.labels, sample.value, here.external_labels, here.external_url, answers=moment.answers, at=moment.at
        )

    @property
    def texts(self) -> Mapping[str, str]:
        """By name; what fails is told in its text. Raises QueriesNeeded while answers are missing."""
        if self._texts is None:
            self._texts = expanded(self._templates, self.data)
        return self._texts


def expanded(templates: Mapping[str, Template], data: Data) -> Mapping[str, str]:
    """The text of every template now. Raises QueriesNeeded while answers are missing."""
    return {name: template.render(data) for name, template in templates.items()}


def depends_on_value(templates: Iterable[Template]) -> bool:
    """Whether a text may be another for another value; True where that is not sure."""
    return any(_SEES_VALUE.search(one.source) and not one.is_plain for one in templates)


def depends_on_time(templates: Iterable[Template]) -> bool:
    """Whether a text may be another at another time; True where that is not sure."""
    return any(_SEES_TIME.search(one.source) and not one.is_plain for one in templates)
