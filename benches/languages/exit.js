// Registers, runs or removes listeners for Node's 'exit' event, and prints the nanoseconds for each.

const [measure, count] = [process.argv[2], Number(process.argv[3])];
let start;
const tell = () => console.log(Number(process.hrtime.bigint() - start) / count);
const listener = (at) => () => at;
process.setMaxListeners(0);

if (measure === "register") {
  start = process.hrtime.bigint();
  for (let at = 0; at < count; at++) process.on("exit", listener(at));
  tell();
} else if (measure === "run") {
  for (let at = 0; at < count; at++) process.on("exit", listener(at));
  process.on("exit", tell); // they run first in, first out
  start = process.hrtime.bigint();
} else if (measure === "remove") {
  const listeners = Array.from({ length: count }, (_, at) => listener(at));
  for (const one of listeners) process.on("exit", one);
  for (let last = count - 1; last > 0; last--) {
    const at = Math.floor(Math.random() * (last + 1));
    [listeners[last], listeners[at]] = [listeners[at], listeners[last]];
  }
  start = process.hrtime.bigint();
  for (const one of listeners) process.off("exit", one);
  tell();
}
