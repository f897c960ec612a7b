"""The words that sections of pilothouse.yaml are made of."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"
SLACK: Final = r"^[A-Z0-9]+/[A-Z0-9]+$"
CHANNEL: Final = r"^([^\s#@<>&A-Z]{1,80})?$"
ADDRESS: Final = r"^(https?://[^\s/]+(/\S*)?)?$"
TARGET: Final = r"^(schedule:[a-z0-9-]+(/next)?|person:[a-z0-9-]+)$"
CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
PATH: Final = r"^/"
HOST: Final = (
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
# Control and format characters, surrogates, ends of lines and paragraphs: some make a text read other than it is
# stored (Unicode Standard Annex 9). The joiners write Persian, Hindi and emoji.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS: Final = frozenset("\u200c\u200d")
LEVEL: Final = r"^(?i:debug|info|warning|error|critical)$"


def _local_path(path: Path) -> Path:
    try:
        path.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder {path.parts[0]}; write the whole path") from None
    if "\0" in str(path):
        raise ValueError("holds a character that no path may hold")
    return path


def _host(host: str) -> str:
    """An IP address or a host's name (RFC 1123)."""
    try:
        ip_address(host)
    except ValueError:
        if not re.fullmatch(HOST, host) or host.replace(".", "").isdigit():
            raise ValueError("has to be an address to listen on, such as 127.0.0.1, or 0.0.0.0 for all") from None
    return host


def _line(text: str) -> str:
    bad = next((one for one in text if one not in JOINERS and unicodedata.category(one) in UNSEEN), None)
    if bad is not None:
        raise ValueError(f"has to be one line of visible characters; U+{ord(bad):04X} is none, remove it")
    return text


Name = Annotated[str, Field(pattern=NAME)]
Host = Annotated[str, AfterValidator(_host)]
ONE_LINE: Final = AfterValidator(_line)  # of what people are shown; after the lengths, which have words of their own
Line = Annotated[str, ONE_LINE]
Title = Annotated[str, Field(min_length=1, max_length=60), ONE_LINE]
Label = Annotated[str, Field(min_length=1), ONE_LINE]
Channel = Annotated[str, Field(pattern=CHANNEL), ONE_LINE]
NamedChannel = Annotated[str, Field(pattern=CHANNEL, min_length=1), ONE_LINE]
Address = Annotated[str, Field(pattern=ADDRESS)]
Port = Annotated[int, Field(ge=1, le=65535)]
LocalPath = Annotated[Path, AfterValidator(_local_path)]


class Part(BaseModel):
    """Base of every section: frozen, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
