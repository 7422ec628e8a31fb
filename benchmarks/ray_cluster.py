"""A Ray cluster of two nodes on this machine, for tests and benchmarks."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

STORE = 80_000_000  # bytes of shared memory a node: no rows go through it


@dataclass
class Nodes:
    """A cluster, and its second node, which may be lost."""

    cluster: Any
    second: Any

    @property
    def address(self):
        return self.cluster.address

    def lose(self):
        """Kills the second node with all that is at work there."""
        self.cluster.remove_node(self.second, allow_graceful=False)
        return True

    def add(self):
        self.second = self.cluster.add_node(num_cpus=1, object_store_memory=STORE)


@contextmanager
def two_nodes(connected=True):
    """Two nodes of one processor; this process is connected to them unless told otherwise."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = Nodes(cluster, None)
    nodes.add()
    if connected:
        ray.init(address=cluster.address, configure_logging=False, log_to_driver=False)
    try:
        yield nodes
    finally:
        ray.shutdown()
        cluster.shutdown()
