import pytest

from alerting.rules.alike import Form, forms
from alerting.rules.carrying import HOLE

KEPT = [
    ("up{job='a'} / down{job='a'} > 1", "((up{@} / down{@}) > 1.0)"),
    ("sum(up{job='a'}) by (job) / sum(down{job='a'}) by (job)", "(sum by (job) (up{@}) / sum by (job) (down{@}))"),
    ("up{job='a'} == 0", "(up{@} == 0.0)"),
    ("up{job='a'} / -0", "(up{@} / (-0.0))"),
    ("-up{zone!~'x|y', job='a'}", None),
    ("rate(total{job='a'}[5m] offset 1h)", "rate(total{@}[300000ms] offset 3600000ms)"),
    ("max_over_time(up{job='a'}[1h:5m] @ 12.5)", "max_over_time((up{@})[3600000ms:300000ms] @ 12.500)"),
    ("up{job='a', code='\"'}", 'up{@,code="\\""}'),
    ("sum by (job) (up{job='a'})", "sum by (job) (up{@})"),
    ("sum without (host) (up{job='a'})", "sum without (host) (up{@})"),
    ("topk(3, up{job='a'})", "topk by (job) (3.0, up{@})"),
    ("up{job='a'} / on (job) group_left (team) down{job='a'}", "(up{@} / on (job) group_left (team) down{@})"),
    ("up{job='a'} unless on () down{job='a'}", "(up{@} unless on (job) down{@})"),
    ("up{job='a'} * on (host) group_left () sum by (host) (up{job='a'})", None),
    ("label_replace(up{job='a'}, 'x', '$1', 'y', '(.*)')", 'label_replace(up{@}, "x", "$1", "y", "(.*)")'),
]
LOST = [
    ("sum(up{job='a'}) / sum(down{job='a'})", "(sum by (job) (up{@}) / sum by (job) (down{@}))"),
    ("sum(up{job='a'})", "sum by (job) (up{@})"),
    ("sum by (zone) (up{job='a'})", "sum by (zone, job) (up{@})"),
    ("sum without (job, zone) (up{job='a'})", "sum without (zone) (up{@})"),
    ("up{job='a'} - on (host) down{job='a'}", "(up{@} - on (host, job) down{@})"),
    ("up{job='a'} - ignoring (job) down{job='a'}", "(up{@} - ignoring () down{@})"),
    (
        "histogram_quantile(0.9, sum by (le) (rate(b{job='a'}[5m])))",
        "histogram_quantile(0.9, sum by (le, job) (rate(b{@}[300000ms])))",
    ),
    ("sum(up{job='a'}) * on () group_left () up{job='a'}", "(sum by (job) (up{@}) * on (job) group_left () up{@})"),
]
NOT_ALIKE = [
    "up",
    "up{job=~'a'}",
    "up{job=''}",
    "time()",
    "scalar(up{job='a'})",
    "vector(1) + up{job='a'}",
    "sum(up{job='a'}) or vector(0)",
    "up{job='a'} / down",
    "up{job='a'} / down{job='b'}",
    "up{job='a'} or sum(up{job='a'})",
    "up{job='a'} - sum(up{job='a'})",
    "sum by (zone) (up{job='a'}) - on (job) up{job='a'}",
    "count_values('job', up{job='a'})",
    "label_replace(up{job='a'}, 'job', 'x', '', '')",
    "label_join(up{job='a'}, 'x', '-', 'job')",
    "absent(up{job='a'}) == 1",
    "absent(sum(up{job='a'}))",
    "absent(up{job='a', job!='b'})",
    "absent_over_time(up{job='a'}[5m])",
    "up{__name__='up'}",
    "bucket{le='0.5'}",
    "up{job='a'} * on (host) group_left (job) down{job='a'}",
    "limitk(1, up{job='a'})",
    "hour()",
    "up{job='a'}[1m * 2]",
    "up{job='a'} @ -5",
    "max_over_time(up{job='a'}[5m:1m] @ # so it is\n -0.5)",
    "up{job='a'} @ 253402300800",
    "up{job='a'} @ 1e15",
    r"up{job='\xc3\xbc'}",
    r"up{job='a', zone='\303\274'}",
    "label_replace(up{job='a'}, 'x', '\0', 'y', '(.*)')",
]


def of_job(text: str) -> Form:
    (form,) = (form for form in forms(text) if form.label == "job")
    return form


@pytest.mark.parametrize(("text", "pattern"), KEPT)
def test_the_result_has_the_label_by_itself(text: str, pattern: str | None) -> None:
    form = of_job(text)
    assert form.kept
    assert form.value == "a"
    assert pattern is None or form.pattern.replace(HOLE, "@") == pattern


@pytest.mark.parametrize(("text", "pattern"), LOST)
def test_the_label_is_kept_for_telling_apart_only(text: str, pattern: str) -> None:
    form = of_job(text)
    assert not form.kept
    assert form.pattern.replace(HOLE, "@") == pattern


@pytest.mark.parametrize("text", NOT_ALIKE)
def test_is_not_alike_to_anything(text: str) -> None:
    assert forms(text) == ()


def test_each_label_that_could_tell_it_from_others_gives_a_form() -> None:
    assert [form.label for form in forms("up{job='a', zone='z'} > 1")] == ["job", "zone"]
    assert forms("up{job='a'} > 1")[0].key == forms("up{job='b'} > 1")[0].key
    assert forms("up{job='a'} > 1")[0].key != forms("up{job='a'} > 2")[0].key


def test_asks_what_there_is_for_what_is_absent() -> None:
    form = of_job("absent(up{job='a', zone='z', host!='h', x=''})")
    assert form.pattern.startswith("group by (job) (up{")
    assert form.absent == {"job": "a", "zone": "z"}
