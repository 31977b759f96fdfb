"""Serve Streamlit's pages and the editor's routes from one process.

Start it with ``underpaint app``, ``streamlit run app/server.py``, ``python -m app.server`` or ``uvicorn app.server:app``.
Streamlit finds the app by reading this source, so the line ``app = st.App(...)`` must stand here literally.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).resolve().parent
if str(_HERE.parent) not in sys.path:  # `streamlit run` puts app/ on the path, not its parent
    sys.path.insert(0, str(_HERE.parent))

from app.pauses import keep_pauses_short  # noqa: E402 (the path must be right first)
from app.routes import routes  # noqa: E402
from core.processes import end_with_parent  # noqa: E402

end_with_parent()
keep_pauses_short()
app = st.App(_HERE / "main.py", routes=routes())


def main() -> None:
    """Serve until stopped, as ``streamlit run app/server.py`` does: same flags, same environment, on 127.0.0.1."""
    from streamlit.web import cli

    cli.main(["run", str(_HERE / "server.py"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
