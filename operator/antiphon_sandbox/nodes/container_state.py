"""What a container's status says: its state, the state before, how often it was restarted."""

from __future__ import annotations

from datetime import datetime

from antiphon_sandbox.objects import Obj, timestamp

LOST_EXIT_CODE = 137
START_ERROR_EXIT_CODE = 128
_NEVER = "1970-01-01T00:00:00Z"


class ContainerState:
    """One container's part of the pod's status."""

    def __init__(self, container: Obj, pod_uid: str, waiting_for: str) -> None:
        self._container = container
        self._pod_uid = pod_uid
        self.state: Obj = {"waiting": {"reason": waiting_for}}
        self.last_state: Obj = {}
        self.restarts = 0
        self.started = False
        self.ready = False

    @property
    def name(self) -> str:
        return str(self._container["name"])

    @property
    def identity(self) -> str:
        """Of the present instance, unique on this machine."""
        return f"{self._pod_uid}/{self.name}/{self.restarts}"

    def resume(self, status: Obj, now: datetime, rerun: bool) -> None:
        """Takes over what an earlier agent wrote. Whatever ran then is gone; `rerun` what was through runs again."""
        self.restarts = status.get("restartCount", 0)
        self.last_state = status.get("lastState") or {}
        state = status.get("state") or {}
        if "terminated" in state:
            self.state = state
        elif running := state.get("running"):
            message = "The container could not be located when the pod was terminated"
            lost = {"exitCode": LOST_EXIT_CODE, "reason": "ContainerStatusUnknown", "message": message}
            self.state = {"terminated": {**lost, "startedAt": running["startedAt"], "finishedAt": timestamp(now)}}
        if rerun and "terminated" in self.state:
            self.wait("PodInitializing")

    @property
    def exit_code(self) -> int | None:
        """Of the instance that ended last, unless another one runs or waits."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def has_run(self) -> bool:
        return "waiting" not in self.state or "terminated" in self.last_state

    def wait(self, reason: str, message: str = "") -> None:
        self._move({"waiting": {"reason": reason} | ({"message": message} if message else {})})

    def run(self, now: datetime) -> None:
        self._move({"running": {"startedAt": timestamp(now)}})

    def end(self, exit_code: int, message: str, now: datetime) -> None:
        reason = "Completed" if exit_code == 0 else "Error"
        started = self.state.get("running", {}).get("startedAt", timestamp(now))
        self._terminate(exit_code, reason, message, started, now)

    def fail_to_start(self, message: str, now: datetime) -> None:
        self._terminate(START_ERROR_EXIT_CODE, "StartError", message, _NEVER, now)

    def _terminate(self, exit_code: int, reason: str, message: str, started: str, now: datetime) -> None:
        ended: Obj = {"exitCode": exit_code, "reason": reason} | ({"message": message} if message else {})
        times = {"startedAt": started, "finishedAt": timestamp(now), "containerID": f"process://{self.identity}"}
        self._move({"terminated": ended | times})

    def _move(self, state: Obj) -> None:
        if "terminated" in self.state:
            self.last_state = self.state
        self.state = state
        self.started = self.ready = False

    def status(self) -> Obj:
        begun = "waiting" not in self.state or bool(self.last_state)
        return {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "image": self._container["image"],
            "imageID": f"process://{self._container['image']}" if begun else "",
        } | ({"containerID": f"process://{self.identity}"} if begun else {})
