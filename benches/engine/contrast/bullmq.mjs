// The same jobs that do nothing, on BullMQ: node bullmq.mjs WHERE ROLE [JOBS CALLERS RATE]
// WHERE: folder with node_modules/bullmq. The Redis is in REDIS_URL, the queue's name in QUEUE.
// ROLE send: adds JOBS jobs, one a call, and prints { seconds, cpu_ms } when all of them have ended; RATE 0: as fast as it is
// answered. ROLE work: works until SIGTERM, then prints { start_ms: [...], cpu_ms }.
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , where, role, jobs, callers, rate] = process.argv;
const { Queue, Worker } = createRequire(join(where, "x.js"))("bullmq");
const url = new URL(process.env.REDIS_URL);
const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };
const now = () => performance.timeOrigin + performance.now();
const cpu = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function work() {
  const waits = [];
  let first;
  const note = async (job) => {
    first ??= process.cpuUsage();
    waits.push(now() - job.data.accepted);
    return "unchanged";
  };
  const worker = new Worker(process.env.QUEUE, note, { connection, concurrency: 64 });
  await worker.waitUntilReady();
  console.log("ready");
  process.on("SIGTERM", async () => {
    await worker.close();
    // An exit does not wait for a pipe.
    process.stdout.write(JSON.stringify({ start_ms: waits, cpu_ms: cpu(first) }) + "\n", () => process.exit(0));
  });
}

async function send() {
  const queue = new Queue(process.env.QUEUE, { connection });
  await queue.waitUntilReady();
  const [began, used] = [now(), process.cpuUsage()];
  let left = Number(jobs);
  const pause = Number(rate) > 0 ? (1000 * Number(callers)) / Number(rate) : 0;
  const caller = async () => {
    let due = now();
    while (left-- > 0) {
      due += pause;
      if (pause > 0) await sleep(Math.max(0, due - now()));
      await queue.add("noop", { accepted: now() });
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, caller));
  while ((await queue.getCompletedCount()) < Number(jobs)) await sleep(10);
  console.log(JSON.stringify({ seconds: (now() - began) / 1000, cpu_ms: cpu(used) }));
  await queue.close();
}

await (role === "work" ? work() : send());
