"""What every shape of the API is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Shape(BaseModel):
    """Base of all: frozen, nothing unknown, read from our own dataclasses by attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class You(Shape):
    """Who is signed in."""

    id: str
    name: str


class Override(Shape):
    """Something that stood in the way, and why it was passed."""

    what: str
    by: str
    reason: str
