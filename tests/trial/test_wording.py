"""What torch and ONNX Runtime say, made readable."""

from __future__ import annotations

import pytest

from convlint.trial.wording import readable, said_of_node

_RUNTIME = "Fail: [ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running "
_VIOLATED = "UserError: Constraints violated (x.shape[2])!"
_MARKED = " - You marked x.shape[2] as dynamic but your code specialized it to be a constant (240)."

_CONFLICTS = (
    "ValueError: Found the following conflicts between user-specified ranges and inferred ranges from model tracing: "
)
_HINT = "Received user-specified dim hint Dim.DYNAMIC(min=None, max=None), but"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            f"{_RUNTIME}Add node. Name:'/m/Add' Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/math/"
            "element_wise_ops.h:563 void onnxruntime::BroadcastIterator::Init(ptrdiff_t, ptrdiff_t) axis == 1 || "
            "axis == largest was false. Attempting to broadcast an axis by a dimension other than 1. 8 by 9",
            "ONNX Runtime fails in Add `/m/Add`: Attempting to broadcast an axis by a dimension other than 1. 8 by 9",
        ),
        (
            f"{_RUNTIME}Concat node. Name:'/m' Status Message: concatbase.h:135 PrepareForComputeImpl Non concat axis",
            "ONNX Runtime fails in Concat `/m`: Non concat axis",
        ),
        (
            "Fail: [ONNXRuntimeError] : 1 : FAIL : Load model from model.onnx failed:Node (/m/MaxPool) Op (MaxPool) "
            "[ShapeInferenceError] Attribute dilations has incorrect size",
            "MaxPool `/m/MaxPool`: Attribute dilations has incorrect size",
        ),
        (
            "RuntimeError: Couldn't find method: 'forward__0' on class: '__torch__.torch.nn.modules.rnn.GRU (of Python "
            "compilation unit at: 0x55d1)'",
            "RuntimeError: `torch.jit.trace` compiles the methods marked `@torch.jit.export` too, and cannot where one "
            "calls `GRU`; take the mark off",
        ),
        (f"{_RUNTIME}Mul node. Name:'n'", "ONNX Runtime fails in Mul `n`"),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 1500000000 bytes. Error code 12 (C",
            "RuntimeError: out of memory: 1.5 GB more are asked for; `--memory` says how much",
        ),
        (
            f'{_VIOLATED} For more information, run with TORCH_LOGS="+dynamic".{_MARKED} If you\'re using '
            "mark_dynamic, either remove it or use maybe_mark_dynamic. If you're using Dim.DYNAMIC, replace it with "
            f"either Dim.STATIC or Dim.AUTO.{_MARKED} If you're using mark_dy",
            "the code fixes `x.shape[2]` to 240",
        ),
        (
            "GuardOnDataDependentSymNode: Could not guard on data-dependent expression Eq(u0, 1) (unhinted: Eq(u0, 1))",
            "GuardOnDataDependentSymNode: `Eq(u0, 1)` must be known here, and depends on values of tensors",
        ),
        (
            f"GuardOnDataDependentSymNode: Could not guard on data-dependent expression {'u26 + (u2 - u4)//8 + ' * 9}1",
            "GuardOnDataDependentSymNode: what is computed from `u26` and 2 more numbers must be known here, and "
            "depends on values of tensors",
        ),
        (
            f"GuardOnDataDependentSymNode: Could not guard on data-dependent expression {' + '.join(['4*u0'] * 20)}",
            "GuardOnDataDependentSymNode: what is computed from `u0` must be known here, and depends on "
            "values of tensors",
        ),
        (
            "SymbolicValueError: Unsupported: ONNX export of operator abc. Please feel free to request support or sub",
            "SymbolicValueError: Unsupported: ONNX export of operator abc.",
        ),
        (
            "ConversionError: Failed to convert the program. This is step 3/3 of exporting the model to ONNX. "
            "<class 'torch.onnx._internal.exporter._errors.DispatchError'>: No ONNX function found",
            "DispatchError: No ONNX function found",
        ),
        (
            "TracingCheckError: Tracing failed sanity checks! ERROR: Graphs differed across invocations! Graph diff: "
            "graph(%self.1 : __torch__.Flat, - %x.1 : Float(2, 3) ? ^ + %x : Float(2,",
            "TracingCheckError: two traces differ: the model keeps something between calls, or decides at random",
        ),
        (
            "ConversionError: Failed to convert the exported program to an ONNX model. This is step 3/3 of exporting "
            "the model to ONNX. <class 'torch.onnx._internal.exporter._errors.DispatchError'>: No ONNX function "
            "found for <OpOverload(op='transformers.grouped_mm_fallback', overload='default')>. Failure message: "
            "No decompositions registered for the real-valued input \u2b06\ufe0f <class 'torch.onnx._internal.ex",
            "DispatchError: the exporter has no ONNX function for the operator `transformers.grouped_mm_fallback`",
        ),
        (
            f"{_CONFLICTS}- {_HINT} tracing inferred a static shape of 16 for dimension N. - {_HINT} tracing inferred "
            "a static shape of 16 for dimension mask.shape[1]. (Refer to the full stack trace above for more.)",
            "the code fixes `N` to 16, `mask.shape[1]` to 16",
        ),
        (
            f"{_CONFLICTS}- {_HINT} export 0/1 specialized due to hint of 1 for dimension x.shape[0].",
            "`x.shape[0]` is 1 where it is traced, which `torch.export` takes for fixed: trace it with 2 or more",
        ),
        ("RuntimeError: anything else", "RuntimeError: anything else"),
        ("RuntimeError: no. (Refer to the full stack trace above for more information.)", "RuntimeError: no."),
        ("RuntimeError: no. (Refer to the full stack trace above for more inf", "RuntimeError: no."),
    ],
)
def test_a_message_says_what_a_user_can_understand(said: str, told: str) -> None:
    assert readable(said) == told


def test_an_error_in_a_pass_is_told_without_the_passes_around_it() -> None:
    from onnx_ir.passes import PassError

    from convlint.trial.execute import told

    error = PassError("An error occurred when running the '<PassManager object at 0x7fa5a80d5b90>' pass")
    error.__cause__ = PassError("An error occurred at step 0")
    error.__cause__.__cause__ = RuntimeError("Error during constant folding for node 'split'")
    assert told(error) == "RuntimeError: Error during constant folding for node 'split'"


def test_of_a_node_that_fails_only_what_is_said_is_left() -> None:
    assert said_of_node(f"{_RUNTIME}Concat node. Name:'/m' Status Message: concatbase.h:135 f Axis 2") == "Axis 2"
    assert said_of_node("Fail: something else") == "Fail: something else"
