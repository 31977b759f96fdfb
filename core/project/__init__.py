"""The interface to a project for the pages, the command line and Python; see :class:`core.project.project.Project`."""

from __future__ import annotations

from core.config import UNLABELLED
from core.evaluation.held_back import ValidationSummary
from core.project.project import Project
from core.storage.database import LabelClass
from core.storage.drafts import Patch
from core.storage.labels import Claim
from core.storage.results import Result
from core.storage.workspace import list_projects, workspace_folder

__all__ = [
    "UNLABELLED",
    "Claim",
    "LabelClass",
    "Patch",
    "Project",
    "Result",
    "ValidationSummary",
    "list_projects",
    "workspace_folder",
]
