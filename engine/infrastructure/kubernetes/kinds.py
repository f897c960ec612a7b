"""The kinds of objects we use and where the API has them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind of object."""

    version: str
    name: str
    plural: str

    def path(self, namespace: str) -> str:
        """Where all of the kind in a namespace are."""
        root = "api" if "/" not in self.version else "apis"
        return f"/{root}/{self.version}/namespaces/{quote(namespace, safe='')}/{self.plural}"


POD: Final = Kind("v1", "Pod", "pods")
SERVICE: Final = Kind("v1", "Service", "services")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
ROUTE: Final = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")


@dataclass(frozen=True, slots=True)
class Ref:
    """One object by kind, namespace and name."""

    kind: Kind
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"{self.kind.path(self.namespace)}/{quote(self.name, safe='')}"

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name} in namespace {self.namespace}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The objects of a kind in a namespace that a label selector and a field selector pick; "" picks all."""

    kind: Kind
    namespace: str
    labels: str
    fields: str = ""

    @property
    def path(self) -> str:
        """Where the API has them."""
        return self.kind.path(self.namespace)

    @property
    def query(self) -> dict[str, str]:
        """What picks them, for the query of a call."""
        both = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in both.items() if value}

    def __str__(self) -> str:
        chosen = ", ".join(one for one in (self.labels, self.fields) if one)
        return f"{self.kind.plural} with {chosen} in namespace {self.namespace}"
