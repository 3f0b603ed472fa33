"""``convlint server``: what editors start."""

from __future__ import annotations

from convlint.errors import UsageError


def server() -> int:
    """Answer an editor by the Language Server Protocol, on stdin and stdout.

    Editors start it (docs/editors.md has what to configure for each); it needs the package pygls, which
    `pip install 'convlint[server]'` brings.
    """
    try:
        from convlint.server.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the server needs pygls; install it with `pip install 'convlint[server]'`") from None
    return serve()
