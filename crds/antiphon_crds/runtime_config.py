"""RuntimeConfig: what the operator writes into a pod's ConfigMap and the runtime reads at its start."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap
from antiphon_crds.control import Tuning
from antiphon_crds.pipeline import Audio, StageRun
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    AbsolutePath,
    Duration,
    GroupName,
    Hardware,
    ItemName,
    ObjectName,
    Origin,
    Port,
    Ratio,
    Url,
    within,
)
from antiphon_crds.stage_options import (
    AsrOptions,
    DiarizationOptions,
    LipsyncOptions,
    LlmOptions,
    SpeechOptions,
    TtsOptions,
    VadOptions,
)
from antiphon_crds.stages import STAGES, Stage
from antiphon_crds.status import API_VERSION
from antiphon_crds.voicemodel import Variant


class Identity(Contract):
    """Whose pod this is."""

    agent: ObjectName
    """Name of the VoiceAgent."""
    namespace: ObjectName = "default"
    """Its namespace."""
    group: GroupName = "main"
    """Placement group."""


class Server(Contract):
    """What the pod serves, and who may ask."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "0.0.0.0"  # noqa: S104 (a pod's own address)
    """Address to listen on."""
    voice_port: Port = 8080
    """Port of the realtime and HTTP API."""
    control_port: Port = 9100
    """Port of metrics, health and control."""
    control_token_file: AbsolutePath | None = None
    """File with the bearer token of the control API. Left out: it answers on loopback only."""
    api_keys_file: AbsolutePath | None = None
    """File with the accepted bearer keys of callers, one a line. Left out: no key is asked for."""
    allowed_origins: Annotated[list[Origin], Field(max_length=32)] = []
    """Web origins whose pages may connect."""

    rules = (
        Rule(
            "self.voicePort != self.controlPort",
            "controlPort is {self.controlPort}, the same as voicePort; give each its own",
            "controlPort",
        ),
    )


class StageOptions(Contract):
    """Options of the stage; only those of its own kind may be set."""

    vad: VadOptions | None = None
    """Options of a vad stage."""
    asr: AsrOptions | None = None
    """Options of an asr stage."""
    llm: LlmOptions | None = None
    """Options of an llm stage."""
    tts: TtsOptions | None = None
    """Options of a tts stage."""
    diarization: DiarizationOptions | None = None
    """Options of a diarization stage."""
    lipsync: LipsyncOptions | None = None
    """Options of a lipsync stage."""
    speech: SpeechOptions | None = None
    """Options of a speech stage."""


class ModelConfig(Contract):
    """A model beside the stage's own."""

    model: ObjectName
    """Name of its VoiceModel."""
    variants: Annotated[list[Variant], Field(min_length=1, max_length=16), ListMap("name")]
    """Its variants, the first of which runs."""


class TrialConfig(ModelConfig):
    """A model on trial beside the stage's own."""

    share: Ratio
    """Share of new sessions that take it."""


class StageConfig(StageRun):
    """One stage of the pipeline: run here from variants, or reached in another group's pods."""

    stage: Stage
    """The stage."""
    model: ObjectName
    """Name of the VoiceModel."""
    variants: Annotated[list[Variant], Field(max_length=16), ListMap("name")] = []
    """Variants that may run here, in full. Empty where the stage is remote."""
    variant: ItemName | None = None
    """Variant to start with. Left out where the stage is remote."""
    remote: Url | None = None
    """Base URL of the pods that run the stage, where it runs in another group."""
    options: StageOptions = StageOptions()
    """Options of the stage."""
    trial: TrialConfig | None = None
    """A model on trial."""
    turn_end: ModelConfig | None = None
    """Model that judges whether a turn is over (vad). Left out: silence decides."""

    rules = (
        *StageRun.rules,
        Rule(
            "has(self.remote) != (size(self.variants) > 0)",
            "stage {self.stage} has {size(self.variants)} variants and remote '{has(self.remote) ? self.remote : ''}';"
            " give exactly one of variants (it runs here) and remote (it runs elsewhere)",
            "remote",
        ),
        Rule(
            "has(self.variant) ? self.variants.exists(v, v.name == self.variant) : size(self.variants) == 0",
            "variant of stage {self.stage} is '{has(self.variant) ? self.variant : ''}';"
            " use one of {self.variants.map(v, v.name)}",
            "variant",
        ),
        Rule(
            "self.stage == 'vad' || !has(self.turnEnd)",
            "stage is {self.stage} and turnEnd is set; set it with stage vad only",
            "turnEnd",
        ),
        *(
            Rule(
                f"self.stage == '{stage}' || !has(self.options.{stage})",
                f"stage is {{self.stage}} and options.{stage} is set; set only the stage's own options",
                "options",
            )
            for stage in STAGES
        ),
    )


