import json
from pathlib import Path

import pytest

from alerting.errors import TemplateError
from alerting.rules.template import Data, compile_template

# Answers of the template package of Prometheus 3.16 itself: template, value, outcome, text.
GOLDEN = json.loads(Path(__file__).with_name("go_templates.json").read_text(encoding="utf-8"))


def outcome(template: str, value: float, labels: dict[str, str]) -> tuple[str, str]:
    data = Data(labels, value, {"region": "eu"}, "http://x/")
    try:
        text = compile_template(template).render(data)
    except TemplateError:
        return "parse", ""
    return ("err", "") if text.startswith("<error expanding template: ") else ("ok", text)


def test_renders_what_prometheus_renders() -> None:
    for template, value, expected, text in GOLDEN["cases"]:
        assert outcome(template, float(value), GOLDEN["labels"]) == (expected, text), (template, value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ foo 1 }}", '1: function "foo" not defined'),
        ("a\n{{ query `up` }}", '2: function "query" is not supported here'),
        ("{{ range $labels }}{{ end }}", "1: {{range}} is not supported here"),
        ("{{ $x := 1 }}", '1: undefined variable "$x"'),
        ("{{ $value := 1 }}", "1: declaring a variable is not supported here"),
        ("{{ $x }}", '1: undefined variable "$x"'),
        ("{{ .Value", "1: unclosed action"),
        ('{{ "abc }}', "1: unterminated quoted string"),
        ("{{ if true }}", "1: unexpected EOF"),
        ("{{ end }}", "1: unexpected {{end}}"),
        ("{{ printf `%x` 1 }}", '1: printf does not support "%x" here'),
        ("{{ . }}", '1: printing "." is not supported here'),
        ("{{" + "(" * 200 + "1" + ")" * 200 + "}}", "1: nested deeper than 100 levels"),
        ("x" * 70_000, "1: the template is longer than 65536 characters"),
    ],
)
def test_names_what_it_cannot_compile(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as failed:
        compile_template(template)
    assert failed.value.reason == message


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{ gt $value 1 }}",
            (
                "<error expanding template: <gt $value 1>: error calling gt: "
                "incompatible types for comparison: float64 and int>"
            ),
        ),
        ("{{ $labels.a.b }}", "<error expanding template: <$labels.a.b>: can't evaluate field b in type string>"),
        ("{{ .Nope }}", "<error expanding template: <.Nope>: can't evaluate field Nope>"),
    ],
)
def test_tells_in_the_text_what_failed(template: str, text: str) -> None:
    assert compile_template(template).render(Data({"a": "x"}, 2.0)) == text


def test_bounds_what_a_template_may_write() -> None:
    doubling = "{{ $labels.a" + ' | reReplaceAll "(.)" "$1$1"' * 20 + " }}"
    assert "makes a text of more than 65536 characters" in compile_template(doubling).render(Data({"a": "xy"}, 1))
    wide = compile_template('{{ printf "%60000d" 1 }}{{ printf "%60000d" 1 }}').render(Data({}, 1))
    assert "grows beyond 65536 characters" in wide


def test_a_regular_expression_cannot_hang() -> None:
    evil = compile_template('{{ match "(a+)+$" $labels.a }}')
    assert evil.render(Data({"a": "a" * 5000 + "b"}, 1)) == "false"


def test_knows_plain_text() -> None:
    assert compile_template("plain {{/* nothing */}} text").is_plain
    assert not compile_template("{{ $value }}").is_plain
