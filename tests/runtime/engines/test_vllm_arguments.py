from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from fake_vllm import parser
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.stages import Precision
from antiphon_crds.voicemodel import Variant, VoiceModelSpec
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.vllm_arguments import OWN, SWITCHES, VALUES, flag, serve_arguments

_POLICIES = Path(__file__).parents[3] / "policies"
_FOLDER, _SOCKET = Path("/models/m"), Path("/run/s")
_PROFILE = {
    "hardware": "h", "alphaMs": 1, "betaMs": 1, "item": "i", "basis": "Projected", "origin": "o", "maxBatch": 48,
}  # fmt: skip
_KNOWN: dict[str, Any] = {
    "configFormat": "mistral",
    "gpuMemoryUtilization": 0.5,
    "limitMmPerPrompt": {"audio": 1},
    "speculativeConfig": {"method": "ngram"},
    "tokenizerMode": "mistral",
}


def _variant(**given: Any) -> Variant:
    return Variant.model_validate(
        {"name": "v", "engine": "vllm", "source": {"path": {"path": "/m"}}, "memory": {"gpu": "8Gi", "host": "1Gi"}}
        | given
    )


def _parsed(variant: Variant) -> Any:
    return parser().parse_args(serve_arguments(variant, _FOLDER, _SOCKET, "name"))


def _options() -> st.SearchStrategy[dict[str, Any]]:
    def value(name: str) -> st.SearchStrategy[Any]:
        if name in _KNOWN:
            return st.just(_KNOWN[name])
        return st.integers(1, 10**6) if VALUES[name] is int else st.sampled_from(["auto", "fp8", "x-y"])

    values = {name: value(name) for name in VALUES}
    switches = {name: st.booleans() for name in SWITCHES}
    return st.fixed_dictionaries({}, optional=values | switches | {"cudaGraphs": st.booleans()})


@given(_options(), st.sampled_from(get_args(Precision)), st.integers(0, 8), st.booleans())
def test_every_variant_gives_documented_flags_with_its_values(
    options: dict[str, Any], precision: Precision, gpus: int, measured: bool
) -> None:
    profiles = [_PROFILE] if measured else []
    parsed = vars(_parsed(_variant(options=options, precision=precision, gpus=gpus, profiles=profiles)))
    assert (parsed["model_tag"], parsed["uds"]) == (str(_FOLDER), str(_SOCKET))
    assert parsed["served_model_name"] == ["name"]
    assert parsed["tensor_parallel_size"] == (gpus if gpus > 1 else None)
    for name in options.keys() & {*VALUES, *SWITCHES}:
        assert parsed[flag(name)[2:].replace("-", "_")] == options[name]
    if "maxNumSeqs" not in options:
        assert parsed["max_num_seqs"] == (48 if measured else None)
    if options.get("cudaGraphs") is False:
        assert parsed["enforce_eager"] is options.get("enforceEager", True)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp16", "float16"), ("bf16", "bfloat16"), ("fp32", "float32"), ("fp8", "auto"), ("int4", "auto")],
)
def test_the_precision_is_the_dtype_unless_weights_are_quantised(precision: Precision, dtype: str) -> None:
    assert _parsed(_variant(precision=precision)).dtype == dtype


def test_the_policies_own_variants_are_understood() -> None:
    found = 0
    for path in sorted(_POLICIES.glob("models-gpu-*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for variant in VoiceModelSpec.model_validate(document["spec"]).variants:
                if variant.engine == "vllm":
                    found += 1
                    _parsed(variant)
    assert found > 5


def test_further_arguments_come_last() -> None:
    arguments = serve_arguments(
        _variant(options={"args": ["--block-size", 16], "maxNumSeqs": 3}), _FOLDER, _SOCKET, "n"
    )
    assert arguments[-2:] == ["--block-size", "16"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"maxNumSeq": 3}, "does not know option maxNumSeq; it knows args,"),
        ({"maxNumSeqs": "3"}, "maxNumSeqs is '3'; give it as int"),
        ({"maxNumSeqs": True}, "maxNumSeqs is True; give it as int"),
        ({"gpuMemoryUtilization": "x"}, "gpuMemoryUtilization is 'x'; give it as float"),
        ({"enforceEager": "yes"}, "enforceEager is 'yes'; give true or false"),
        ({"args": "--seed 3"}, "args is '--seed 3'; give a list"),
    ],
)
def test_an_option_that_can_not_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineError, match=told):
        serve_arguments(_variant(options=options), _FOLDER, _SOCKET, "n")


def test_no_option_is_known_twice() -> None:
    assert not OWN & {*VALUES, *SWITCHES}
    assert not VALUES.keys() & set(SWITCHES)
