"""``[tool.convlint]`` and ``convlint.toml`` to ``Settings``.

Settings are built in layers: the defaults, the nearest configuration file, then the command line. Each layer is an
``Options`` whose unset fields leave the layers below as they are.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from convlint import backends
from convlint.backends.facts import facts, newest_known, versions
from convlint.entry_points import EntryPoint, check_entry_pattern, check_entry_point
from convlint.errors import UsageError, nearest
from convlint.rule import Context, current, faults, registry
from convlint.source.discovery import DEFAULT_EXCLUDE, absolute, anchored, discover, is_file, matches
from convlint.source.document import Document
from convlint.trial.job import ModelSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OutputFormat = Literal[
    "concise",
    "full",
    "grouped",
    "json",
    "json-lines",
    "junit",
    "github",
    "gitlab",
    "azure",
    "pylint",
    "rdjson",
    "sarif",
    "markdown",
    "html",
]
Exporter = Literal["torchscript", "dynamo", "any"]
CONFIG_FILES = ("convlint.toml", "pyproject.toml")
"""What the configuration file of a folder is called; the first that is there and says anything counts."""
_CHOICES = {"output-format": get_args(OutputFormat), "exporter": get_args(Exporter)}
Targets = tuple[tuple[str, str | None], ...]

TARGETS: tuple[str, ...] = (
    "coreml",
    "executorch",
    "litert",
    "mnn",
    "ncnn",
    "onnx-tf",
    "onnx2tf",
    "onnxruntime",
    "onnxruntime-web",
    "onnxruntime-webgl",
    "onnxruntime-webgpu",
    "onnxruntime-webnn",
    "opencv",
    "openvino",
    "tensorrt",
    "tract",
    "tvm",
)
"""The names that ``--target`` takes."""

_VERSION = re.compile(r"\d+(\.\d+)*")
_TOOL_CODE = re.compile(r"CVL0\d{0,2}")
"""Findings about files and suppressions: no rule of the registry makes them."""
_EVERYTHING = ("ALL", "CVL")


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know, from configuration and command line together."""

    root: Path = field(default_factory=Path.cwd)
    """The folder of the configuration, else the working directory: a baseline names files relative to it."""
    config_file: Path | None = None
    select: tuple[str, ...] = ("",)
    """Code prefixes; ``ALL`` has become the empty one."""
    ignore: tuple[str, ...] = ()
    fixable: tuple[str, ...] = ("",)
    unfixable: tuple[str, ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    """Gitignore-style patterns, those with a slash absolute."""
    force_exclude: bool = False
    respect_gitignore: bool = True
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(pattern, codes); ``!`` before a pattern means every other file."""
    entry_points: tuple[EntryPoint, ...] = ()
    """What an exporter enters besides what looks like it."""
    exclude_entry_points: tuple[EntryPoint, ...] = ()
    """Patterns of what is not entered by itself."""
    exporter: str = "any"
    targets: Targets = (("onnxruntime", None),)
    opset: int | None = None
    show_harmless: bool = False
    preview: bool = False
    fix: bool = False
    fix_only: bool = False
    unsafe_fixes: bool = False
    show_fixes: bool = False
    output_format: OutputFormat = "full"
    cache: bool = True
    cache_dir: Path | None = None
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    baseline: Path | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """What the user should be told of these settings: codes that are called otherwise now, that do nothing..."""
    models: tuple[ModelSpec, ...] = field(default=(), hash=False)
    """The models that repairs are proven with."""

    @property
    def context(self) -> Context:
        """What rules may ask about the run."""
        return Context(exporter=self.exporter, targets=dict(self.targets), opset=self.opset, backends=backends)

    def selects(self, code: str) -> bool:
        """Whether a rule's findings are wanted: the longer prefix wins, ``ignore`` wins a draw."""
        return _longest(self.select, code) > _longest(self.ignore, code)

    def may_fix(self, code: str) -> bool:
        """Whether a rule's fixes may be applied."""
        return _longest(self.fixable, code) > _longest(self.unfixable, code)

    def ignores_in(self, path: Path, code: str) -> bool:
        """Whether ``per-file-ignores`` silences a rule in a file."""
        return any(_longest(codes, code) >= 0 and _covers(pattern, path) for pattern, codes in self.per_file_ignores)


def _longest(prefixes: Iterable[str], code: str) -> int:
    """The length of the longest prefix of ``code``, -1 where none matches."""
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=-1)


