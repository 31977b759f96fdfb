"""Underpaint's engine: works without a screen; ``core.project.Project`` is the way in."""