class SessionLimits(Contract):
    """What a session is like, and how it ends."""

    max_sessions: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most sessions. Default: what the pod measures."""
    duty_cycle: Annotated[float, Field(ge=0.01, le=1)] = 0.3
    """Share of a session in which the agent works."""
    drain: Annotated[Duration, within("0s", "24h")] = "900s"
    """Time to finish sessions after SIGTERM."""
    idle_timeout: Annotated[Duration, within("1s", "24h")] = "5m"
    """Silence on both sides after which a session is ended."""
    max_duration: Annotated[Duration, within("10s", "24h")] = "2h"
    """Longest session."""
    resume_grace: Annotated[Duration, within("0s", "10m")] = "30s"
    """Time in which a client that lost its connection may come back."""


class Machine(Contract):
    """What the pod runs on."""

    hardware: Hardware | None = None
    """Name under which the variants' profiles know it. Default: detected."""
    numa: Literal["Pin", "Prefer", "Ignore"] = "Prefer"
    """Whether process and memory are pinned to the GPU's NUMA node."""
    model_cache: AbsolutePath = "/var/cache/antiphon"
    """Folder in which models are kept."""
    offline: bool = False
    """Take models from the cache only."""


class Telemetry(Contract):
    """What the pod tells of itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    traces_endpoint: Url | None = None
    """OpenTelemetry endpoint that gets a trace of every turn."""


class RuntimeConfig(Contract):
    """All that a runtime needs to know at its start."""

    api_version: Literal["antiphon.dev/v1alpha1"] = API_VERSION
    """Version of the API."""
    kind: Literal["RuntimeConfig"] = "RuntimeConfig"
    """Kind of the document."""
    identity: Identity
    """Whose pod this is."""
    server: Server = Server()
    """What the pod serves, and who may ask."""
    audio: Audio = Audio()
    """The audio path."""
    stages: Annotated[list[StageConfig], Field(min_length=1, max_length=7), ListMap("stage")]
    """The pipeline's stages, local and remote."""
    sessions: SessionLimits = SessionLimits()
    """What a session is like, and how it ends."""
    machine: Machine = Machine()
    """What the pod runs on."""
    telemetry: Telemetry = Telemetry()
    """What the pod tells of itself."""
    tuning: Tuning = Tuning(generation=0)
    """Tuning to start with: the last one, so that a restarted pod comes up as its sisters are."""

    rules = (
        Rule(
            "self.stages.exists(s, size(s.variants) > 0)",
            "every stage is remote ({self.stages.map(s, s.stage)}); at least one must run here",
            "stages",
        ),
        Rule(
            "!(self.stages.exists(s, s.stage == 'llm') && self.stages.exists(s, s.stage == 'speech'))",
            "stages {self.stages.map(s, s.stage)} have both llm and speech; keep exactly one of them",
            "stages",
        ),
        Rule(
            "self.tuning.stages.all(t, self.stages.exists(s, s.stage == t.stage && size(s.variants) > 0))",
            "tuning is for {self.tuning.stages.map(t, t.stage)}, which do not all run here; tune only stages that do",
            "tuning",
        ),
    )
