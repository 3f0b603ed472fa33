"""What torch and ONNX Runtime say, as it helps a user: without their own files and their advice to each other.

A message may have been cut at any place.
"""

from __future__ import annotations

import re

from convlint.trial.limits import of_machine

_LONGEST_CONDITION = 60
UNKNOWN = re.compile(r"\bz?u[fi]?\d+\b")
"""What torch calls a number that depends on values."""
_STEP = re.compile(r"^\w+: Failed to .* step \d/\d of exporting the model to ONNX\. <class '(?:[\w.]+\.)?(\w+)'>: ")
_ADVICE = re.compile(
    r" \(Refer to the full stack trace above for more[^)]*\)?"
    r"| Please feel free to request support .*?(?:PyTorch GitHub: \S*|$)"
    r"| For more information, run with TORCH_LOGS=\S*"
    r"| If you're using (?:mark_dynamic|Dim\.DYNAMIC), [^.]*(?:\.[A-Z]+[^.]*)*(?:\.(?= |$)|$)"
)
_DATA_DEPENDENT = re.compile(
    r"^(?:GuardOnDataDependentSymNode: )?Could not (?:guard on|extract specialized integer from) data-dependent "
    r"expression (.+?)(?: \(unhinted: .*|$)"
)
_NODE = re.compile(
    r"^\w+: \[ONNXRuntimeError\] : \d+ : \w+ : Non-zero status code returned while running (\w+) node\. "
    r"Name:'([^']*)'(?: Status Message: (.*)|$)"
)
_CPP = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : "
    r"|/?(?:onnxruntime_src/\S+|[\w.-]+\.(?:cc|cpp|h)):\d+ (?:[\w:*&<>~, ]+\([^()]*\) (?:const )?|\w+ )?"
)
"""Where in ONNX Runtime an error was raised."""
_NOT_LOADED = re.compile(r"^\w+: \[ONNXRuntimeError\] : \d+ : \w+ : Load model from \S* failed:\s*")
_REFUSED_NODE = re.compile(r"^(?:\w+: )?Node \(([^()]*)\) Op \((\w+)\) \[\w+Error\] (?=\S)")
_FALSE = re.compile(r"^\S.*? was false\. (?=[A-Z])")
"""What it had asked for, in the words of its code, before what that means."""
_PARTED = re.compile(r"^TracingCheckError: Tracing failed sanity checks! ERROR: Graphs differed across invocations!.*")
_TWO_GRAPHS = "TracingCheckError: two traces differ: the model keeps something between calls, or decides at random"
_CONFLICTS = re.compile(
    r"^\w+: (?:Constraints violated \(|Found the following conflicts between user-specified ranges and inferred )"
)
_CONSTANT = re.compile(
    r"- You marked (\S+) as dynamic but your code specialized it to be a constant \((\d+)\)"
    r"|but tracing inferred a static shape of (\d+) for dimension (\S+)\.(?= |$)"
)
_ONE = re.compile(r"but export 0/1 specialized due to hint of ([01]) for dimension (\S+)\.(?= |$)")
_NO_FUNCTION = re.compile(
    r"^DispatchError: No ONNX function found for <OpOverload\(op='([^']+)', overload='[^']+'\)>\. "
    r"Failure message: No decompositions registered.*"
)
_HIDDEN = re.compile(r"^RuntimeError: unordered_map::at in an autograd\.Function$")
_HIDDEN_TOLD = (
    "RuntimeError: unordered_map::at: this `torch.autograd.Function` uses tensors of a list or a module, and a trace "
    "knows only those that it is given one by one; give `apply` each of them, or call plain functions where nothing is "
    "trained"
)
_OVERLOADED = re.compile(
    r"^RuntimeError: Couldn't find method: 'forward__\d+' on class: '__torch__\.(?:\w+\.)*(\w+)\b.*"
)
_A_DICT = re.compile(r"^RuntimeError: Encountering a dict at the output of the tracer .*")
_NO_OUTPUT = re.compile(r"^RuntimeError: Tracer cannot infer type of (?:([A-Za-z_]\w*)\()?.*")
_UNREGISTERED = re.compile(r"^\w+: Found <class '(?:[\w.<>]+\.)?(\w+)'> in output, which is not a known type\..*")
_OF_NO_INPUT = re.compile(
    r"^RuntimeError: output \d+ \(.* of traced region did not have observable data dependence with trace inputs.*"
)
"""The number says nothing: it is 1 for whichever of a tuple it is."""
OF_NO_INPUT = "RuntimeError: an output depends on no input of the model; leave it out of the outputs"
_NO_MEMORY = re.compile(r"^RuntimeError: \[enforce fail at \S+\] .*you tried to allocate (\d+) bytes.*")


