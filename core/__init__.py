"""Underpaint's engine: works without a screen; ``core.project.Project`` is the way in."""

import os

# PyTorch's threads spin while they wait for each other, which stops everything else on a machine with few cores: a
# prediction beside a training took several times as long. Waiting asleep costs nothing that could be measured when the
# machine is otherwise idle (docs/experiments.md). Read by OpenMP when PyTorch is imported; a user's own setting wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
