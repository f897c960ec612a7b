"""Go's text/template with Prometheus' functions, as alert rules have it in labels and annotations.

`compile_template` reads a text once; the template it returns renders many times, within bounds of work, depth and
length. A query's answers must be given: rendering asks for those it misses with QueriesNeeded.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.execute import Step, compile_tree
from alerting.rules.template.functions import FUNCTIONS, SHORT_CIRCUIT
from alerting.rules.template.literals import from_bytes, to_bytes
from alerting.rules.template.parse import Before, parse
from alerting.rules.template.run import Answers, Data, QueriesNeeded, QueryFailed, Run
from alerting.rules.template.tree import Text, Tree
from alerting.rules.template.values import LONGEST

__all__ = ["Answers", "Data", "QueriesNeeded", "QueryFailed", "Template", "compile_template"]

_KNOWN: Final = frozenset(FUNCTIONS) | SHORT_CIRCUIT | {"call"}
# What Prometheus puts before every template of a rule; the columns in errors count it. A run has it done at its start.
_BEFORE: Final = Before(
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}",
    ("$labels", "$externalLabels", "$externalURL", "$value"),
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template and the text it was read from."""

    source: str
    alert: str  # the name of its rule
    is_plain: bool  # whether the text is the same for every alert
    _tree: Tree = field(repr=False, compare=False)
    _write: Step = field(repr=False, compare=False)

    @property
    def functions(self) -> frozenset[str]:
        """The names of the functions it may call: with `query` or `now` its text may change by itself."""
        return self._tree.functions

    def render(self, data: Data) -> str:
        """The text for one alert; what fails becomes `<error expanding template: …>`, never an exception.

        Raises QueriesNeeded alone, when `data` lacks the answers of queries.
        """
        run = Run(self._tree, data)
        try:
            self._write(run, run.start())
        except TemplateError as failed:
            return _shown(f"<error expanding template: {failed.reason}>")
        return _shown("".join(run.out))


def compile_template(source: str, alert: str = "") -> Template:
    """Read a template of the rule `alert`; raises TemplateError as `line: message`, lines counted from 1."""
    if len(source) > LONGEST:
        raise TemplateError(f"1: the template is longer than {LONGEST} characters")
    name = f"__alert_{alert}"
    tree = parse(name, _BEFORE, _SURROGATE.sub("\ufffd", source), _KNOWN)
    is_plain = all(isinstance(node, Text) for node in tree.templates[name])
    return Template(source, alert, is_plain, tree, compile_tree(tree))


def _shown(text: str) -> str:
    """A text that others can read: bytes that are no UTF-8 become the sign for that."""
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", from_bytes(to_bytes(text)))