def readable(message: str) -> str:
    """A message in the words that help."""
    message = _NO_MEMORY.sub(_out_of_memory, _REFUSED_NODE.sub(r"\2 `\1`: ", _NOT_LOADED.sub("", message)))
    message = _ADVICE.sub("", _STEP.sub(r"\1: ", message))
    message = _NO_FUNCTION.sub(r"DispatchError: the exporter has no ONNX function for the operator `\1`", message)
    message = _OVERLOADED.sub(
        r"RuntimeError: `torch.jit.trace` compiles the methods marked `@torch.jit.export` too, and cannot where one "
        r"calls `\1`; take the mark off",
        message,
    )
    message = _HIDDEN.sub(_HIDDEN_TOLD, _conflicts(_outputs(message)))
    message = _DATA_DEPENDENT.sub(_asked, _PARTED.sub(_TWO_GRAPHS, message))
    return _NODE.sub(_in_node, message).strip()


def _outputs(message: str) -> str:
    """Which outputs an exporter does not take, where a message is about that: it may be one of whole tensors."""
    message = _A_DICT.sub("RuntimeError: a trace takes a dict among the outputs only with `strict=False`", message)
    message = _NO_OUTPUT.sub(
        lambda found: (
            f"RuntimeError: a trace gives tensors, in tuples, lists or one dict, and no "
            f"{f'`{found[1]}`' if found[1] else 'such outputs'}"
        ),
        message,
    )
    message = _UNREGISTERED.sub(r"RuntimeError: `torch.export` knows no `\1`, which is among the outputs", message)
    return _OF_NO_INPUT.sub(OF_NO_INPUT, message)


def _conflicts(message: str) -> str:
    """Which dynamic sizes a program takes for fixed, and why, where a message is about that."""
    about = _CONFLICTS.match(message)
    told = [f"`{a or b}` to {n or m}" for a, n, m, b in _CONSTANT.findall(message)]
    fixed = [f"the code fixes {', '.join(dict.fromkeys(told))}"] if told else []
    fixed += [
        f"`{size}` is {value} where it is traced, which `torch.export` takes for fixed: trace it with 2 or more"
        for value, size in _ONE.findall(message)
    ]
    return "; ".join(fixed) if about and fixed else message


def _out_of_memory(found: re.Match[str]) -> str:
    advice = "; `--memory` says how much" if int(found[1]) <= of_machine() else ", more than this machine has"
    return f"RuntimeError: out of memory: {int(found[1]) / 1e9:,.3g} GB more are asked for{advice}"


def _asked(found: re.Match[str]) -> str:
    condition = f"`{found[1]}`"
    numbers = list(dict.fromkeys(UNKNOWN.findall(condition)))
    if len(condition) > _LONGEST_CONDITION and numbers:
        more = f" and {len(numbers) - 1} more numbers" if len(numbers) > 1 else ""
        condition = f"what is computed from `{numbers[0]}`{more}"
    return f"GuardOnDataDependentSymNode: {condition} must be known here, and depends on values of tensors"


def said_of_node(message: str) -> str:
    """What ONNX Runtime says of a node that it cannot compute, without which node that is."""
    found = _NODE.match(message)
    return _said(found) if found else readable(message)


def _in_node(found: re.Match[str]) -> str:
    said = _said(found)
    return f"ONNX Runtime fails in {found[1]} `{found[2]}`" + (f": {said}" if said else "")


def _said(found: re.Match[str]) -> str:
    return _FALSE.sub("", _CPP.sub("", found[3] or "").strip())
