import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerting.errors import TemplateError
from alerting.metrics.port import Sample
from alerting.rules.template import Answers, Data, QueriesNeeded, QueryFailed, compile_template

# Answers of the template package of Prometheus 3.16 itself: template, value, outcome, text.
GOLDEN = json.loads(Path(__file__).with_name("go_templates.json").read_text(encoding="utf-8"))
LABELS = {"instance": "web-1.example.org:9100", "job": "web"}
AT = datetime(2026, 1, 5, 9, 0, 0, 500_000, tzinfo=UTC)
SERIES = [Sample({"__name__": "up", "job": "b"}, 2.0), Sample({"__name__": "up", "job": "a"}, 1.0)]


ANSWERS: Answers = {"up": SERIES, "none": [], "bad": QueryFailed("it is bad")}


def rendered(template: str, value: float = 2.5) -> str:
    data = Data(LABELS, value, {"region": "eu"}, "https://prom.example/base", ANSWERS, AT)
    return compile_template(template, "Down").render(data)


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
    ("template", "text"),
    [
        ("a {{- 1 -}} b {{- /* c */ -}} d", "a1bd"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "32"),
        ("{{ if 0 }}a{{ else if $x := 5 }}{{ $x }}{{ else }}c{{ end }}", "5"),
        ("{{ with 0 }}a{{ else with .Labels.job }}{{ . }}{{ else }}c{{ end }}", "web"),
        ("{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "instance=web-1.example.org:9100;job=web;"),
        (
            "{{ range 4 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "02",
        ),
        ("{{ range 0 }}a{{ else }}none{{ end }}", "none"),
        (
            '{{ define "x" }}<{{ . }}|{{ $ }}>{{ end }}{{ template "x" $value }}{{ block "y" 1 }}{{ . }}{{ end }}',
            "<2.5|2.5>1",
        ),
        (
            "{{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 1_000 }} {{ 1e3 }} {{ 'a' }} {{ 1i }} {{ +0x1e }}",
            "31 3 15 1000 1000 97 (0+1i) 30",
        ),
        (
            "{{ eq 3 1 2 3 }} {{ ne 1 2 }} {{ lt 1.5 $value }} {{ eq nil nil }} {{ eq 1 nil }}",
            "true true true true false",
        ),
        ("{{ and 1 0 (index 1 2) }} {{ or 0 2 (index 1 2) }} {{ not `` }}", "0 2 true"),
        ('{{ len "é" }} {{ index "abc" 1 }} {{ slice "abcdef" 1 3 }} {{ index $labels "job" }}', "2 98 bc web"),
        ('{{ print 1 2 "a" 3 4 nil }}|{{ println "a" 1 }}', "1 2a3 4 <nil>|a 1\n"),
        ('{{ html "<a>" }} {{ js "it\'s" }} {{ urlquery "a b&c" }}', "&lt;a&gt; it\\'s a+b%26c"),
        ("{{ .Labels.nope }}|{{ $labels.nope }}|{{ (args).nope }}", "||<no value>"),
        (
            "{{ .ExternalLabels.region }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}",
            "eu https://prom.example/base https://prom.example/base /base",
        ),
        ("{{ $labels.instance | stripPort }} {{ $labels.instance | stripDomain }}", "web-1.example.org web-1:9100"),
        (
            '{{ graphLink "up{}" }} {{ tableLink "a b" }}',
            "/graph?g0.expr=up%7B%7D&g0.tab=0 /graph?g0.expr=a+b&g0.tab=1",
        ),
        ('{{ parseDuration "-1h30m" }} {{ toDuration 90.5 }} {{ (toDuration 90).Minutes }}', "-5400 1m30.5s 1.5"),
        (
            "{{ now }} {{ toTime now }} {{ (now | toTime).Format `2006-01-02T15:04` }}",
            "1.7676036005e+09 2026-01-05 09:00:00.5 +0000 UTC 2026-01-05T09:00",
        ),
        ('{{ reReplaceAll "(?P<a>w)(e)" "$2${a}" $labels.job }} {{ match "^w" $labels.job }}', "ewb true"),
        ('{{ printf "\\xff" }}{{ slice "é" 1 }}', "\ufffd\ufffd"),
    ],
)
def test_renders(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            '%5d|%-5d|%05d|%+d|%x|%#x|%b|%o|%O|%c|%q|%U" 1 2 3 4 255 255 5 8 8 65 65 233',
            "    1|2    |00003|+4|ff|0xff|101|10|0o10|A|'A'|U+00E9",
        ),
        ('%.2f|%8.3f|%e|%g|%v|%s" 1.5 2.5 1e6 1e21 1e6 1.5', "1.50|   2.500|1.000000e+06|1e+21|1e+06|%!s(float64=1.5)"),
        (
            '%s|%10s|%-4s|%.2s|%q|%x|% X|%v" "a" "b" "c" "def" "g\\n" "hi" "hi" nil',
            'a|         b|c   |de|"g\\n"|6869|68 69|<nil>',
        ),
        ('%t|%v|%T|%T|%T" true false 1 "a" nil', "true|false|int|string|<nil>"),
        ('%[2]d %[1]d|%*d|%.*f" 1 2 3 4', "2 1| 3|%!f(MISSING)"),
        ('%d %d" 1', "1 %!d(MISSING)"),
        ('x" 1 "a"', "x%!(EXTRA int=1, string=a)"),
        ('%z|%!|%" 1 2', "%!z(int=1)|%!!(int=2)|%!(NOVERB)"),
        (
            '%v|%+v|%#v" (args 1 nil) (first (query "up")) "a"',
            'map[arg0:1 arg1:<nil>]|&{Labels:map[__name__:up job:b] Value:2}|"a"',
        ),
    ],
)
def test_prints_as_go(template: str, text: str) -> None:
    assert rendered('{{ printf "' + template + " }}") == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ foo 1 }}", '1: function "foo" not defined'),
        ("a\n{{ $x }}", '2: undefined variable "$x"'),
        ("{{ .Value", "1: unclosed action"),
        ("{{ .Value\n", "2: unclosed action started at __alert_Down:1"),
        ('{{ "abc }}', "1: unterminated quoted string"),
        ("{{ print\n`abc }}", "2: unterminated raw quoted string in action started at __alert_Down:1"),
        ("{{ if true }}", "1: unexpected EOF"),
        ("{{ end }}", "1: unexpected {{end}}"),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "1: expected end; found {{else}}"),
        ("{{ break }}", "1: {{break}} outside {{range}}"),
        ("{{ 1 | 2 }}", "1: non executable command in pipeline stage 2"),
        ("{{ }}", "1: missing value for command"),
        ("{{ (1 }}", "1: unclosed left paren"),
        ("{{ 5x }}", '1: bad number syntax: "5x"'),
        ("{{ 1.x }}", '1: bad number syntax: "1.x"'),
        ("{{ nil.x }}", '1: unexpected . after term "nil"'),
        ("{{ /* a */ }}", '1: unexpected "/" in command'),
        ("{{/* a }}", "1: unclosed comment"),
        ('{{ define "x" }}a{{ end }}{{ define "x" }}b{{ end }}', '1: template: multiple definition of template "x"'),
        ('{{ define "__alert_Down" }}a{{ end }} ', '1: template: multiple definition of template "__alert_Down"'),
        ("{{ range $a, $b, $c := 1 }}{{ end }}", "1: too many declarations in range"),
        ('{{ define "x" }}{{ $labels }}{{ end }}', '1: undefined variable "$labels"'),
        ("{{" + "(" * 200 + "1" + ")" * 200 + "}}", "1: nested deeper than 100 levels"),
        ("x" * 70_000, "1: the template is longer than 65536 characters"),
    ],
)
def test_names_what_it_cannot_compile(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as failed:
        compile_template(template, "Down")
    assert failed.value.reason == message


@pytest.mark.parametrize(
    ("template", "place", "message"),
    [
        (
            "{{ gt $value 1 }}",
            "1:115: executing “__alert_Down” at <gt $value 1>",
            "error calling gt: incompatible types for comparison: float64 and int",
        ),
        (
            "é\né {{ $labels.a.b }}",
            "2:13: executing “__alert_Down” at <$labels.a.b>",
            "can't evaluate field b in type string",
        ),
        ("{{ $value.x }}", "1:121: executing “__alert_Down” at <$value.x>", "can't evaluate field x in type float64"),
        ("{{ toUpper 1 }}", "1:123: executing “__alert_Down” at <1>", "expected string; found 1"),
        (
            "{{ toUpper }}",
            "1:115: executing “__alert_Down” at <toUpper>",
            "wrong number of args for toUpper: want 1 got 0",
        ),
        (
            '{{ define "x" }}{{ first . }}{{ end }}{{ template "x" 1 }}',
            "1:137: executing “x” at <.>",
            "wrong type for value; expected template.queryResult; got int",
        ),
        ('{{ template "y" }}', '1:124: executing “__alert_Down” at <{{template "y"}}>', 'template "y" not defined'),
        ('{{ query "bad" }}', '1:115: executing “__alert_Down” at <query "bad">', "error calling query: it is bad"),
        (
            '{{ query "none" | first }}',
            "1:130: executing “__alert_Down” at <first>",
            "error calling first: first() called on vector with no elements",
        ),
        (
            '{{ reReplaceAll "(" "" "a" }}',
            '1:115: executing “__alert_Down” at <reReplaceAll "(" "" "a">',
            "error calling reReplaceAll: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`",
        ),
        (
            '{{ humanize "x" }}',
            '1:115: executing “__alert_Down” at <humanize "x">',
            'error calling humanize: strconv.ParseFloat: parsing "x": invalid syntax',
        ),
    ],
)
def test_tells_in_the_text_what_failed(template: str, place: str, message: str) -> None:
    where = place.replace("“", '"').replace("”", '"')
    told = f"error executing template __alert_Down: template: __alert_Down:{where}: {message}"
    assert rendered(template) == f"<error expanding template: {told}>"


def test_asks_for_the_answers_it_misses() -> None:
    template = compile_template(
        '{{ range query "up" }}{{ .Labels.job }}{{ end }}{{ query (print "b") | first | value }}'
    )
    with pytest.raises(QueriesNeeded) as needed:
        template.render(Data({}, 1))
    assert needed.value.queries == ("up",)
    with pytest.raises(QueriesNeeded) as needed:
        template.render(Data({}, 1, answers={"up": SERIES}))
    assert needed.value.queries == ("b",)
    assert template.render(Data({}, 1, answers={"up": SERIES, "b": SERIES})) == "ba2"


def test_asks_at_once_for_all_it_is_sure_to_need() -> None:
    template = compile_template(
        '{{ with query "a" | first }}{{ query "in a branch" }}{{ end }}{{ if and (query "b") (query "perhaps") }}'
        '{{ end }}{{ (query "c" | first).Value }}{{ query (print "up" 1) }}'
    )
    with pytest.raises(QueriesNeeded) as needed:
        template.render(Data({}, 1, answers={"b": ()}))
    assert needed.value.queries == ("a", "c")


def test_a_query_in_a_branch_not_taken_is_not_asked() -> None:
    assert compile_template('{{ if gt $value 5.0 }}{{ query "up" }}{{ end }}fine').render(Data({}, 1)) == "fine"


def test_sorts_and_takes_apart_what_a_query_gives() -> None:
    each = '{{ range query "up" | sortByLabel "job" }}{{ . | label "job" }}={{ . | value }} {{ end }}'
    assert rendered(each) == "a=1 b=2 "
    assert rendered('{{ with query "up" | first }}{{ .Labels.job }} {{ .Value }} {{ . }}{{ end }}') == (
        "b 2 {map[__name__:up job:b] 2}"
    )


def test_now_needs_a_time() -> None:
    told = compile_template("{{ now }}").render(Data({}, 1))
    assert "error calling now: the time of the evaluation is not known here" in told


@pytest.mark.parametrize(
    ("template", "bound"),
    [
        ('{{ printf "%60000d" 1 }}{{ printf "%60000d" 1 }}', "the text grows beyond 65536 characters"),
        ('{{ printf "' + "%9999[1]d" * 100 + '" 1 }}', "the text grows beyond 65536 characters"),
        ('{{ printf "%*d" 70000 1 }}', "the text grows beyond 65536 characters"),
        (
            '{{ printf "%60000d" 1 | urlquery | urlquery }}',
            "makes a text of more than 65536 characters",
        ),
        ("{{ range 1000000000 }}{{ end }}", "more than 30000 steps"),
        ('{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}', "exceeded maximum template depth (50)"),
        ("{{ $x := args `a` }}" + "{{ $x = args $x $x }}" * 40 + "{{ $x }}", "the text grows beyond 65536 characters"),
        (
            "{{ $x := args `a` }}{{ range 100 }}{{ $x = args $x }}{{ end }}{{ $x }}",
            "values nested deeper than 50 levels",
        ),
    ],
)
def test_bounds_what_a_template_may_do(template: str, bound: str) -> None:
    assert bound in rendered(template)


def test_a_regular_expression_cannot_hang() -> None:
    evil = compile_template('{{ match "(a+)+$" $labels.a }}')
    assert evil.render(Data({"a": "a" * 5000 + "b"}, 1)) == "false"
    many = compile_template('{{ range 100000 }}{{ $x := match "(x?){50}y" $labels.a }}{{ end }}')
    assert "more than 30000 steps" in many.render(Data({"a": "x" * 60_000}, 1))


def test_knows_plain_text() -> None:
    assert compile_template("plain {{/* nothing */}} text").is_plain
    assert not compile_template("{{ $value }}").is_plain


def test_knows_the_functions_it_may_call() -> None:
    assert compile_template('{{ if .x }}{{ query "up" | first | value }}{{ end }}').functions == {
        "query",
        "first",
        "value",
    }


def test_a_template_can_be_rendered_again_after_it_changed_its_variables() -> None:
    template = compile_template("{{ $value = 7 }}{{ $labels = 1 }}{{ $value }}{{ .Value }}")
    assert [template.render(Data({"a": "b"}, value)) for value in (1, 2)] == ["71", "72"]
