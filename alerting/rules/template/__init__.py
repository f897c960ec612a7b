"""Go's text/template with Prometheus' functions: the subset that common rule files use.

`compile_template` reads a text once; the template it returns renders many times. What Go or Prometheus
know and this does not is an error when it is compiled, never a wrong text later.
"""

from dataclasses import dataclass
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.functions import FUNCTIONS, SHORT_CIRCUIT
from alerting.rules.template.parse import parse
from alerting.rules.template.render import Data, render
from alerting.rules.template.tree import Node, Text
from alerting.rules.template.values import LONGEST

__all__ = ["Data", "Template", "compile_template"]

_KNOWN: Final = frozenset(FUNCTIONS) | SHORT_CIRCUIT


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template and the text it was read from."""

    source: str
    nodes: tuple[Node, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the text is the same for every alert."""
        return all(isinstance(node, Text) for node in self.nodes)

    def render(self, data: Data) -> str:
        """The text for one alert; what fails becomes `<error expanding template: …>`, never an exception."""
        try:
            return render(self.nodes, data)
        except TemplateError as failed:
            return f"<error expanding template: {failed.reason}>"


def compile_template(source: str) -> Template:
    """Read a template; raises TemplateError as `line: message`, lines counted in the template from 1."""
    if len(source) > LONGEST:
        raise TemplateError(f"1: the template is longer than {LONGEST} characters")
    return Template(source, parse(source, _KNOWN))
