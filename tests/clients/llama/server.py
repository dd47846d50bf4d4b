"""Runs llama.cpp's server until it is killed, in the clients' environment: python server.py MODEL PORT [SHARED]

SHARED is the context that all answers have together; without it each has one of its own.
"""

import sys
import threading

import xllamacpp

SLOTS = 4  # answers at a time; each may hold a share of the context

if __name__ == "__main__":
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.port = sys.argv[1], int(sys.argv[2])
    settings.n_ctx, settings.n_parallel = SLOTS * 8192, SLOTS
    if shared := sys.argv[3:]:
        settings.n_ctx, settings.kv_unified = int(shared[0]), True
    settings.cpuparams.n_threads = 1
    settings.warmup, settings.use_jinja, settings.endpoint_slots = False, True, True
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    threading.Event().wait()
