# Runs a WASI program with wasmtime's PyPI package: `python3 wasi.py PROGRAM ARGUMENTS`. A trap ends with status 134, as with the
# command.
import sys

from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, Trap, WasiConfig

wasi = WasiConfig()
wasi.argv = sys.argv[1:]
wasi.inherit_env()
wasi.inherit_stdin()
wasi.inherit_stdout()
wasi.inherit_stderr()
config = Config()
config.cache = True  # otherwise each start compiles the program
engine = Engine(config)
store = Store(engine)
store.set_wasi(wasi)
linker = Linker(engine)
linker.define_wasi()
try:
    program = linker.instantiate(store, Module.from_file(engine, sys.argv[1]))
    program.exports(store)["_start"](store)
except ExitTrap as exit:
    sys.exit(exit.code)
except Trap as trap:
    print(f"trap: {trap}", file=sys.stderr)
    sys.exit(134)
