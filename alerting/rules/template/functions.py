"""The functions that Prometheus adds to those of every Go template.

Source of the rules: template/template.go of Prometheus 3.16.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from alerting.errors import TemplateError
from alerting.rules.template import regular
from alerting.rules.template.builtins import BUILTINS, query_escape
from alerting.rules.template.humanize import (
    humanize,
    humanize1024,
    humanize_duration,
    humanize_percentage,
    humanize_timestamp,
    parse_duration,
    to_duration,
    to_time,
)  # fmt: skip
from alerting.rules.template.run import QueriesNeeded, QueryFailed, Run
from alerting.rules.template.signature import Function, Param
from alerting.rules.template.values import AnyMap, Html, QueryResult, Series, Value

_WORD: Final = re.compile(r"\w+(?:['’.:]\w+)*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_NO_SERIES: Final = "runtime error: invalid memory address or nil pointer dereference"
SHORT_CIRCUIT: Final = frozenset({"and", "or"})  # stop at the first argument that decides


def _query(run: Run, text: str) -> QueryResult:
    if text not in run.data.answers:
        missing = (query for query in run.tree.queries if query not in run.data.answers)
        raise QueriesNeeded(list(dict.fromkeys([text, *missing])))
    answer = run.data.answers[text]
    if isinstance(answer, QueryFailed):
        raise TemplateError(answer.reason)
    run.spend(1 + len(answer) // 16)
    return QueryResult(Series(dict(sample.labels), float(sample.value)) for sample in answer)


def _first(result: QueryResult) -> Series:
    if not result:
        raise TemplateError("first() called on vector with no elements")
    return result[0]


def _present(series: Series | None) -> Series:
    if series is None:
        raise TemplateError(_NO_SERIES)
    return series


def _sorted(run: Run, label: str, result: QueryResult) -> QueryResult:
    run.spend(len(result) // 4)
    return QueryResult(sorted(result, key=lambda series: series.labels.get(label, "")))


def _arguments(*values: Value) -> AnyMap:
    return AnyMap({f"arg{index}": value for index, value in enumerate(values)})


def _now(run: Run) -> float:
    if run.data.at is None:
        raise TemplateError("the time of the evaluation is not known here")
    return int(run.data.at.timestamp() * 1000) / 1000


def _path(run: Run) -> str:
    try:
        return unquote(urlsplit(run.data.external_url).path)
    except ValueError as wrong:
        raise TemplateError(f"the external address cannot be read: {wrong}") from wrong


def _title(text: str) -> str:
    return _WORD.sub(lambda word: _LETTER.sub(lambda first: first[0].title(), word[0], count=1), text)


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_one_upper, text))


def _one_upper(sign: str) -> str:
    """Go turns one sign into one sign, so some letters have no other case."""
    return next((other for other in (sign.upper(), sign.title()) if len(other) == 1), sign)


def _lower(text: str) -> str:
    # Alone, a sigma is never a final one.
    return text.lower() if text.isascii() else "".join(sign.lower()[0] for sign in text)


def _split_port(text: str) -> tuple[str, str] | None:
    """Host and port, as package net of Go splits them; None when a text is no such pair."""
    cut = text.rfind(":")
    if cut < 0:
        return None
    host = text[:cut]
    if text.startswith("["):
        end = text.find("]")
        if end < 0 or end + 1 != cut:
            return None
        host, rest = text[1:end], text[1:end] + text[end + 1 :]
        return None if "[" in text[1:] or "]" in rest else (host, text[cut + 1 :])
    return None if ":" in host or "[" in text or "]" in text else (host, text[cut + 1 :])


def _strip_port(text: str) -> str:
    parts = _split_port(text)
    return text if parts is None else parts[0]


def _strip_domain(text: str) -> str:
    host, port = _split_port(text) or (text, "")
    if _is_address(host):
        return text
    host = host.split(".")[0]
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host or "%" in host else f"{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _link(text: str, tab: int) -> str:
    return f"/graph?g0.expr={query_escape(text)}&g0.tab={tab}"


_STRING, _ANY = Param.STRING, Param.ANY
FUNCTIONS: Final[Mapping[str, Function]] = {
    **BUILTINS,
    "query": Function(_query, (_STRING,), sees_run=True),
    "first": Function(_first, (Param.RESULT,)),
    "label": Function(lambda name, series: _present(series).labels.get(name, ""), (_STRING, Param.SAMPLE)),
    "value": Function(lambda series: _present(series).value, (Param.SAMPLE,)),
    "strvalue": Function(lambda series: _present(series).labels.get("__value__", ""), (Param.SAMPLE,)),
    "sortByLabel": Function(_sorted, (_STRING, Param.RESULT), sees_run=True),
    "args": Function(_arguments, (), _ANY),
    "match": Function(regular.match, (_STRING, _STRING), sees_run=True),
    "reReplaceAll": Function(regular.replace_all, (_STRING, _STRING, _STRING), sees_run=True),
    "safeHtml": Function(Html, (_STRING,)),
    "title": Function(_title, (_STRING,)),
    "toUpper": Function(_upper, (_STRING,)),
    "toLower": Function(_lower, (_STRING,)),
    "graphLink": Function(lambda text: _link(text, 0), (_STRING,)),
    "tableLink": Function(lambda text: _link(text, 1), (_STRING,)),
    "stripPort": Function(_strip_port, (_STRING,)),
    "stripDomain": Function(_strip_domain, (_STRING,)),
    "humanize": Function(humanize, (_ANY,)),
    "humanize1024": Function(humanize1024, (_ANY,)),
    "humanizeDuration": Function(humanize_duration, (_ANY,)),
    "humanizePercentage": Function(humanize_percentage, (_ANY,)),
    "humanizeTimestamp": Function(humanize_timestamp, (_ANY,)),
    "toTime": Function(to_time, (_ANY,)),
    "toDuration": Function(to_duration, (_ANY,)),
    "now": Function(_now, sees_run=True),
    "pathPrefix": Function(_path, sees_run=True),
    "externalURL": Function(lambda run: run.data.external_url, sees_run=True),
    "parseDuration": Function(parse_duration, (_STRING,)),
    "urlQueryEscape": Function(query_escape, (_STRING,)),
}
