"""What is taken out of text before it is logged, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.security.secrets import HIDDEN, bits_per_character, mask

# Put together here, so that no scanner takes these lines for real ones.
SECRETS = {
    "Slack token": "xoxb-" + "123456789012-abcdefABCDEF",
    "Slack webhook": "https://hooks.slack.com/" + "services/T000/B000/XXXXXXXX",
    "GitHub token": "ghp_" + "a1B2" * 9,
    "GitLab token": "glpat-" + "a1B2c3D4" * 3,
    "AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "Pilothouse token": "ph_0a1b2c3d_" + "Ab1-" * 10,
    "JSON web token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxIn0.c2ln",
    "random word": "Zm9vYmFyQmF6UXV4" + "MTIzNDU2Nzg5MEFi",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_hidden_and_named(kind: str) -> None:
    masked = mask(f"deploy shop {SECRETS[kind]} to production")
    assert masked.text == f"deploy shop {HIDDEN} to production"
    assert masked.kinds == (kind,)
    assert masked.found


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "password: 'hunter2'",
        'PASSWORD="hunter2"',
        "api_key=hunter2",
        "token = hunter2",
        "Authorization: Bearer hunter2",
        '{"secret": "hunter2"}',
        "postgres://ops:hunter2@db/pilothouse",
    ],
)
def test_a_named_secret_is_hidden_whatever_it_looks_like(text: str) -> None:
    masked = mask(text)
    assert "hunter2" not in masked.text
    assert masked.found


def test_a_private_key_is_hidden_whole() -> None:
    key = "-----BEGIN PRIVATE " + "KEY-----\nMIIB\nabcd\n-----END PRIVATE " + "KEY-----"
    assert mask(f"here: {key} end").text == f"here: {HIDDEN} end"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deploy shop v2.4.1-rc.1 to production",
        "sha256:" + "0123456789abcdef" * 4,
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "a-service-with-a-rather-long-name-of-words",
        "CamelCaseWordsWithoutAnyDigitsInThem",
        "https://example.com/a/b?c=d",
        "the password is wrong",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    masked = mask(text)
    assert masked.text == text
    assert not masked.found


def test_several_secrets_are_all_hidden() -> None:
    masked = mask(f"{SECRETS['AWS key']} password=x1 {SECRETS['GitHub token']}")
    assert masked.text == f"{HIDDEN} password={HIDDEN} {HIDDEN}"
    assert set(masked.kinds) == {"AWS key", "password", "GitHub token"}


def test_entropy_is_shannons() -> None:
    assert bits_per_character("aaaa") == 0
    assert bits_per_character("abcd") == 2


@given(st.text())
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
