"""An agent of emulated models, in a file, for commands that need no cluster."""

from __future__ import annotations

from pathlib import Path

AGENT = """\
apiVersion: antiphon.dev/v1alpha1
kind: SLAPolicy
metadata: {name: quick}
spec:
  objectives:
  - {name: response-p95, indicator: response, percentile: 95, targetMs: 450}
  budget: {captureMs: 20, networkRttMs: 40, playbackMs: 20}
  guardrails: {minHeadroom: 0.2}
---
apiVersion: antiphon.dev/v1alpha1
kind: VoiceAgent
metadata: {name: shop, namespace: calls}
spec:
  slaPolicy: quick
  pipeline:
    vad: {model: silero-vad, options: {endOfSpeechMs: 320}}
    asr: {model: emulated-whisper, options: {speculative: false}}
    llm: {model: emulated-mixtral}
    tts: {model: emulated-styletts2}
  scaling: {minReplicas: 1, maxReplicas: 4}
"""


def agent_file(folder: Path, text: str = AGENT) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path
