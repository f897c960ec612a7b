"""Pods of a Kubernetes cluster, and an HTTPRoute or a Service in front of them.

The account needs a Role in each namespace: get, list, create, patch and delete on deployments; get, list, watch,
patch and delete on pods; get, list, create and patch on services; list and watch on endpointslices; get, list, watch
and patch on httproutes.
"""

from __future__ import annotations

from engine.infrastructure.kubernetes.artifacts import KubernetesArtifacts
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.manager import KubernetesManager
from engine.infrastructure.kubernetes.shifter import KubernetesShifter
from engine.infrastructure.platform import Ground, Platform


def make(ground: Ground) -> Platform:
    """The three ports on one set of connections. Nothing is kept on this machine: all is on the cluster."""
    clusters = Clusters()
    manager = KubernetesManager(clusters, now=ground.now)
    return Platform(KubernetesArtifacts(clusters), manager, KubernetesShifter(clusters), close=clusters.close)
