"""An editor without a screen: pygls' own client in a thread, which speaks to `convlint server` over stdio."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import TimeoutError as TooLateError
from pathlib import Path
from typing import Any

from lsprotocol import converters
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

LATE = 60
"""Seconds after which an answer will not come any more."""


def everything() -> lsp.ClientCapabilities:
    """What an editor says of itself that knows all that the server makes use of."""
    return converters.get_converter().structure(
        {
            "workspace": {
                "workspaceEdit": {"documentChanges": True},
                "didChangeWatchedFiles": {"dynamicRegistration": True},
            },
            "textDocument": {
                "publishDiagnostics": {"relatedInformation": True, "versionSupport": True},
                "codeAction": {"resolveSupport": {"properties": ["edit"]}, "dataSupport": True},
            },
            "notebookDocument": {"synchronization": {}},
        },
        lsp.ClientCapabilities,
    )


class Editor:
    """An editor with a folder open."""

    def __init__(
        self,
        folder: Path,
        capabilities: lsp.ClientCapabilities | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.cells: dict[str, list[str]] = {}
        """The cells of each notebook that the server is told of."""
        self._numbers = itertools.count(2)
        self.published: list[lsp.PublishDiagnosticsParams] = []
        self.messages: list[lsp.ShowMessageParams] = []
        self.registered: list[lsp.Registration] = []
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.client = LanguageClient("editor", "1")
        self._listen()
        command = [sys.executable, "-m", "convlint", "server"]
        variables = dict(os.environ) | (environment or {})
        self._await(self.client.start_io(*command, cwd=folder, env=variables, limit=2**26))
        folders = [lsp.WorkspaceFolder(folder.as_uri(), folder.name)]
        parameters = lsp.InitializeParams(
            capabilities or everything(), root_uri=folder.as_uri(), workspace_folders=folders, process_id=os.getpid()
        )
        self.server = self._await(self.client.initialize_async(parameters)).capabilities
        self.send("initialized", lsp.InitializedParams())

    def _listen(self) -> None:
        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: lsp.PublishDiagnosticsParams) -> None:
            self._note(self.published, params)

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def shown(params: lsp.ShowMessageParams) -> None:
            self._note(self.messages, params)

        @self.client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        def registered(params: lsp.RegistrationParams) -> None:
            for registration in params.registrations:
                self._note(self.registered, registration)

    def _note(self, where: list[Any], what: object) -> None:
        with self._news:
            where.append(what)
            self._news.notify_all()

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LATE)

    def send(self, method: str, params: object) -> None:
        """A notification."""

        async def notify() -> None:
            self.client.protocol.notify(method, params)

        self._await(notify())

    def ask(self, method: str, params: object) -> Any:
        """A request's answer."""

        async def request() -> Any:
            return await self.client.protocol.send_request_async(method, params)

        return self._await(request())

    def ask_and_take_back(self, method: str, params: object) -> Any:
        """What is answered to a request that is cancelled at once."""

        async def request() -> Any:
            protocol = self.client.protocol
            answer = protocol.send_request(method, params, msg_id="taken back")
            protocol.notify("$/cancelRequest", lsp.CancelParams("taken back"))
            return await asyncio.wrap_future(answer)

        return self._await(request())

    def until(self, true: Any, late: float = LATE) -> Any:
        """Waits for what the server says to make something true."""
        with self._news:
            if not self._news.wait_for(true, late):
                raise TooLateError(f"{self.published[-3:]} {self.messages[-3:]}")
        return true()

    # --- files -------------------------------------------------------------------------------------------------------

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str | None = None, language: str = "python") -> str:
        """Opens a file: as it is on disk, or as it was never saved."""
        uri = name if ":" in name else self.uri(name)
        self.texts[uri] = (self.folder / name).read_bytes().decode() if text is None else text
        self.versions[uri] = 1
        item = lsp.TextDocumentItem(uri, language, 1, self.texts[uri])
        self.send("textDocument/didOpen", lsp.DidOpenTextDocumentParams(item))
        return uri

    def write(self, uri: str, text: str) -> int:
        """Replaces a file's whole text."""
        self.texts[uri] = text
        return self.type(uri, lsp.TextDocumentContentChangeWholeDocument(text))

    def type(self, uri: str, *changes: lsp.TextDocumentContentChangeEvent) -> int:
        """Changes that the server is told of; the new version."""
        self.versions[uri] += 1
        identifier = lsp.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        self.send("textDocument/didChange", lsp.DidChangeTextDocumentParams(identifier, list(changes)))
        return self.versions[uri]

    def close(self, uri: str) -> None:
        self.send("textDocument/didClose", lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri)))

    def changed_on_disk(self, name: str, how: lsp.FileChangeType = lsp.FileChangeType.Changed) -> None:
        events = [lsp.FileEvent(self.uri(name), how)]
        self.send("workspace/didChangeWatchedFiles", lsp.DidChangeWatchedFilesParams(events))

    # --- notebooks ---------------------------------------------------------------------------------------------

    def open_notebook(self, name: str, cells: Sequence[str], markup: Iterable[int] = ()) -> list[str]:
        """Opens a notebook; what is not Python in it stays with the editor. The cells' names."""
        self.cells[self.uri(name)] = []
        new = [self._cell(text) for text in cells]
        kinds = [
            lsp.NotebookCellKind.Markup if i in set(markup) else lsp.NotebookCellKind.Code for i in range(len(new))
        ]
        told = [(item, kind) for item, kind in zip(new, kinds, strict=True) if kind is lsp.NotebookCellKind.Code]
        self.cells[self.uri(name)] = [item.uri for item, _ in told]
        notebook = lsp.NotebookDocument(
            self.uri(name), "jupyter-notebook", 1, [lsp.NotebookCell(kind, item.uri) for item, kind in told]
        )
        opened = lsp.DidOpenNotebookDocumentParams(notebook, [item for item, _ in told])
        self.send("notebookDocument/didOpen", opened)
        return [item.uri for item in new]

    def _cell(self, text: str) -> lsp.TextDocumentItem:
        item = lsp.TextDocumentItem(f"vscode-notebook-cell:/net.ipynb#{next(self._numbers)}", "python", 1, text)
        self.texts[item.uri], self.versions[item.uri] = text, 1
        return item

    def type_in_cell(self, uri: str, *changes: lsp.TextDocumentContentChangeEvent) -> None:
        """Writes in a cell."""
        self.versions[uri] += 1
        identifier = lsp.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        content = lsp.NotebookDocumentCellContentChanges(identifier, list(changes))
        self._change_notebook(self._notebook(uri), lsp.NotebookDocumentCellChanges(text_content=[content]))

    def rearrange(self, name: str, start: int, count: int, new: Sequence[str]) -> list[str]:
        """Removes some cells and puts others there."""
        cells = self.cells[self.uri(name)]
        items = [self._cell(text) for text in new]
        gone = [lsp.TextDocumentIdentifier(uri) for uri in cells[start : start + count]]
        cells[start : start + count] = [item.uri for item in items]
        array = lsp.NotebookCellArrayChange(
            start, count, [lsp.NotebookCell(lsp.NotebookCellKind.Code, item.uri) for item in items]
        )
        structure = lsp.NotebookDocumentCellChangeStructure(array, items, gone)
        self._change_notebook(self.uri(name), lsp.NotebookDocumentCellChanges(structure=structure))
        return [item.uri for item in items]

    def _notebook(self, uri: str) -> str:
        return next(notebook for notebook, cells in self.cells.items() if uri in cells)

    def _change_notebook(self, uri: str, cells: lsp.NotebookDocumentCellChanges) -> None:
        identifier = lsp.VersionedNotebookDocumentIdentifier(next(self._numbers), uri)
        change = lsp.NotebookDocumentChangeEvent(cells=cells)
        self.send("notebookDocument/didChange", lsp.DidChangeNotebookDocumentParams(identifier, change))

    def close_notebook(self, name: str) -> None:
        """Closes a notebook."""
        cells = [lsp.TextDocumentIdentifier(uri) for uri in self.cells.pop(self.uri(name))]
        identifier = lsp.NotebookDocumentIdentifier(self.uri(name))
        self.send("notebookDocument/didClose", lsp.DidCloseNotebookDocumentParams(identifier, cells))

    # --- findings ----------------------------------------------------------------------------------------------------

    def found(self, uri: str) -> list[lsp.Diagnostic]:
        """What is shown of the newest version of a text, once it is known."""
        wanted = self.versions.get(uri)

        def newest() -> list[lsp.PublishDiagnosticsParams]:
            return [one for one in self.published if one.uri == uri and one.version == wanted]

        self.until(newest)
        return list(newest()[-1].diagnostics)

    def codes(self, uri: str) -> list[str]:
        return [str(one.code) for one in self.found(uri)]

    def next(self, uri: str, codes: Sequence[str]) -> None:
        """Waits until exactly these findings are shown."""

        def shown() -> bool:
            last = [one for one in self.published if one.uri == uri][-1:]
            return bool(last) and [str(one.code) for one in last[0].diagnostics] == list(codes)

        self.until(shown)

    def actions(
        self, uri: str, where: lsp.Range | None = None, only: Sequence[str] | None = None
    ) -> list[lsp.CodeAction]:
        """What is offered at a place, or at the first finding."""
        where = where or self.found(uri)[0].range
        context = lsp.CodeActionContext([], only=list(only) if only else None)
        identifier = lsp.TextDocumentIdentifier(uri)
        return list(self.ask("textDocument/codeAction", lsp.CodeActionParams(identifier, where, context)) or ())

    def chosen(self, actions: Sequence[lsp.CodeAction], title: str) -> dict[str, str]:
        """The texts after the action whose title begins so."""
        (action,) = [one for one in actions if one.title.startswith(title)]
        if action.edit is None:
            offered = self.server.code_action_provider
            assert isinstance(offered, lsp.CodeActionOptions) and offered.resolve_provider, "an editor asks no more"
            action = self.ask("codeAction/resolve", action)
        assert action.edit is not None
        return self.edited(action.edit)

    def edited(self, edit: lsp.WorkspaceEdit) -> dict[str, str]:
        """The texts after an edit."""
        by_uri = dict(edit.changes or {})
        for change in edit.document_changes or ():
            assert isinstance(change, lsp.TextDocumentEdit)
            assert change.text_document.version == self.versions[change.text_document.uri]
            by_uri[change.text_document.uri] = [one for one in change.edits if isinstance(one, lsp.TextEdit)]
        return {uri: applied(self.texts[uri], edits) for uri, edits in by_uri.items()}

    def hover(self, uri: str, line: int, character: int) -> str:
        where = lsp.Position(line, character)
        shown = self.ask("textDocument/hover", lsp.HoverParams(lsp.TextDocumentIdentifier(uri), where))
        return shown.contents.value if shown is not None else ""

    # --- the end -----------------------------------------------------------------------------------------------------

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self.client._server is not None
        return self.client._server

    def stop(self) -> int | None:
        """Says goodbye; the server's exit code."""
        self.ask("shutdown", None)
        self.send("exit", None)
        return self.gone()

    def gone(self) -> int | None:
        """Waits for the end of the server."""
        end = time.monotonic() + LATE
        while self.process.returncode is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.process.returncode

    def end(self) -> None:
        """Ends all that is left."""
        if self.process.returncode is None:
            self._loop.call_soon_threadsafe(self.process.kill)
            self.gone()
        self._await(self.client.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LATE)
        self._loop.close()


