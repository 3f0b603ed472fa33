"""``convlint server``: the protocol's requests and notifications, each handed to who answers it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, PyglsError
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from convlint import __version__
from convlint.config import CONFIG_FILES
from convlint.rule import faults
from convlint.server.actions import FIX_ALL, KINDS, Actions, wanted
from convlint.server.checking import Checked, Checker
from convlint.server.configured import Configured, Notices
from convlint.server.documents import OpenDocuments, Opened
from convlint.server.positions import Positions
from convlint.server.told import Teller
from convlint.source.discovery import SOURCES

_NOTEBOOKS = lsp.NotebookDocumentSyncOptions(
    notebook_selector=[
        lsp.NotebookDocumentFilterWithNotebook(
            notebook="jupyter-notebook", cells=[lsp.NotebookCellLanguage(language="python")]
        )
    ]
)


class Server(LanguageServer):
    """One editor's server."""

    def __init__(self) -> None:
        super().__init__("convlint", __version__, notebook_document_sync=_NOTEBOOKS)
        self.has_shut_down = False
        self.documents: OpenDocuments
        self.notices = Notices(self.show)
        self.configured = Configured(self.notices, self.show)
        self.checker: Checker
        self.teller: Teller

    def begin(self, capabilities: lsp.ClientCapabilities) -> None:
        """The editor has said what it is."""
        positions = Positions(lsp.PositionEncodingKind(self.workspace.position_encoding).value)
        self.documents = OpenDocuments(next(self.folders(), Path.cwd()), positions)
        published = capabilities.text_document and capabilities.text_document.publish_diagnostics
        self.teller = Teller(positions, related=bool(published and published.related_information))
        self.checker = Checker(self.documents, self.folders, self.notices, self.configured, self.publish)

    def folders(self) -> Iterator[Path]:
        """The folders that the editor has open."""
        uris = [folder.uri for folder in self.workspace.folders.values()] or [self.workspace.root_uri or ""]
        yield from (Path(path) for uri in uris if (path := to_fs_path(uri)))

    def show(self, text: str, is_error: bool) -> None:
        """Shows the user a sentence."""
        kind = lsp.MessageType.Error if is_error else lsp.MessageType.Warning
        self.window_show_message(lsp.ShowMessageParams(kind, f"convlint: {text}"))

    def publish(self, opened: Opened, checked: Checked | None) -> None:
        """Shows what was found, or that nothing is to be found."""
        told = self.teller.diagnostics(checked) if checked is not None else {}
        for text in opened.texts:
            self._publish(text.uri, told.get(text.uri, []), text.version)

    def clear(self, uris: list[str]) -> None:
        """Shows no findings any more."""
        for uri in uris:
            self._publish(uri, [], None)

    def _publish(self, uri: str, diagnostics: list[lsp.Diagnostic], version: int | None) -> None:
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics, version))

    def actions(self, checked: Checked) -> Actions:
        """What can be done about what was found."""
        edits = self._workspace_capabilities.workspace_edit
        versions = bool(edits is not None and edits.document_changes)
        return Actions(checked, self.teller, self.documents.positions, versions=versions)

    @property
    def resolves(self) -> bool:
        """Whether the editor asks for the edit of an action when somebody has chosen it."""
        text = self.client_capabilities.text_document
        support = text.code_action.resolve_support if text is not None and text.code_action is not None else None
        return support is not None and "edit" in support.properties

    @property
    def watches(self) -> bool:
        """Whether the editor tells of files that change on disk, when it is asked to."""
        watched = self._workspace_capabilities.did_change_watched_files
        return bool(watched is not None and watched.dynamic_registration)

    @property
    def _workspace_capabilities(self) -> lsp.WorkspaceClientCapabilities:
        return self.client_capabilities.workspace or lsp.WorkspaceClientCapabilities()

    def report_server_error(self, error: Exception, source: type[PyglsError] | type[JsonRpcException]) -> None:
        """A message that is none, or a fault: told once, and the server goes on."""
        self.notices.wrong(source, f"a message could not be handled ({type(error).__name__}: {error})")


# --- the beginning and the end ---------------------------------------------------------------------------------------


def _initialize(ls: Server, params: lsp.InitializeParams) -> None:
    ls.begin(params.capabilities)