def _covers(pattern: str, path: Path) -> bool:
    if pattern.startswith("!"):
        return not matches([pattern[1:]], absolute(path))
    return matches([pattern], absolute(path))


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One ``[[tool.convlint.models]]`` table, as written."""

    factory: str
    name: str = ""
    arguments: dict[str, Any] | list[Any] = {}
    weights: str = ""
    inputs: str = ""
    targets: list[str] = []
    training: bool = False


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One layer of settings, as written: a configuration file, a ``--config 'key = value'`` or the command line."""

    select: list[str] | None = None
    extend_select: list[str] = []
    ignore: list[str] | None = None
    fixable: list[str] | None = None
    unfixable: list[str] | None = None
    exclude: list[str] | None = None
    extend_exclude: list[str] = []
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    per_file_ignores: dict[str, list[str]] | None = None
    entry_points: list[str] | None = None
    exclude_entry_points: list[str] | None = None
    exporter: Exporter | None = None
    target: str | list[str] | None = None
    opset: Annotated[int, msgspec.Meta(ge=7)] | None = None
    show_harmless: bool | None = None
    preview: bool | None = None
    fix: bool | None = None
    fix_only: bool | None = None
    unsafe_fixes: bool | None = None
    show_fixes: bool | None = None
    output_format: OutputFormat | None = None
    cache: bool | None = None
    cache_dir: str | None = None
    jobs: Annotated[int, msgspec.Meta(ge=1)] | None = None
    baseline: str | None = None
    models: list[ModelOptions] | None = None


@dataclass(frozen=True)
class Layer:
    """Options, where they come from (for messages) and the folder that their paths are relative to."""

    options: Options
    source: str
    base: Path


def parse_options(table: Mapping[str, Any], source: str) -> Options:
    """The options of a table of settings.

    Raises:
        UsageError: a key is unknown or a value has the wrong type.
    """
    _check_keys(table, Options.__struct_encode_fields__, source)
    models = table.get("models")
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict):
            _check_keys(model, ModelOptions.__struct_encode_fields__, f"{source}: [[models]]")
    try:
        return msgspec.convert(table, Options)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$.")
        choices = _CHOICES.get(key)
        wrong = (
            what[:1].lower() + what[1:].replace(" | null", "") + (f"; one of {', '.join(choices)}" if choices else "")
        )
        raise UsageError(f"{source}: `{key}`: {wrong}") from None


