// Loads a module that is given nothing, and runs what is pending in it twice: `node module.mjs MODULE`.
import { strictEqual } from "node:assert";
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
strictEqual(instance.exports.run(), 2, "what is declared, and what is registered");
strictEqual(instance.exports.run(), 3, "what is registered");
