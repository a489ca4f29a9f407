"""A program that is started as `vllm serve` is and has its HTTP endpoints. It has no model: its answers are made up.

Flags are those that vLLM documents, no others. A file `fake.json` in the model's folder says what goes wrong; in
`started` it leaves its process number, and in `told` what it was told to do. A request that says "crash" ends it, one
that says "hang" makes it answer nothing any more. As with the real one, whatever comes while it sleeps ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openai_server import Asked, Handler, World, listening, tell_for_ever

DTYPES = ("auto", "bfloat16", "float", "float16", "float32", "half")
"""Documented choices."""


def parser() -> argparse.ArgumentParser:
    """The flags that we use, as documented for vLLM 0.9 and later."""
    found = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    serve = found.add_subparsers(dest="command", required=True).add_parser("serve", allow_abbrev=False)
    serve.add_argument("model_tag")
    serve.add_argument("--uds", required=True)
    serve.add_argument("--served-model-name", nargs="+")
    serve.add_argument("--dtype", choices=DTYPES)
    serve.add_argument("--disable-uvicorn-access-log", action="store_true")
    for name in ("max-model-len", "max-num-batched-tokens", "max-num-seqs", "seed", "tensor-parallel-size"):
        serve.add_argument(f"--{name}", type=int)
    serve.add_argument("--kv-cache-memory-bytes", type=int)
    serve.add_argument("--gpu-memory-utilization", type=float)
    for name in ("chat-template", "quantization", "reasoning-parser", "tool-call-parser"):
        serve.add_argument(f"--{name}")
    serve.add_argument("--config-format", choices=("auto", "hf", "mistral"))
    serve.add_argument("--kv-cache-dtype")
    serve.add_argument("--load-format")
    serve.add_argument("--tokenizer-mode", choices=("auto", "hf", "slow", "mistral", "custom"))
    for name in ("limit-mm-per-prompt", "speculative-config"):
        serve.add_argument(f"--{name}", type=json.loads)
    for name in ("prefix-caching", "sleep-mode", "auto-tool-choice"):
        serve.add_argument(f"--enable-{name}", action=argparse.BooleanOptionalAction)
    serve.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
    serve.add_argument("--trust-remote-code", action=argparse.BooleanOptionalAction)
    return found


class Server:
    def __init__(self, folder: Path, *, has_sleep: bool) -> None:
        self.folder = folder
        self.has_sleep = has_sleep
        self.asleep: set[str] = set()
        self.hangs = False

    def get(self, handler: Handler) -> None:
        self._hang()
        if handler.path == "/health":
            handler.reply(200, b"")
        else:
            handler.reply(404, {"detail": "Not Found"})

    def post(self, handler: Handler, asked: Asked) -> bool:
        """Whether that was all."""
        address = urlsplit(asked.path)
        if self.has_sleep and address.path in ("/sleep", "/wake_up", "/collective_rpc"):
            self._tell(asked.path)
            self._rest(address.path, parse_qs(address.query))
            handler.reply(200, b"")
            return True
        if self.asleep or b'"crash"' in asked.body:
            print("RuntimeError: CUDA error: an illegal memory access was encountered", flush=True)
            os._exit(7)
        self.hangs |= b'"hang"' in asked.body
        self._hang()
        if b'"for ever"' in asked.body:
            tell_for_ever(handler, asked)
        return False

    def _rest(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "/sleep":
            self.asleep = {"weights", "kv_cache"}
        elif path == "/wake_up":
            self.asleep -= set(query.get("tags", ("weights", "kv_cache")))

    def _tell(self, what: str) -> None:
        with (self.folder / "told").open("a") as file:
            file.write(f"{what}\n")

    def _hang(self) -> None:
        while self.hangs:
            time.sleep(60)


def main() -> None:
    given = parser().parse_args()
    folder = Path(given.model_tag)
    trouble: dict[str, Any] = {}
    if (folder / "fake.json").exists():
        trouble = json.loads((folder / "fake.json").read_text())
    with (folder / "started").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if trouble.get("deafToTerm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if trouble.get("worker"):
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / "worker").write_text(str(worker.pid))
    print("INFO Loading safetensors checkpoint shards: 0%", flush=True)
    time.sleep(trouble.get("startSeconds", 0))
    if trouble.get("endsAtStart"):
        print("ValueError: No available memory for the cache blocks", file=sys.stderr)
        sys.exit(1)
    world = World()
    server = Server(folder, has_sleep=os.environ.get("VLLM_SERVER_DEV_MODE") == "1" and bool(given.enable_sleep_mode))
    world.get, world.post = server.get, server.post
    listener = listening(world, given.uds)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
