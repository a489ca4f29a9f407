"""From a configuration to a running pod: the machine, the model store, telemetry, then the servers."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from antiphon_crds.control import Device
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_runtime.capacity.habits import habits_of
from antiphon_runtime.capacity.measuring import measure
from antiphon_runtime.capacity.model import capacity_of
from antiphon_runtime.configuration import ConfigurationError
from antiphon_runtime.machine.devices import Gpu, describe, open_gpu
from antiphon_runtime.machine.hardware import cores, hardware_name
from antiphon_runtime.machine.numa import Pinning, PinningError, pin
from antiphon_runtime.machine.watching import GpuWatch
from antiphon_runtime.models.store import ModelStore
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.server.serving import serve
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.stages.memory import free_bytes
from antiphon_runtime.stages.switching import FreeMemory
from antiphon_runtime.telemetry import logs
from antiphon_runtime.telemetry.loop_lag import LoopLag
from antiphon_runtime.telemetry.metrics import Metrics
from antiphon_runtime.telemetry.traces import Tracer, make_tracer

_log = logging.getLogger(__name__)


def launch(
    config: RuntimeConfig,
    *,
    host: str | None = None,
    models: Path | None = None,
    control_token_file: Path | None = None,
    api_keys_file: Path | None = None,
) -> int:
    """Serves until the process is told to end; returns its exit code. Raises ConfigurationError.

    `host`, `models`, the folder of model files, and the files of secrets go before what the configuration says.
    """
    config = _with_files(config, control_token_file=control_token_file, api_keys_file=api_keys_file)
    store = ModelStore(models or Path(config.machine.model_cache), offline=config.machine.offline)
    logs.set_up(config.telemetry.log_level)
    gpu = open_gpu()
    try:
        pinning = pin(config.machine.numa, gpu.facts.pci_bus_id if gpu else None)
    except PinningError as error:
        raise ConfigurationError(str(error)) from error
    hardware = config.machine.hardware or hardware_name(gpu.facts if gpu else None)
    _log.info("on %s; %s", hardware, pinning.sentence)
    tracer = make_tracer(config.telemetry.traces_endpoint, config.identity)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(config, host or config.server.host, store, gpu, pinning, tracer))
    finally:
        tracer.close()


def _with_files(config: RuntimeConfig, **files: Path | None) -> RuntimeConfig:
    given = {name: str(file.absolute()) for name, file in files.items() if file is not None}
    return config.model_copy(update={"server": config.server.model_copy(update=given)})


async def _serve(
    config: RuntimeConfig, host: str, store: ModelStore, gpu: Gpu | None, pinning: Pinning, tracer: Tracer
) -> int:
    metrics = Metrics()
    pod = Pod(
        config,
        store.folder,
        partial(_free_memory, gpu),
        partial(_capacity, config),
        threads=max(1, math.floor(cores())),
        metrics=metrics,
        tracer=tracer,
        on_loaded=store.close,
    )
    with ExitStack() as running:
        running.callback(store.stop)
        running.enter_context(LoopLag(metrics.loop_lag))
        watch = running.enter_context(GpuWatch(gpu, metrics.gpu)) if gpu is not None else None
        return await serve(pod, host=host, device=partial(_device, watch, pinning))


async def _capacity(config: RuntimeConfig, stages: Stages) -> int:
    capacity = capacity_of(await measure(stages), habits_of(config), cores=cores())
    if capacity.is_too_slow:
        _log.warning("this machine is too slow even for one session: %s", capacity.binding)
    _log.info("room for %d sessions; one more would be too much for %s", capacity.sessions, capacity.binding)
    return capacity.sessions


def _device(watch: GpuWatch | None, pinning: Pinning) -> Device:
    latest = watch.latest if watch is not None else None
    return describe(latest, pinning=pinning.sentence, numa_node=pinning.node)


def _free_memory(gpu: Gpu | None) -> FreeMemory:
    return FreeMemory(host=free_bytes(), gpu=gpu.read().memory_free_bytes if gpu is not None else None)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: it spends less on each message (tests/bench/overhead.py)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
