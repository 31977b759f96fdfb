"""Serve Streamlit's pages and the editor's routes from one process.

Start it with ``underpaint app``, ``streamlit run app/server.py``, ``python -m app.server`` or ``uvicorn app.server:app``.
Streamlit finds the app by reading this source, so the line ``app = st.App(...)`` must stand here literally.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

_HERE = Path(__file__).resolve().parent
if str(_HERE.parent) not in sys.path:  # `streamlit run` puts app/ on the path, not its parent
    sys.path.insert(0, str(_HERE.parent))

from app.guard import Guard, say_address  # noqa: E402 (the path must be right first)
from app.pauses import keep_pauses_short  # noqa: E402
from app.routes import routes  # noqa: E402
from core.processes import end_with_parent  # noqa: E402

end_with_parent()
keep_pauses_short()
if __name__ != "__main__" and not os.environ.pop("UNDERPAINT_ADDRESS_IS_SAID", ""):  # `underpaint app` prints it itself
    say_address(known=__name__ == "server")  # the name under which `streamlit run` imports this
app = st.App(_HERE / "main.py", routes=routes(), middleware=[Middleware(Guard)])


def main() -> None:
    """Serve until stopped, as ``streamlit run app/server.py`` does: same flags, same environment, on 127.0.0.1."""
    from streamlit.web import cli

    cli.main(["run", str(_HERE / "server.py"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
