// Writes the log with the add-on, and ends the way it is told to:
//
//     node main.js ADDON FILE [catch] [listen] WAY
//
// With "catch" the add-on catches signals; with "listen" this program listens for SIGTERM. WAY is return, exitCode, exit,
// throw, reject, abort, wait (for a signal), worker, worker-exit or worker-throw. With the last three, only a worker loads
// the add-on.
'use strict';

const { statSync } = require('node:fs');
const { Worker, isMainThread } = require('node:worker_threads');

const [addon, file, ...words] = process.argv.slice(2);
const way = words.at(-1);

function load() {
  const audit = require(addon);
  audit.open(file);
  audit.record(isMainThread ? 'by main' : 'by a worker');
  return audit;
}

function main() {
  const audit = load();
  process.on('exit', (code) => audit.record(`process.on('exit'), ${code}`));
  if (words.includes('catch')) audit.catchSignals();
  if (words.includes('listen')) process.on('SIGTERM', () => process.exit(6));
  switch (way) {
    case 'return':
      break;
    case 'exitCode':
      process.exitCode = 3;
      break;
    case 'exit':
      process.exit(4);
    case 'throw':
      throw new Error('nobody catches it');
    case 'reject':
      Promise.reject(new Error('nobody catches it'));
      break;
    case 'abort':
      process.abort();
    case 'wait':
      setInterval(() => {}, 1 << 30);
      console.log('waits');
  }
}

function startWorker() {
  const worker = new Worker(__filename, { argv: process.argv.slice(2) });
  worker.on('error', () => {});
  worker.on('exit', (code) => console.log(`worker: ${code}, log: ${statSync(file).size} bytes`));
}

function work() {
  load();
  if (way === 'worker-exit') process.exit(5);
  if (way === 'worker-throw') throw new Error('nobody catches it');
}

if (!isMainThread) work();
else if (way.startsWith('worker')) startWorker();
else main();
