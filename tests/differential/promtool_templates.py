"""Templates rendered and judged by promtool, many in one run."""

import ast
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ALERT = re.compile(rf"Labels:{{((?:\w+={_QUOTED}(?:, )?)*)}}\s+Annotations:{{((?:\w+={_QUOTED}(?:, )?)*)}}")
_PAIR = re.compile(rf"(\w+)=({_QUOTED})")
_VERDICT = re.compile(r'group "g", rule (\d+), "A(\d+)": annotation "t": template: __alert_A\d+:(.*)')


def verdicts(folder: Path, templates: Sequence[str]) -> dict[int, str]:
    """What `promtool check rules` tells of the templates that it cannot parse, by position, as `line: message`."""
    rules = [{"alert": f"A{at}", "expr": "m", "annotations": {"t": text}} for at, text in enumerate(templates)]
    _write(folder / "rules.yml", {"groups": [{"name": "g", "rules": rules}]})
    done = subprocess.run(["promtool", "check", "rules", folder / "rules.yml"], capture_output=True, check=False)
    told = re.split(r"\n(?=\S*rules\.yml: )", done.stderr.decode(errors="surrogateescape"))
    found = [match for piece in told if (match := re.search(_VERDICT.pattern, piece.rstrip("\n"), re.DOTALL))]
    return {int(match[2]): match[3] for match in found}


def rendered(
    folder: Path, templates: Sequence[str], series: Mapping[str, str], external: Mapping[str, str], url: str
) -> dict[str, list[str]]:
    """What `promtool test rules` renders for each series, by the series' label n."""
    annotations = {f"t{at}": text for at, text in enumerate(templates)}
    rules = [{"alert": "A", "expr": "m", "annotations": annotations}]
    _write(folder / "rules.yml", {"groups": [{"name": "g", "rules": rules}]})
    given = [{"series": name, "values": value} for name, value in series.items()]
    asked = [{"eval_time": "1m", "alertname": "A", "exp_alerts": []}]
    test = {"interval": "1m", "input_series": given, "alert_rule_test": asked, "external_labels": external}
    test["external_url"] = url
    _write(folder / "test.yml", {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    done = subprocess.run(["promtool", "test", "rules", folder / "test.yml"], capture_output=True, check=False)
    told = (done.stdout + done.stderr).decode(errors="surrogateescape")
    found: dict[str, list[str]] = {}
    for alert in _ALERT.finditer(told):
        labels, texts = _pairs(alert[1]), _pairs(alert[2])
        found[labels["n"]] = [texts.get(f"t{at}", "") for at in range(len(templates))]
    assert len(found) == len(series), told[:2000]
    return found


def _pairs(text: str) -> dict[str, str]:
    return {pair[1]: _unquoted(pair[2]) for pair in _PAIR.finditer(text)}


_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)|[^\\]+", re.DOTALL)


def _unquoted(text: str) -> str:
    """Go's quotes read as bytes; what is no UTF-8 becomes the sign for that, as it does in JSON."""
    raw = b"".join(_bytes(found[0]) for found in _ESCAPE.finditer(text[1:-1]))
    return re.sub("[\ud800-\udfff]", "\ufffd", raw.decode("utf-8", "surrogateescape"))


def _bytes(piece: str) -> bytes:
    if not piece.startswith("\\"):
        return piece.encode("utf-8", "surrogateescape")
    if piece[1] == "x":
        return bytes.fromhex(piece[2:])
    return str(ast.literal_eval(f'"{piece}"')).encode()


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")  # which is YAML, too