def _check_keys(table: Mapping[str, Any], known: Sequence[str], source: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{source}: unknown key `{key}`{nearest(key, known) or '; see `convlint check --help`'}")


def parse_targets(words: str | Iterable[str]) -> Targets:
    """``onnxruntime==1.16,coreml`` (or a list of such) to names and versions.

    Raises:
        UsageError: a target or a version is not understood.
    """
    parts = [part.strip() for word in ([words] if isinstance(words, str) else words) for part in word.split(",")]
    found: dict[str, str | None] = {}
    for part in filter(None, parts):
        name, equals, version = (piece.strip() for piece in part.partition("=="))
        if name not in TARGETS:
            hint = nearest(name, TARGETS) or f"; known are {', '.join(TARGETS)}"
            raise UsageError(f"unknown target `{name}`{hint}")
        if equals and not _VERSION.fullmatch(version):
            raise UsageError(f"target `{part}`: `{version}` is no version; write for example `{name}==1.16`")
        found[name] = version or None
    return tuple(found.items())


def check_codes(codes: Iterable[str]) -> None:
    """Makes sure that each code is the beginning of a rule's.

    Raises:
        UsageError: one is not; the nearest code is suggested, or the code of a rule so named.
    """
    for code in codes:
        if code in _EVERYTHING or _TOOL_CODE.fullmatch(code):
            continue
        rules = registry()
        if code and (current(code) in rules or any(known.startswith(code) for known in rules)):
            continue
        if faults() and not code.startswith("CVL"):  # it may be of the pack that cannot be loaded, which is reported
            continue
        names = {rule.name: known for known, rule in rules.items()}
        if code in names:
            raise UsageError(f"`{code}` is the name of a rule; write its code, {names[code]}")
        raise UsageError(f"unknown rule code `{code}`{nearest(code.upper(), rules) or '; see `convlint rule --all`'}")


def apply(settings: Settings, layer: Layer) -> Settings:
    """The settings with a layer laid over them.

    Raises:
        UsageError: a code or target of the layer is unknown, or what it names cannot be an entry point.
    """
    options = layer.options
    try:
        told = (*settings.warnings, *(f"{layer.source}: {text}" for text in _retired(options)))
        changes = _selection(settings, options) | _entries(layer) | _plain(options) | {"warnings": told}
        if options.per_file_ignores is not None:
            changes["per_file_ignores"] = tuple(
                ("!" * pattern.startswith("!") + anchored(pattern.removeprefix("!"), layer.base), _prefixes(codes))
                for pattern, codes in options.per_file_ignores.items()
            )
        if options.opset is not None and options.opset > newest_known():
            raise UsageError(f"opset {options.opset} is not known, {newest_known()} is the newest; write 7 to that")
        if options.target is not None:
            changes["targets"] = parse_targets(options.target)
        if options.models is not None:
            changes["models"] = tuple(_model(model, layer.base) for model in options.models)
    except UsageError as error:
        raise UsageError(f"{layer.source}: {error}") from None
    exclude = settings.exclude if options.exclude is None else _anchored(options.exclude, layer.base)
    changes["exclude"] = exclude + _anchored(options.extend_exclude, layer.base)
    if options.cache_dir is not None:
        changes["cache_dir"] = layer.base / options.cache_dir
    if options.baseline is not None:
        changes["baseline"] = layer.base / options.baseline
    return replace(settings, **changes)


def _model(options: ModelOptions, base: Path) -> ModelSpec:
    parse_targets(options.targets)
    return ModelSpec(
        factory=_located(options.factory, base),
        name=options.name or options.factory,
        arguments=options.arguments,
        weights=str(base / options.weights) if options.weights else "",
        inputs=_located(options.inputs, base),
        targets=options.targets,
        training=options.training,
        folders=(str(base), str(base / "src")),
    )


def _located(name: str, base: Path) -> str:
    """The name of a model or function; a file is of the folder of its configuration."""
    return str(base / name) if re.fullmatch(r"[^\s;\[\]]+\.py:[\w.]+", name) else name


_PLAIN = (
    "force_exclude",
    "respect_gitignore",
    "exporter",
    "opset",
    "show_harmless",
    "preview",
    "fix",
    "fix_only",
    "unsafe_fixes",
    "show_fixes",
    "output_format",
    "cache",
    "jobs",
)


def _plain(options: Options) -> dict[str, Any]:
    return {name: value for name in _PLAIN if (value := getattr(options, name)) is not None}


def _entries(layer: Layer) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for key, check in (("entry_points", check_entry_point), ("exclude_entry_points", check_entry_pattern)):
        names = getattr(layer.options, key)
        if names is not None:
            for name in names:
                check(name)
            changes[key] = tuple(EntryPoint(name, layer.base, layer.source) for name in names)
    return changes


def _anchored(patterns: Iterable[str], base: Path) -> tuple[str, ...]:
    return tuple(anchored(pattern, base) for pattern in patterns)


def _selection(settings: Settings, options: Options) -> dict[str, Any]:
    """The layer's codes over those below: what this layer says wins, however short its prefixes are."""
    select, extend, ignore = map(_prefixes, (options.select, options.extend_select, options.ignore))
    base = settings.select if options.select is None else select
    kept = [code for code in base if code in select or not _within(code, ignore)]
    still = settings.ignore if options.select is None else ()
    changes: dict[str, Any] = {
        "select": (*kept, *extend),
        "ignore": (*(code for code in still if not _within(code, extend)), *ignore),
    }
    if options.fixable is not None:
        changes |= {"fixable": _prefixes(options.fixable), "unfixable": ()}
    if options.unfixable is not None:
        changes["unfixable"] = _prefixes(options.unfixable)
    return changes


def _prefixes(codes: Iterable[str] | None) -> tuple[str, ...]:
    codes = tuple(codes or ())
    check_codes(codes)
    return tuple("" if code == "ALL" else current(code) for code in codes)


def _retired(options: Options) -> Iterator[str]:
    """Warnings about codes of renamed and removed rules.

    Raises:
        UsageError: a rule is selected that was removed.
    """
    selected = (*(options.select or ()), *options.extend_select)
    listed = (options.ignore, options.fixable, options.unfixable, *(options.per_file_ignores or {}).values())
    for code in (*selected, *(code for codes in listed for code in codes or ())):
        rule = registry().get(current(code))
        if rule is None:
            continue
        if rule.code != code:
            yield f"`{code}` is called {rule.code} now; write that"
        if rule.status == "removed":
            if code in selected:
                raise UsageError(f"rule `{code}` was removed and cannot be selected: {rule.reason}")
            yield f"rule `{code}` was removed, so that naming it has no effect: {rule.reason}"


def _idle(settings: Settings) -> Iterator[str]:
    """Warnings about selections that do nothing, or not for much longer."""
    for code in settings.select:
        chosen = [rule for known, rule in registry().items() if known.startswith(code)]
        if chosen and not settings.preview and all(rule.status == "preview" for rule in chosen):
            yield f"selecting `{code}` has no effect, because it is in preview; pass --preview"
        for rule in chosen:
            if rule.code == code and rule.status == "deprecated":
                yield f"rule `{code}` is deprecated and will be removed: {rule.reason}"


def _unknown(settings: Settings) -> Iterator[str]:
    """Warnings about targets, and versions of them, that no facts are about: silence would pass for consent."""
    for name, version in settings.targets:
        known = facts(name, version)
        if known is None:
            yield f"nothing is known of target `{name}` yet, so nothing is reported for it"
        elif version and (reason := backends.out_of_reach(known, version, known.newest_opset)):
            told = f"{reason}, so nothing is reported for it; known are {', '.join(versions(name))}"
            yield f"target `{name}=={version}`: {told}"


def _within(code: str, prefixes: Iterable[str]) -> bool:
    return any(code.startswith(prefix) for prefix in prefixes)


def read_file(path: Path) -> Options | None:
    """The options of a ``convlint.toml`` or of the ``[tool.convlint]`` table of a ``pyproject.toml``, None without one.

    Raises:
        UsageError: the file cannot be read, is no TOML or holds a setting that is not understood.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not valid TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: is nested too deeply; write its lists and tables flatter") from None
    if path.name != "pyproject.toml":
        return parse_options(table, str(path))
    tools = table.get("tool")
    tool = tools.get("convlint") if isinstance(tools, dict) else None
    if tool is None:
        return None
    if not isinstance(tool, dict):
        raise UsageError(f"{path}: `tool.convlint` is no table; write `[tool.convlint]` and the settings below it")
    return parse_options(tool, f"{path}: [tool.convlint]")


class Configuration:
    """Where settings come from in this run, and the settings of each folder.

    Args:
        overrides: layers of the command line, the last one strongest.
        file: the one configuration file to use instead of the nearest to each folder.
        isolated: whether configuration files are left unread.
        warn: is told once what the user should know of settings that are used; by default Python's ``warnings``.
    """

    def __init__(
        self,
        overrides: Sequence[Layer] = (),
        *,
        file: Path | None = None,
        isolated: bool = False,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.overrides = tuple(overrides)
        self._warn = warn
        self._told: set[str] = set()
        self.isolated = isolated
        self._cwd = Path.cwd()
        self._known: dict[Path, Settings] = {}
        self._default = self._settings(self._cwd, None, None) if file is None else self._from(absolute(file), self._cwd)
        self._nearest = file is None and not isolated

    def settings(self, folder: Path) -> Settings:
        """The settings for the files of a folder: those of the nearest configuration file above."""
        found = self._for(absolute(folder)) if self._nearest else self._default
        for text in found.warnings:
            if text not in self._told:
                self._told.add(text)
                self._warn(text)
        return found

    def of_model(self, settings: Settings, model: ModelSpec) -> Settings:
        """Settings with the targets of a model, where it has its own and the command line names none."""
        if not model.targets or any(layer.options.target is not None for layer in self.overrides):
            return settings
        return replace(settings, targets=parse_targets(model.targets))

    def files(self, paths: Sequence[Path | str]) -> dict[Path, Settings]:
        """The files under the paths, each with the settings of its folder.

        Raises:
            UsageError: a path does not exist or a configuration file is wrong.
        """
        return discover([Path(path) for path in paths], self.settings)

    def groups(self, paths: Sequence[Path | str], stdin: Document | None = None) -> list[tuple[Settings, list[Path]]]:
        """Files that share their settings together, one run of the linter each; or one document that is not on disk.

        Raises:
            UsageError: a path does not exist or a configuration file is wrong.
        """
        if stdin is not None:
            settings = self.settings(Path(stdin.path).absolute().parent)
            excluded = settings.force_exclude and matches(settings.exclude, Path(stdin.path).absolute())
            return [] if excluded else [(settings, [])]
        groups: dict[Settings, list[Path]] = {}
        for path, settings in self.files(paths).items():
            groups.setdefault(settings, []).append(path)
        return list(groups.items())

    def _for(self, folder: Path) -> Settings:
        if folder not in self._known:
            self._known[folder] = self._read(folder)
        return self._known[folder]

    def _read(self, folder: Path) -> Settings:
        for name in CONFIG_FILES:
            file = folder / name
            if is_file(file) and (options := read_file(file)) is not None:
                return self._settings(folder, file, options)
        return self._default if folder == folder.parent else self._for(folder.parent)

    def _from(self, file: Path, root: Path) -> Settings:
        options = read_file(file)
        if options is None:
            raise UsageError(f"{file}: has no [tool.convlint] table; add one or name another file")
        return self._settings(root, file, options)

    def _settings(self, root: Path, file: Path | None, options: Options | None) -> Settings:
        settings = Settings(root=root, config_file=file)
        layers = self.overrides if options is None else (Layer(options, str(file), root), *self.overrides)
        for layer in layers:
            settings = apply(settings, layer)
        return replace(settings, warnings=(*settings.warnings, *_idle(settings), *_unknown(settings)))


def parse_config_option(text: str) -> Path | Options:
    """``--config``: the path of a configuration file, or a TOML pair ``key = value``.

    Raises:
        UsageError: it is neither.
    """
    with contextlib.suppress(OSError):  # a pair may be longer than a file's name can be
        if Path(text).is_file():
            return Path(text)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise UsageError(
            f"--config {text}: is neither a file nor a pair `key = value` (strings in quotes: `exporter = 'dynamo'`)"
        ) from None
    return parse_options(table, f"--config {text}")
