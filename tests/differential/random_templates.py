"""Random templates, from a grammar that is mostly right and sometimes wrong."""

from random import Random

_VALUES = (
    "$value", ".Value", "$labels", ".Labels", "$labels.a", ".Labels.b", "$labels.zz", "$externalLabels.region", ".",
    "$", "$x", "1", "0", "-3", "1.5", "2e3", "0x1F", "'a'", '"x"', '""', "`r\\w`", '"é"', '"12.5"', "true", "false",
    "nil", "1i", '"a.b:80"', '"1h5m"', '"%d|%v"', '"%5.1f"', '"^h"', "$value.x", ".Nope", "$externalURL",
)  # fmt: skip
_FUNCTIONS = (
    "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "toUpper", "title",
    "stripPort", "stripDomain", "graphLink", "parseDuration", "urlQueryEscape", "len", "index", "slice", "print",
    "println", "printf", "html", "js", "urlquery", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "match",
    "reReplaceAll", "safeHtml", "args", "toTime", "toDuration", "call", "first", "value", "sortByLabel", "label",
)  # fmt: skip
_FLAGS = ("", "+", "-", "#", " ", "0", "+#", "-0", "# ")
_WIDTHS = ("", "5", "12", "*", "[1]*")
_PRECISIONS = ("", ".", ".0", ".3", ".*")
_FIELDS = ("a", "Labels", "Value", "Year", "Seconds", "zz", "arg0")
_QUERIES = ('query "m" | sortByLabel "n"', 'query "none"', 'query "m{n=\\"0\\"}"')


class Maker:
    """Makes one template after another; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def template(self) -> str:
        text = "".join(self._node(3) for _ in range(self._random.randint(1, 3)))
        text = '{{ $x := "q" }}{{ define "p" }}{{ . }}{{ end }}' + text if self._chance(0.9) else text
        return self._broken(text) if self._chance(0.08) else text

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _broken(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        put = self._random.choice(["", "}}", "{{", "(", ")", '"', " ", "|", ":=", ",", ".", "\n", "-", "é", "5x", "'"])
        return text[:at] + put + text[at + self._random.randint(0, 3) :]

    def _node(self, depth: int) -> str:
        kinds = ["text", "write", "write", "write", "set"]
        kinds += ["if", "with", "range", "template", "block"] if depth > 0 else []
        return str(getattr(self, f"_{self._random.choice(kinds)}")(depth))

    def _open(self) -> str:
        return self._random.choice(["{{ ", "{{ ", "{{", "{{- "])

    def _close(self) -> str:
        return self._random.choice([" }}", " }}", "}}", " -}}"])

    def _text(self, _: int) -> str:
        return self._random.choice(["a ", " b\n", "é", "100%", "\n\n", "{", "} "])

    def _write(self, depth: int) -> str:
        return self._open() + self._pipeline(depth) + self._close()

    def _set(self, depth: int) -> str:
        sign = self._random.choice([":=", ":=", "="])
        return f"{self._open()}$x {sign} {self._pipeline(depth)}{self._close()}"

    def _body(self, depth: int) -> str:
        return "".join(self._node(depth - 1) for _ in range(self._random.randint(1, 2)))

    def _else(self, depth: int) -> str:
        return "{{ else }}" + self._body(depth) if self._chance(0.4) else ""

    def _if(self, depth: int) -> str:
        chained = f"{{{{ else if {self._pipeline(1)} }}}}{self._body(depth)}" if self._chance(0.2) else ""
        return f"{{{{ if {self._pipeline(1)} }}}}{self._body(depth)}{chained}{self._else(depth)}{{{{ end }}}}"

    def _with(self, depth: int) -> str:
        head = self._random.choice(["", "$x := "])
        return f"{{{{ with {head}{self._pipeline(1)} }}}}{self._body(depth)}{self._else(depth)}{{{{ end }}}}"

    def _range(self, depth: int) -> str:
        head = self._random.choice(["", "$x := ", "$i, $x := ", "$x = "])
        over = self._random.choice(["$labels", "3", "0", "args 1 nil `a`", *_QUERIES, self._pipeline(1)])
        leave = self._random.choice(["", "", "{{ break }}", "{{ if $x }}{{ continue }}{{ end }}"])
        return f"{{{{ range {head}{over} }}}}{self._body(depth)}{leave}{self._else(depth)}{{{{ end }}}}"

    def _template(self, depth: int) -> str:
        name = self._random.choice("pq")
        defined = f'{{{{ define "{name}" }}}}<{{{{ . }}}}>{{{{ end }}}}' if self._chance(0.3) else ""
        return f'{{{{ template "{name}" {self._pipeline(depth - 1)} }}}}{defined}'

    def _block(self, depth: int) -> str:
        return f'{{{{ block "{self._random.choice("rs")}" {self._pipeline(1)} }}}}[{{{{ . }}}}]{{{{ end }}}}'

    def _pipeline(self, depth: int) -> str:
        return " | ".join(self._command(depth) for _ in range(self._random.choice([1, 1, 1, 2, 3])))

    def _command(self, depth: int) -> str:
        pick = self._random.random()
        if depth <= 0 or pick < 0.25:
            return self._operand(depth)
        if pick < 0.4:
            return f'printf "{self._format()}" ' + " ".join(
                self._operand(depth) for _ in range(self._random.randint(0, 3))
            )
        name = self._random.choice(_FUNCTIONS)
        return " ".join([name, *(self._operand(depth) for _ in range(self._random.choice([0, 1, 1, 1, 2, 2, 3])))])

    def _format(self) -> str:
        one = self._random.choice
        parts = [
            f"%{one(_FLAGS)}{one(_WIDTHS)}{one(_PRECISIONS)}{one('vvdsqxXbocUeEfFgGtTO')}" for _ in range(one([1, 2]))
        ]
        return "|".join(parts)

    def _operand(self, depth: int) -> str:
        if depth > 0 and self._chance(0.25):
            inner = self._random.choice(_QUERIES) if self._chance(0.2) else self._pipeline(depth - 1)
            return f"({inner})" + (f".{self._random.choice(_FIELDS)}" if self._chance(0.3) else "")
        return self._random.choice(_VALUES)
