"""Graphs with nodes that are wrong, in ONNX's own text form, and what a diagnosis must say of each of these nodes.

``wrong`` names the inputs at fault with their types, ``allowed`` the types that they may have, ``opset`` the first
newer one that would do, ``casts`` those that mend the node (``x>float32`` before it, ``y<int64`` behind it).
"""

from __future__ import annotations

from typing import NamedTuple

FLOATS = "float16 float32 float64"
ALL_FLOATS = "float16 bfloat16 float32 float64"
NUMBERS_7 = "float16 float32 float64 uint32 int32 uint64 int64"
NUMBERS_13 = "float16 bfloat16 float32 float64 uint32 int32 uint64 int64"
NUMBERS = "float16 bfloat16 float32 float64 uint8 int8 uint16 int16 uint32 int32 uint64 int64"
NUMBERS_12 = NUMBERS.replace("bfloat16 ", "")
ANY = f"{NUMBERS} bool complex128 complex64 string"
ANY_9 = ANY.replace("bfloat16 ", "")
HIGH = "float16 bfloat16 float32 float64 uint8 int8 uint32 int32 uint64 int64"
INDEX = "int32 int64"


class Bad(NamedTuple):
    """What must be said of a node."""

    node: str
    """Its first output."""
    wrong: str
    allowed: str
    opset: int | None
    casts: str


class Graph(NamedTuple):
    """A graph and its bad nodes."""

    name: str
    opset: int
    text: str
    bad: tuple[Bad, ...]
    target: str = ""
    """The target that refuses it, where ONNX does not."""
    functions: str = ""


def _one(name: str, opset: int, text: str, *bad: object, target: str = "") -> Graph:
    return Graph(name, opset, text, (Bad(*bad),), target)  # type: ignore[arg-type]


ORT = "onnxruntime"

