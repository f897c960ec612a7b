"""How a webhook is called: `http_config`, as far as it is about who we are.

Source of the rules: HTTPClientConfig of prometheus/common. Certificates and proxies have no counterpart here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from alerting.routing import document
from alerting.routing.config import HeaderSource, Secret
from alerting.routing.document import Section
from alerting.rules.document import Node

_PROXY: Final = frozenset({"proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"})
_FIELDS: Final = _PROXY | {
    "basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file", "tls_config", "follow_redirects",
    "enable_http2", "http_headers",
}  # fmt: skip
NO_COUNTERPART: Final = (*sorted(_PROXY), "oauth2", "tls_config")
_NO_EFFECT: Final = ("follow_redirects", "enable_http2")
_BASIC: Final = frozenset({"username", "username_file", "username_ref", "password", "password_file", "password_ref"})
_AUTHORIZATION: Final = frozenset({"type", "credentials", "credentials_file", "credentials_ref"})
_RESERVED: Final = frozenset(
    name.lower()
    for name in (
        "Authorization", "Host", "Content-Encoding", "Content-Length", "Content-Type", "User-Agent", "Connection",
        "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Www-Authenticate", "Accept-Encoding",
        "X-Prometheus-Remote-Write-Version", "X-Prometheus-Remote-Read-Version", "X-Prometheus-Scrape-Timeout-Seconds",
        "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
    )
)  # fmt: skip


def parse_http(section: Section, node: Node, folder: Path) -> tuple[HeaderSource, ...]:
    """The headers it asks for; paths are relative to `folder`."""
    given = document.fields(section, node, _FIELDS, "http_config")
    _check_one_way(section, node, given)
    for name in _NO_EFFECT:
        if name in given and not document.boolean(section.at(name), given[name], default=True):
            section.at(name).warn(given[name], "has no effect here")
    return (*_authorizations(section, given, folder), *_headers(section, given.get("http_headers"), folder))


def _check_one_way(section: Section, node: Node, given: Mapping[str, Node]) -> None:
    bearers = [name for name in ("bearer_token", "bearer_token_file") if name in given]
    ways = [name for name in ("basic_auth", "authorization", "oauth2") if name in given] + bearers
    if len(ways) > 1:
        section.complain(node, f"at most one of {' and '.join(ways)} must be configured")


def _authorizations(section: Section, given: Mapping[str, Node], folder: Path) -> Iterator[HeaderSource]:
    if basic := given.get("basic_auth"):
        yield _basic(section.at("basic_auth"), basic, folder)
    if authorization := given.get("authorization"):
        yield from _authorization(section.at("authorization"), authorization, folder)
    for name in ("bearer_token", "bearer_token_file"):
        if name in given:
            secret = _secret(section, {name: given[name]}, "bearer_token", folder)
            yield HeaderSource("Authorization", (secret,), "Bearer")


def _basic(section: Section, node: Node, folder: Path) -> HeaderSource:
    given = document.fields(section, node, _BASIC, "basic_auth")
    parts = tuple(_secret(section, given, name, folder, node) for name in ("username", "password"))
    return HeaderSource("Authorization", parts, "Basic")


def _authorization(section: Section, node: Node, folder: Path) -> Iterator[HeaderSource]:
    given = document.fields(section, node, _AUTHORIZATION, "authorization")
    scheme = document.text(section, given.get("type")).strip() or "Bearer"
    if scheme.lower() == "basic":
        section.complain(given["type"], 'authorization type cannot be set to "basic", use "basic_auth" instead')
    secret = _secret(section, given, "credentials", folder, node)
    if secret != Secret():
        yield HeaderSource("Authorization", (secret,), scheme)


def _secret(section: Section, given: Mapping[str, Node], name: str, folder: Path, node: Node | None = None) -> Secret:
    """The secret that `name` or its file gives."""
    if reference := given.get(f"{name}_ref"):
        section.at(f"{name}_ref").complain(reference, f"there is no secret manager here; use {name}_file")
    text, file = (document.text(section, given.get(key)) for key in (name, f"{name}_file"))
    if text and file and node is not None:
        section.complain(node, f"at most one of {name} & {name}_file must be configured")
    return Secret(text, str(folder / file) if file else "")


def _headers(section: Section, node: Node | None, folder: Path) -> Iterator[HeaderSource]:
    if node is None:
        return
    inside = section.at("http_headers")
    for key, value in _header_nodes(inside, node):
        name = document.text(inside, key)
        if name.lower() in _RESERVED:
            inside.complain(key, f'setting header "{name}" is not allowed')
        elif not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            inside.complain(key, f"{name[:40]!r} is no name of a header")
        part = inside.at(name)
        given = document.fields(part, value, {"values", "secrets", "files"}, "header")
        for kind in ("values", "secrets"):
            for text in document.texts(part.at(kind), given.get(kind)):
                yield HeaderSource(name, (Secret(text),))
        for file in document.texts(part.at("files"), given.get("files")):
            yield HeaderSource(name, (Secret(file=str(folder / file)),))


def _header_nodes(section: Section, node: Node) -> list[tuple[Node, Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    names = {key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)}
    document.fields(section, node, names, "http_headers")
    return [(key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)]
