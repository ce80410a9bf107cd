// Starts the S3 part of the emulator fauxqs on the loopback address only (its own start listens on all of them).
// Usage: node s3-server.mjs <folder with node_modules> <port, 0 for a free one> [folder for data that outlives it]
// Writes "listening <port>" when it answers, and ends when its standard input does: it never outlives the test that started it.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, port, data] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(tools, "node_modules/fauxqs/dist", file)));
const { buildApp } = await load("app.js");
const { S3Store } = await load("s3/s3Store.js");

const s3Store = new S3Store();
if (data) {
  const { PersistenceManager } = await load("persistence.js");
  const persistence = new PersistenceManager(data);
  persistence.loadS3(s3Store);
  s3Store.persistence = persistence;
}

const app = buildApp({ logger: false, stores: { s3Store } });

// The emulator drops the headers of encryption. Of an upload in one piece they are kept here and told with each answer about the object, as S3
// does; its ETag is then as long as an MD5 and none, as S3's is for objects that are encrypted with a key of KMS.
app.addHook("onSend", async (request, reply, payload) => {
  const object = s3Store.buckets.get(request.params.bucket)?.get(request.params["*"]);
  if (object && reply.statusCode < 300) {
    if (request.method === "PUT" && request.headers["x-amz-server-side-encryption"] && !request.query.uploadId) {
      object.encryption = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith("x-amz-server-side-encryption")));
      object.etag = `"${randomBytes(16).toString("hex")}"`;
      reply.header("etag", object.etag);
    }
    reply.headers(object.encryption ?? {});
  }
  return payload;
});
await app.listen({ port: Number(port), host: "127.0.0.1" });
process.stdin.on("end", () => process.exit(0)).resume();
console.log(`listening ${app.server.address().port}`);
