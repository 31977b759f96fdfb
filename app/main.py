"""Set up the page and route it: the parts common to all pages, then the requested page."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.messages import spoken
from app.components.status import sidebar

_SHAPES = """
  <rect x="2" y="2" width="28" height="28" rx="7" fill="#0b6e75"/>
  <path d="M6 21 C10 13 14 25 18 17 S25 13 27 10" fill="none" stroke="#f3c86b" stroke-width="5" stroke-linecap="round"/>
  <path d="M6 12 C11 7 15 13 19 9" fill="none" stroke="#bfe3e6" stroke-width="3" stroke-linecap="round"/>"""
_ICON = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{_SHAPES}</svg>'
_LOGO = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 184 32" width="184" height="32">{_SHAPES}
  <text x="40" y="23" font-family="Source Sans, Segoe UI, Helvetica, sans-serif" font-size="21" font-weight="600"
    fill="#1c2529">Underpaint</text></svg>"""

_CSS = """
<style>
  [data-testid="stMainBlockContainer"] { padding: 1.1rem 1.6rem 0.6rem; }
  [data-testid="stHeader"] { height: 2.2rem; background: transparent; }
  [data-testid="stStatusWidget"], [data-testid="stAppDeployButton"] { display: none; }
  [data-testid="stSidebarHeader"] { height: 3.2rem; margin-bottom: 0.3rem; }
  [data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.5rem; }
  [data-testid="stSidebarUserContent"] { padding-bottom: 1rem; }
  [data-testid="stToastContainer"] { inset: auto auto 1rem 1rem !important; width: 258px; } /* inside the sidebar */
  [data-testid="stToast"] { width: 100%; }
  [data-testid="stMain"] h1 { font-size: 1.7rem; padding: 0 0 0.4rem; }
  [data-testid="stMain"] h3 { font-size: 1.15rem; padding: 0.2rem 0; }
  .up-thumb { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; background: #8882; }
  .up-download { display: inline-block; padding: 0.4rem 0.9rem; border-radius: 0.375rem; background: #0b6e75;
    color: #fff !important; text-decoration: none; font-size: 0.95rem; }
</style>
"""

st.set_page_config(page_title="Underpaint", page_icon=_ICON, layout="wide", initial_sidebar_state=290)
st.logo(_LOGO, size="large", icon_image=_ICON)
st.html(_CSS)
page = st.navigation(
    [
        st.Page(session.PAGES["project"], title="Project", icon=":material/folder_open:", default=True),
        st.Page(session.PAGES["annotate"], title="Annotate", icon=":material/brush:", url_path="annotate"),
        st.Page(session.PAGES["rounds"], title="Rounds", icon=":material/trending_up:", url_path="rounds"),
        st.Page(session.PAGES["review"], title="Review", icon=":material/travel_explore:", url_path="review"),
        st.Page(session.PAGES["results"], title="Results", icon=":material/download:", url_path="results"),
    ],
    expanded=True,
)
for message in session.messages():
    st.toast(message)
sidebar()
with spoken():
    page.run()
