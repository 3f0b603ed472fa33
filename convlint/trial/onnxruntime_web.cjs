// Answers what ONNX Runtime Web (wasm) makes of files: a line of JSON for each on stdin, until it ends.
// The package is that of the folder in which node runs.
const path = require("path");
const readline = require("readline");
const ort = require(require.resolve("onnxruntime-web", { paths: [process.cwd()] }));

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";
const typed = { int64: BigInt64Array, uint64: BigUint64Array, float64: Float64Array, float32: Float32Array,
  int32: Int32Array, uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, float16: Uint16Array,
  int8: Int8Array, uint8: Uint8Array, bool: Uint8Array };

function tensor({ type, dims, data }) {
  const bytes = Buffer.from(data, "base64");
  return new ort.Tensor(type, new typed[type](new Uint8Array(bytes).buffer), dims);
}

function told(one) {
  const { type, dims, data } = one;
  return { type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
}

async function answer({ file, given }) {
  const session = await ort.InferenceSession.create(path.resolve(file), { executionProviders: ["wasm"] });
  const fed = Object.fromEntries(session.inputNames.map((name) => [name, tensor(given[name])]));
  const found = await session.run(fed);
  await session.release();
  return { found: session.outputNames.map((name) => told(found[name])) };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const said = await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }));
    process.stdout.write(JSON.stringify(said) + "\n");
  }
})();
