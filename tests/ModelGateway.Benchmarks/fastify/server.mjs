// A Fastify server with onnxruntime-node, as one writes it: nested arrays in, nested arrays out. One model with one FP32 input; it validates
// nothing, counts nothing and lets everyone in.
// Usage: node server.mjs ADDRESS MODEL_FILE OUTPUT THREADS PROCESSES (threads inside a run, 0 for ONNX Runtime's default)
import cluster from 'node:cluster';
import Fastify from 'fastify';
import * as ort from 'onnxruntime-node';

const [address, modelFile, output, threads, processes] = process.argv.slice(2);

if (cluster.isPrimary && Number(processes) > 1) {
  for (let i = 0; i < Number(processes); i++) cluster.fork();
} else {
  const session = await ort.InferenceSession.create(modelFile, Number(threads) > 0 ? { intraOpNumThreads: Number(threads) } : {});
  const input = session.inputNames[0];
  const app = Fastify({ bodyLimit: 64 << 20 });

  app.post('/predict/:model', async (request) => {
    const value = request.body.inputs[input];
    const dims = shape(value);
    const tensor = new ort.Tensor('float32', Float32Array.from(value.flat(dims.length - 1)), dims);
    const results = await session.run({ [input]: tensor }, [output]);
    return { model: request.params.model, version: '1', outputs: { [output]: rows(results[output]) } };
  });

  const { hostname, port } = new URL(address);
  await app.listen({ host: hostname, port: Number(port) });
}

function shape(value) {
  return Array.isArray(value) ? [value.length, ...shape(value[0])] : [];
}

function rows({ data, dims: [count, width] }) {
  return Array.from({ length: count }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width)));
}
