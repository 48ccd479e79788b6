// Loads a module that imports nothing, and runs its pending handlers twice: `node module.mjs MODULE`.
import { strictEqual } from "node:assert";
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
strictEqual(instance.exports.run(), 2, "a declared and a registered handler");
strictEqual(instance.exports.run(), 3, "one more registered handler");