def applied(text: str, edits: Sequence[lsp.TextEdit]) -> str:
    """A text after edits, by the letter of the protocol: through UTF-16, lines ended by CR, LF or both."""
    units = text.encode("utf-16-le", "surrogatepass")
    lines = units_of_lines(text)

    def offset(position: lsp.Position) -> int:
        assert position.line < len(lines), "a place below the text"
        start, end = lines[position.line]
        assert start + position.character <= end, "a place behind the end of a line"
        return 2 * (start + position.character)

    for edit in sorted(edits, key=lambda one: offset(one.range.start), reverse=True):
        new = edit.new_text.encode("utf-16-le", "surrogatepass")
        units = units[: offset(edit.range.start)] + new + units[offset(edit.range.end) :]
    return units.decode("utf-16-le", "surrogatepass")


def units_of_lines(text: str) -> list[tuple[int, int]]:
    """Where each line begins and its content ends, in units of UTF-16."""
    lines, start, at = [], 0, 0
    for char, following in itertools.zip_longest(text, text[1:]):
        width = 2 if ord(char) > 0xFFFF else 1
        if char == "\n" or (char == "\r" and following != "\n"):
            content = at - 1 if char == "\n" and at > start and text_unit(text, at - 1) == "\r" else at
            lines.append((start, content))
            start = at + width
        at += width
    return [*lines, (start, at)]


def text_unit(text: str, at: int) -> str:
    """The character whose unit of UTF-16 is at a place."""
    return text.encode("utf-16-le", "surrogatepass")[2 * at : 2 * at + 2].decode("utf-16-le", "replace")


def spot(line: int, start: int, end: int) -> lsp.Range:
    """A range in one line."""
    return lsp.Range(lsp.Position(line, start), lsp.Position(line, end))
