// Runs a WASI program with Node: `node wasi.mjs PROGRAM ARGUMENTS`. A trap ends with status 134, as with wasmtime.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const args = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args, env: process.env, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(await readFile(args[0]), wasi.getImportObject());
let status;
try {
    status = wasi.start(instance);
} catch (error) {
    console.error(`trap: ${error.message}`);
    status = 134;
}
process.exit(status);
