"""The pages around the access key: one to enter it, one to leave its address behind."""

from __future__ import annotations

import html
from collections.abc import Iterable

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
"""Headers of both pages: they load nothing, are not kept, and tell their address to nobody."""

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Underpaint</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
  body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2529; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; }}
  input {{ font: inherit; width: 100%; box-sizing: border-box; padding: 0.5rem; margin: 0.25rem 0 1rem; }}
  button {{ font: inherit; padding: 0.5rem 1.25rem; color: #fff; background: #0b6e75; border: 0; border-radius: 0.375rem; }}
  .wrong {{ color: #b3261e; }}
</style></head><body>{body}</body></html>
"""


def ask(query: Iterable[tuple[str, str]], *, wrong: bool) -> str:
    """Return the page that asks for the key.

    Parameters
    ----------
    query
        Names and values of the address to open then.
    wrong
        Whether a key was just given that is not right.
    """
    kept = "".join(f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in query)
    said = '<p class="wrong" role="alert">This is not the key of this workspace.</p>' if wrong else ""
    return _FRAME.format(
        body=f"""<h1>Underpaint</h1>{said}
<p>This page needs the access key of its workspace. The terminal where the app was started shows an address that contains it;
open that address, or enter the key here.</p>
<form>{kept}<label for="key">Access key</label><input id="key" name="key" type="password" autocomplete="off" autofocus required>
<button>Open</button></form>"""
    )


def leave(query: str) -> str:
    """Return a page that replaces itself in the browser's history by its own address without the key.

    Only the browser knows that address: a proxy may have shortened it.

    Parameters
    ----------
    query
        The query without the key, for a browser that runs no scripts.
    """
    return _FRAME.format(
        body=f"""<script>
  const address = new URL(location.href);
  address.searchParams.delete("key");
  location.replace(address);
</script><noscript><a href="?{html.escape(query)}">Open Underpaint</a></noscript>"""
    )