GRAPHS = (
    Graph("the talk's Clip: counts of positives are clamped and compared", 11,
          "(bool[N,M] pos, float[N] area) => (int64[N] c, float[N] r, float[N] m) {"
          " p = Cast<to = 7>(pos) n = ReduceSum<axes = [1], keepdims = 0>(p) one = Constant<value = int64 {1}>()"
          " c = Clip(n, one) r = Div(area, c) m = Max(c, area) }",
          (Bad("c", "n:int64 one:int64", FLOATS, 12, "n>float32 one>float32 c<int64"),
           Bad("r", "area:float32 c:int64", NUMBERS_7, None, "c>float32"),
           Bad("m", "c:int64 area:float32", FLOATS, None, "c>float32"))),
    _one("int64 Clip", 11,
         "(int64[N] x) => (int64[N] y) { y = Clip(x) }", "y", "x:int64", FLOATS, 12, "x>float32 y<int64"),
    _one("int64 Clip before min was an input", 6, "(int64[N] x) => (int64[N] y) { y = Clip<min = 0.0>(x) }",
         "y", "x:int64", FLOATS, 12, "x>float32 y<int64"),
    _one("Clip with a float bound", 13, "(int64[N] x, float lo) => (int64[N] y) { y = Clip(x, lo) }",
         "y", "x:int64 lo:float32", NUMBERS, None, "x>float32 y<int64"),
    _one("Where of float and int64", 16, "(bool[N] c, float[N] a, int64[N] b) => (float[N] y) { y = Where(c, a, b) }",
         "y", "a:float32 b:int64", ANY, None, "b>float32"),
    _one("Where with a float condition", 16,
         "(float[N] c, float[N] a, float[N] b) => (float[N] y) { y = Where(c, a, b) }",
         "y", "c:float32", "bool", None, "c>bool"),
    _one("Max of int64 and float", 13, "(int64[N] a, float[N] b) => (float[N] y) { y = Max(a, b) }",
         "y", "a:int64 b:float32", NUMBERS, None, "a>float32"),
    _one("Max of int64", 11, "(int64[N] a, int64[N] b) => (int64[N] y) { y = Max(a, b) }",
         "y", "a:int64 b:int64", FLOATS, 12, "a>float32 b>float32 y<int64"),
    _one("Min of bfloat16", 12, "(bfloat16[N] a, bfloat16[N] b) => (bfloat16[N] y) { y = Min(a, b) }",
         "y", "a:bfloat16 b:bfloat16", NUMBERS_12, 13, ""),
    _one("Concat of float and int64", 13,
         "(float[N] a, int64[M] b, float[K] c) => (float[P] y) { y = Concat<axis = 0>(a, b, c) }",
         "y", "a:float32 b:int64 c:float32", ANY, None, "b>float32"),
    _one("Gemm in bfloat16", 11, "(bfloat16[N,4] a, bfloat16[4,3] b) => (bfloat16[N,3] y) { y = Gemm(a, b) }",
         "y", "a:bfloat16 b:bfloat16", NUMBERS_7, 13, ""),
    _one("MatMul of float and int64", 13, "(float[N,4] a, int64[4,3] b) => (float[N,3] y) { y = MatMul(a, b) }",
         "y", "a:float32 b:int64", NUMBERS_13, None, "b>float32"),
    _one("MatMul of int64", 8, "(int64[N,4] a, int64[4,3] b) => (int64[N,3] y) { y = MatMul(a, b) }",
         "y", "a:int64 b:int64", FLOATS, 9, "a>float32 b>float32 y<int64"),
    _one("Add of bool", 14, "(bool[N] a, bool[N] b) => (bool[N] y) { y = Add(a, b) }",
         "y", "a:bool b:bool", NUMBERS, None, "a>int32 b>int32 y<bool"),
    _one("Add of float and a Python int", 14,
         "(float[N] a) => (float[N] y) { k = Constant<value_int = 2>() y = Add(a, k) }",
         "y", "a:float32 k:int64", NUMBERS, None, "k>float32"),
    _one("Mul of float16 and a float32 scale", 14,
         "(float16[N] a) => (float16[N] y) { k = Constant<value_float = 2.0>() y = Mul(a, k) }",
         "y", "a:float16 k:float32", NUMBERS, None, "k>float16"),
    _one("Sub of float16 and float32", 14, "(float16[N] a, float[N] b) => (float[N] y) { y = Sub(a, b) }",
         "y", "a:float16 b:float32", NUMBERS, None, "a>float32"),
    _one("Pow of float and int64", 11, "(float[N] a, int64[N] b) => (float[N] y) { y = Pow(a, b) }",
         "y", "a:float32 b:int64", FLOATS, 12, "b>float32"),
    _one("Mod of bool", 13, "(bool[N] a, bool[N] b) => (bool[N] y) { y = Mod(a, b) }",
         "y", "a:bool b:bool", NUMBERS, None, "a>int32 b>int32 y<bool"),
    _one("Neg of uint8", 13, "(uint8[N] a) => (uint8[N] y) { y = Neg(a) }",
         "y", "a:uint8", "float16 bfloat16 float32 float64 int8 int16 int32 int64", None, "a>int64 y<uint8"),
    _one("Abs of bool", 13,
         "(bool[N] a) => (bool[N] y) { y = Abs(a) }", "y", "a:bool", NUMBERS, None, "a>int32 y<bool"),
    _one("CumSum of bool", 14, "(bool[N] x) => (bool[N] y) { a = Constant<value_int = 0>() y = CumSum(x, a) }",
         "y", "x:bool", NUMBERS_13, None, "x>int32 y<bool"),
    _one("CumSum along a float axis", 14, "(float[N] x, float a) => (float[N] y) { y = CumSum(x, a) }",
         "y", "a:float32", INDEX, None, "a>int64"),
    _one("Relu of int64", 13, "(int64[N] x) => (int64[N] y) { y = Relu(x) }",
         "y", "x:int64", ALL_FLOATS, 14, "x>float32 y<int64"),
    _one("Sigmoid of int32", 13, "(int32[N] x) => (int32[N] y) { y = Sigmoid(x) }",
         "y", "x:int32", ALL_FLOATS, None, "x>float32 y<int32"),
    _one("Softmax of int64", 13, "(int64[N,M] x) => (int64[N,M] y) { y = Softmax(x) }",
         "y", "x:int64", ALL_FLOATS, None, "x>float32 y<int64"),
    _one("Sqrt of int64", 13, "(int64[N] x) => (int64[N] y) { y = Sqrt(x) }",
         "y", "x:int64", ALL_FLOATS, None, "x>float32 y<int64"),
    _one("Floor of int64", 13, "(int64[N] x) => (int64[N] y) { y = Floor(x) }",
         "y", "x:int64", ALL_FLOATS, None, "x>float32 y<int64"),
    _one("Equal of float", 10, "(float[N] a, float[N] b) => (bool[N] y) { y = Equal(a, b) }",
         "y", "a:float32 b:float32", "int32 int64 bool", 11, "a>int64 b>int64"),
    _one("Greater of int64", 8, "(int64[N] a, int64[N] b) => (bool[N] y) { y = Greater(a, b) }",
         "y", "a:int64 b:int64", FLOATS, 9, "a>float32 b>float32"),
    _one("Less of bool", 13, "(bool[N] a, bool[N] b) => (bool[N] y) { y = Less(a, b) }",
         "y", "a:bool b:bool", NUMBERS, None, "a>int32 b>int32"),
    _one("Equal of int32 and int64", 13, "(int32[N] a, int64[N] b) => (bool[N] y) { y = Equal(a, b) }",
         "y", "a:int32 b:int64", f"{NUMBERS} bool", None, "a>int64"),
    _one("And of int64", 13, "(int64[N] a, bool[N] b) => (bool[N] y) { y = And(a, b) }",
         "y", "a:int64", "bool", None, "a>bool"),
    _one("Not of float", 13, "(float[N] x) => (bool[N] y) { y = Not(x) }", "y", "x:float32", "bool", None, "x>bool"),
    _one("ReduceMax of bool", 18, "(bool[N,M] x) => (bool y) { y = ReduceMax<keepdims = 0>(x) }",
         "y", "x:bool", HIGH, 20, "x>int32 y<bool"),
    _one("ReduceSum of bool", 13, "(bool[N,M] x) => (bool y) { y = ReduceSum<keepdims = 0>(x) }",
         "y", "x:bool", NUMBERS_13, None, "x>int32 y<bool"),
    _one("ArgMax of bool", 13, "(bool[N,M] x) => (int64[1,M] y) { y = ArgMax(x) }",
         "y", "x:bool", NUMBERS, None, "x>int32"),
    _one("TopK of int64", 10, "(int64[N] x, int64[1] k) => (int64[K] y, int64[K] i) { y, i = TopK(x, k) }",
         "y", "x:int64", FLOATS, 11, "x>float32 y<int64"),
    _one("TopK with an int32 count", 11, "(float[N] x, int32[1] k) => (float[K] y, int64[K] i) { y, i = TopK(x, k) }",
         "y", "k:int32", "int64", None, "k>int64"),
    _one("ScatterND with int32 indices", 16,
         "(float[N,M] x, int32[K,1] i, float[K,M] u) => (float[N,M] y) { y = ScatterND(x, i, u) }",
         "y", "i:int32", "int64", None, "i>int64"),
    _one("ScatterND of int64 into float", 16,
         "(float[N,M] x, int64[K,1] i, int64[K,M] u) => (float[N,M] y) { y = ScatterND(x, i, u) }",
         "y", "x:float32 u:int64", ANY, None, "u>float32"),
    _one("GatherND with int32 indices", 13, "(float[N,M] x, int32[K,1] i) => (float[K,M] y) { y = GatherND(x, i) }",
         "y", "i:int32", "int64", None, "i>int64"),
    _one("Gather with float indices", 13, "(float[N] x, float[K] i) => (float[K] y) { y = Gather(x, i) }",
         "y", "i:float32", INDEX, None, "i>int64"),
    _one("Slice with starts and ends of two types", 13,
         "(float[N] x, int64[1] s, int32[1] e) => (float[M] y) { y = Slice(x, s, e) }",
         "y", "s:int64 e:int32", INDEX, None, "e>int64"),
    _one("Reshape to int32 sizes", 13, "(float[N] x, int32[2] s) => (float[A,B] y) { y = Reshape(x, s) }",
         "y", "s:int32", "int64", None, "s>int64"),
    _one("Expand to int32 sizes", 13, "(float[N] x, int32[2] s) => (float[A,B] y) { y = Expand(x, s) }",
         "y", "s:int32", "int64", None, "s>int64"),
    _one("Tile with int32 repeats", 13, "(float[N] x, int32[1] r) => (float[M] y) { y = Tile(x, r) }",
         "y", "r:int32", "int64", None, "r>int64"),
    _one("Unsqueeze with int32 axes", 13, "(float[N] x, int32[1] a) => (float[M,1] y) { y = Unsqueeze(x, a) }",
         "y", "a:int32", "int64", None, "a>int64"),
    _one("Pad of int64", 10, "(int64[N] x) => (int64[M] y) { y = Pad<pads = [1, 1]>(x) }",
         "y", "x:int64", FLOATS, 11, "x>float32 y<int64"),
    _one("Resize with double scales", 13,
         "(float[1,1,N,M] x, double[4] s) => (float[1,1,A,B] y) { y = Resize<mode = \"nearest\">(x, , s) }",
         "y", "s:float64", "float32", None, "s>float32"),
    _one("Range over int64 and float", 13, "(int64 n) => (float[M] y) {"
         " a = Constant<value_float = 0.0>() d = Constant<value_float = 1.0>() y = Range(a, n, d) }",
         "y", "a:float32 n:int64 d:float32", "float32 float64 int16 int32 int64", None, "n>float32"),
    _one("Conv of int64", 13, "(int64[1,1,N,M] x, float[1,1,3,3] w) => (float[1,1,A,B] y) { y = Conv(x, w) }",
         "y", "x:int64 w:float32", FLOATS, None, "x>float32"),
    _one("Conv in bfloat16", 13,
         "(bfloat16[1,1,N,M] x, bfloat16[1,1,3,3] w) => (bfloat16[1,1,A,B] y) { y = Conv(x, w) }",
         "y", "x:bfloat16 w:bfloat16", FLOATS, 22, "x>float32 w>float32 y<bfloat16"),
    _one("BatchNormalization of float16 with float32 statistics", 13,
         "(float16[1,3,N] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float16[1,3,N] y)"
         " { y = BatchNormalization(x, s, b, m, v) }",
         "y", "x:float16 s:float32 b:float32 m:float32 v:float32", FLOATS, 15, "x>float32 y<float16"),
    _one("LayerNormalization of int32", 17,
         "(int32[N,4] x, float[4] s) => (int32[N,4] y) { y = LayerNormalization(x, s) }",
         "y", "x:int32 s:float32", ALL_FLOATS, None, "x>float32 y<int32"),
    _one("NonMaxSuppression of float16", 11,
         "(float16[1,N,4] b, float16[1,C,N] s) => (int64[M,3] y) { y = NonMaxSuppression(b, s) }",
         "y", "b:float16 s:float16", "float32", None, "b>float32 s>float32"),
    _one("NonMaxSuppression with an int32 limit", 11,
         "(float[1,N,4] b, float[1,C,N] s, int32 k) => (int64[M,3] y) { y = NonMaxSuppression(b, s, k) }",
         "y", "k:int32", "int64", None, "k>int64"),
    _one("Einsum of float and double", 12,
         "(float[N,M] a, double[M,K] b) => (double[N,K] y) { y = Einsum<equation = \"ij,jk->ik\">(a, b) }",
         "y", "a:float32 b:float64", NUMBERS_12, None, "a>float64"),
    _one("DequantizeLinear of float", 13, "(float[N] x, float s) => (float[N] y) { y = DequantizeLinear(x, s) }",
         "y", "x:float32", "uint8 int8 int32", None, "x>int32"),
    _one("If on a number", 16,
         "(int64 c, float[N] x) => (float[N] y) { y = If(c) <then_branch = t () => (float[N] a) { a = Abs(x) },"
         " else_branch = e () => (float[N] b) { b = Neg(x) }> }",
         "y", "c:int64", "bool", None, "c>bool"),
    _one("int64 Clip in a branch", 11,
         "(bool c, int64[N] x) => (int64[N] y) { y = If(c) <then_branch = t () => (int64[N] a) { a = Clip(x) },"
         " else_branch = e () => (int64[N] b) { b = Neg(x) }> }",
         "a", "x:int64", FLOATS, 12, "x>float32 a<int64"),
    _one("bool Add in a Loop", 16,
         "(int64 n, bool c, bool[N] x) => (bool[N] y) { y = Loop(n, c, x) <body = b (int64 i, bool k, bool[N] s)"
         " => (bool k2, bool[N] t) { k2 = Identity(k) t = Add(s, s) }> }",
         "t", "s:bool", NUMBERS, None, "s>int32 t<bool"),
    Graph("int64 Relu in a function", 13, "(int64[N] x) => (int64[N] y) { y = local.halve(x) }",
          (Bad("r", "v:int64", ALL_FLOATS, 14, "v>float32 r<int64"),),
          functions='<domain: "local", opset_import: ["": 13]> halve (v) => (h) { r = Relu(v) h = Neg(r) }'),
    Graph("three bad nodes, each behind the last", 13,
          "(bool[N] a, float[N] f) => (float[N] y) {"
          " s = Add(a, a) r = Softmax(s) q = Cast<to = 7>(r) y = Where(a, q, f) }",
          (Bad("s", "a:bool", NUMBERS_13, None, "a>int32 s<bool"),
           Bad("r", "s:bool", ALL_FLOATS, None, "s>float32 r<bool"),
           Bad("y", "q:int64 f:float32", ANY_9, None, "q>float32"))),
    _one("Gemm in bfloat16, allowed but without a kernel", 20,
         "(bfloat16[N,4] a, bfloat16[4,3] b) => (bfloat16[N,3] y) { y = Gemm(a, b) }",
         "y", "a:bfloat16", "float32 float64", None, "a>float32 b>float32 y<bfloat16", target=ORT),
    _one("Relu of int64, allowed but without a kernel", 14, "(int64[N] x) => (int64[N] y) { y = Relu(x) }",
         "y", "x:int64", "float32 float64 int32 int8", None, "x>int32 y<int64", target=ORT),
    _one("Erf of double, allowed but without a kernel", 13, "(double[N] x) => (double[N] y) { y = Erf(x) }",
         "y", "x:float64", "float32", None, "x>float32 y<float64", target=ORT),
    _one("Add of bfloat16, allowed but without a kernel", 14,
         "(bfloat16[N] a, bfloat16[N] b) => (bfloat16[N] y) { y = Add(a, b) }",
         "y", "a:bfloat16", "float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8", None,
         "a>float32 b>float32 y<bfloat16", target=ORT),
    _one("Gelu of double, whose definition needs Erf of double", 20, "(double[N] x) => (double[N] y) { y = Gelu(x) }",
         "y", "x:float64", "float32", None, "x>float32 y<float64", target=ORT),
)  # fmt: skip


def text(graph: Graph, opset: int | None = None) -> str:
    """The text of a graph's model, at its opset or at another."""
    domains = ', "local" : 1' if graph.functions else ""
    head = f'<ir_version: {7 if not graph.functions else 10}, opset_import: ["" : {opset or graph.opset}{domains}]>'
    functions = graph.functions.replace('"": 13', f'"": {opset or graph.opset}')
    return f"{head}\ng {graph.text}\n{functions}"
