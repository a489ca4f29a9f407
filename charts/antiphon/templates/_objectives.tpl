{{- /*
What an objective of `monitoring.rules.objectives` measures, in the words of an SLAPolicy, as PromQL by namespace and agent.
Latencies are in seconds, whatever the policy counts in.
*/ -}}
{{- define "antiphon.objective.expression" -}}
{{- $by := "by (namespace, agent)" -}}
{{- $who := printf "agent=~%q" (default ".+" .agents) -}}
{{- $latency := dict
  "turn" "antiphon_turn_e2e_seconds"
  "response" "antiphon_turn_response_seconds"
  "bargeIn" "antiphon_barge_in_stop_seconds"
  "sessionStart" "antiphon_session_start_seconds" -}}
{{- $ratio := dict
  "rejectedSessions" (list "antiphon_sessions_rejected_total{%s}" "antiphon_sessions_rejected_total{%s}" "antiphon_session_start_seconds_count{%s}")
  "droppedSessions" (list "antiphon_sessions_ended_total{end=~\"lost|drained|failed\",%s}" "antiphon_sessions_ended_total{%s}" "")
  "failedTurns" (list "antiphon_turns_total{result=\"failed\",%s}" "antiphon_turns_total{%s}" "")
  "audioUnderruns" (list "antiphon_spoken_answers_total{result=\"underrun\",%s}" "antiphon_spoken_answers_total{%s}" "")
  "missedFrames" (list "antiphon_lipsync_frame_miss_total{%s}" "antiphon_lipsync_frames_total{%s}" "") -}}
{{- $window := .window -}}
{{- if hasKey $latency .indicator -}}
{{- $metric := get $latency .indicator -}}
histogram_quantile({{ divf .percentile 100 }}, sum {{ $by | replace ")" ", le)" }} (rate({{ $metric }}_bucket{ {{- $who -}} }[{{ $window }}]))) > {{ divf .targetMs 1000 }}
{{- else -}}
{{- $parts := get $ratio .indicator -}}
sum {{ $by }} (rate({{ printf (index $parts 0) $who }}[{{ $window }}])) / {{ if index $parts 2 -}}
(sum {{ $by }} (rate({{ printf (index $parts 1) $who }}[{{ $window }}])) + sum {{ $by }} (rate({{ printf (index $parts 2) $who }}[{{ $window }}])))
{{- else -}}
sum {{ $by }} (rate({{ printf (index $parts 1) $who }}[{{ $window }}]))
{{- end }} > {{ .maxRatio }}
{{- end -}}
{{- end -}}