def _initialized(ls: Server, params: lsp.InitializedParams) -> None:  # noqa: ARG001
    for fault in faults():
        ls.show(f"{fault.path}: {fault.message}", True)
    if not ls.watches:
        return
    globs = [*(f"**/{name}" for name in CONFIG_FILES), *(f"**/*{ending}" for ending in SOURCES)]
    options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(glob) for glob in globs])
    registration = lsp.Registration("files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
    ls.client_register_capability(lsp.RegistrationParams([registration]))


def _shutdown(ls: Server, params: None) -> None:  # noqa: ARG001
    ls.has_shut_down = True
    ls.checker.close()


# --- what is open ----------------------------------------------------------------------------------------------------


def _opened(ls: Server, params: lsp.DidOpenTextDocumentParams) -> None:
    ls.checker.changed(ls.documents.open(params.text_document))


def _changed(ls: Server, params: lsp.DidChangeTextDocumentParams) -> None:
    if opened := ls.documents.change(params):
        ls.checker.changed(opened)


def _closed(ls: Server, params: lsp.DidCloseTextDocumentParams) -> None:
    _gone(ls, params.text_document.uri)


def _saved(ls: Server, params: lsp.DidSaveTextDocumentParams) -> None:
    if not ls.watches or Path(params.text_document.uri).name in CONFIG_FILES:
        ls.checker.disk_changed(there=True)


def _opened_notebook(ls: Server, params: lsp.DidOpenNotebookDocumentParams) -> None:
    ls.checker.changed(ls.documents.open_notebook(params))


def _changed_notebook(ls: Server, params: lsp.DidChangeNotebookDocumentParams) -> None:
    if opened := ls.documents.change_notebook(params):
        structure = params.change.cells and params.change.cells.structure
        ls.clear([closed.uri for closed in (structure.did_close or ())] if structure else [])
        ls.checker.changed(opened)


def _closed_notebook(ls: Server, params: lsp.DidCloseNotebookDocumentParams) -> None:
    _gone(ls, params.notebook_document.uri)


def _gone(ls: Server, uri: str) -> None:
    if opened := ls.documents.close(uri):
        ls.checker.closed(opened)
        ls.clear([text.uri for text in opened.texts])


def _disk_changed(ls: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
    ls.checker.disk_changed(there=any(event.type is not lsp.FileChangeType.Changed for event in params.changes))


# --- what is asked ---------------------------------------------------------------------------------------------------


async def _code_action(ls: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    checked = await ls.checker.newest(params.text_document.uri)
    if checked is None:
        return []
    actions, only, found = ls.actions(checked), params.context.only, list[lsp.CodeAction]()
    if wanted(lsp.CodeActionKind.QuickFix, only):
        span = ls.teller.span(checked.opened, params.text_document.uri, params.range)
        if span is not None:
            found += await ls.checker.worked_out(checked, partial(actions.at, span)) or []
    if wanted(FIX_ALL, only) and actions.can_fix_all():
        every = lsp.CodeAction("Repair all that convlint can", FIX_ALL, data={"uri": params.text_document.uri})
        if not ls.resolves:
            every = await _resolve(ls, every)
        if ls.resolves or every.edit is not None:
            found.append(every)
    return found


async def _resolve(ls: Server, action: lsp.CodeAction) -> lsp.CodeAction:
    uri = action.data.get("uri") if isinstance(action.data, dict) else None
    checked = await ls.checker.newest(uri) if isinstance(uri, str) else None
    fixed = await ls.checker.fixed(checked) if checked is not None else None
    if checked is not None and fixed is not None:
        actions = ls.actions(checked)
        for _, text in fixed.changed.values():
            action.edit = await ls.checker.worked_out(checked, partial(actions.replaced, text))
    return action


async def _hover(ls: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    checked = await ls.checker.newest(params.text_document.uri)
    return ls.teller.hover(checked, params.text_document.uri, params.position) if checked is not None else None


_TEXTS: Sequence[tuple[str, Callable[..., Any]]] = (
    (lsp.TEXT_DOCUMENT_DID_OPEN, _opened),
    (lsp.TEXT_DOCUMENT_DID_CHANGE, _changed),
    (lsp.TEXT_DOCUMENT_DID_CLOSE, _closed),
    (lsp.NOTEBOOK_DOCUMENT_DID_OPEN, _opened_notebook),
    (lsp.NOTEBOOK_DOCUMENT_DID_CHANGE, _changed_notebook),
    (lsp.NOTEBOOK_DOCUMENT_DID_CLOSE, _closed_notebook),
)
_OTHERS: Sequence[tuple[str, Callable[..., Any]]] = (
    (lsp.INITIALIZE, _initialize),
    (lsp.INITIALIZED, _initialized),
    (lsp.SHUTDOWN, _shutdown),
    (lsp.TEXT_DOCUMENT_DID_SAVE, _saved),
    (lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, _disk_changed),
    (lsp.CODE_ACTION_RESOLVE, _resolve),
    (lsp.TEXT_DOCUMENT_HOVER, _hover),
)


def made() -> Server:
    """A server that knows its features."""
    server = Server()
    for method, handler in _TEXTS:
        server.protocol.fm.builtin_features.pop(method, None)  # pygls' own idea of texts ends lines at form feeds too
        server.feature(method)(handler)
    for method, handler in _OTHERS:
        server.feature(method)(handler)
    options = lsp.CodeActionOptions(list(KINDS), resolve_provider=True)  # else VS Code asks for no edit that is missing
    server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, options)(_code_action)
    return server


def serve() -> int:
    """Serves one editor on stdin and stdout until it says goodbye; 1 where it went without a word."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a rule pack prints must not look like an answer
    server = made()
    server.start_io(sys.stdin.buffer, answers)
    return int(not server.has_shut_down)
