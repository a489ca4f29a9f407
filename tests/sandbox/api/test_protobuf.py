"""Protobuf bodies of real kubectl say what kubectl's own JSON says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubeconfig import write_kubeconfig

from antiphon_sandbox.api.protobuf import MAGIC, decode
from antiphon_sandbox.api.protobuf_wire import fields_of
from antiphon_sandbox.objects import Obj

KUBECTL = Path(sys.executable).with_name("kubectl")


class Recorder:
    """An API server that refuses everything, and remembers the bodies."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(404, "NotFound")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recorder.bodies.append((self.headers["Content-Type"], body))
                self._answer(409, "AlreadyExists")

            def _answer(self, code: int, reason: str) -> None:
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
                content = json.dumps(status).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.server.serve_forever)
    thread.start()
    yield recorder
    recorder.server.shutdown()
    thread.join()
    recorder.server.server_close()


@pytest.fixture(scope="module")
def kubeconfig(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kubeconfig(tmp_path_factory.mktemp("kube") / "config", recorder.address)


COMMANDS = {
    "deployment web --image=nginx:1 --replicas=0 --port=80": ("apps", "v1", "Deployment"),
    "deployment web --image=nginx:1 -- sh -c true": ("apps", "v1", "Deployment"),
    "configmap words --from-literal=a=b --from-literal=c=": ("", "v1", "ConfigMap"),
    "secret generic word --from-literal=a=b --type=x/y": ("", "v1", "Secret"),
    "secret docker-registry reg --docker-server=s --docker-username=u --docker-password=p": ("", "v1", "Secret"),
    "namespace place": ("", "v1", "Namespace"),
    "job once --image=busybox -- true": ("batch", "v1", "Job"),
    "cronjob often --image=busybox --schedule=* -- true": ("batch", "v1", "CronJob"),
    "service clusterip web --tcp=80:8080": ("", "v1", "Service"),
    "service nodeport web --tcp=80:8080 --node-port=31000": ("", "v1", "Service"),
    "service externalname web --external-name=example.com": ("", "v1", "Service"),
    "clusterrole reader --verb=get --non-resource-url=/logs": ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    "rolebinding reads --role=reader --user=eve --serviceaccount=a:b": (
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
    ),
    "serviceaccount robot": ("", "v1", "ServiceAccount"),
    "quota most --hard=pods=3,requests.cpu=500m --scopes=BestEffort": ("", "v1", "ResourceQuota"),
    "poddisruptionbudget few --selector=app=a --min-available=50%": ("policy", "v1", "PodDisruptionBudget"),
    "poddisruptionbudget few --selector=app=a --max-unavailable=0": ("policy", "v1", "PodDisruptionBudget"),
    "ingress way --rule=foo.com/bar*=svc:http --default-backend=svc:80": ("networking.k8s.io", "v1", "Ingress"),
    "priorityclass high --value=10 --preemption-policy=Never": ("scheduling.k8s.io", "v1", "PriorityClass"),
}


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    done = subprocess.run(
        [KUBECTL, "--kubeconfig", kubeconfig, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_what_kubectl_sends_says_what_kubectl_shows(command: str, recorder: Recorder, kubeconfig: Path) -> None:
    words = command.split(" ")
    own, rest = (words, []) if "--" not in words else (words[: words.index("--")], words[words.index("--") :])
    recorder.bodies.clear()

    kubectl(kubeconfig, "create", *own, "--validate=false", *rest)
    shown = json.loads(kubectl(kubeconfig, "create", *own, "--dry-run=client", "-o", "json", *rest))

    [(content_type, body)] = recorder.bodies
    assert content_type == "application/vnd.kubernetes.protobuf"
    assert decode(body, *COMMANDS[command]) == without_times_that_are_null(shown)


def without_times_that_are_null(value: Obj) -> Obj:
    metadata = [
        value["metadata"],
        *([value["spec"].get("template", {}).get("metadata", {})] if "spec" in value else []),
    ]
    for part in metadata:
        if part.get("creationTimestamp", "") is None:
            del part["creationTimestamp"]
    return value


def wire(number: int, body: bytes) -> bytes:
    """A field that holds bytes."""
    return bytes([number << 3 | 2, len(body)]) + body


def varint(number: int, value: int) -> bytes:
    return bytes([number << 3, value])


def envelope(raw: bytes, kind: str = "Pod", api_version: str = "v1") -> bytes:
    return MAGIC + wire(1, wire(1, api_version.encode()) + wire(2, kind.encode())) + wire(2, raw)


def pod(spec: bytes = b"", metadata: bytes = b"") -> Obj:
    return decode(envelope(wire(1, metadata) + wire(2, spec)), "", "v1", "Pod")


def test_times_quantities_and_inlined_volumes() -> None:
    seconds = varint(1, 90)
    volume = wire(1, b"v") + wire(2, wire(6, wire(1, b"word")))
    limits = wire(1, wire(1, b"cpu") + wire(2, wire(1, b"500m")))
    container = wire(1, b"c") + wire(8, limits)

    found = pod(spec=wire(1, volume) + wire(2, container), metadata=wire(8, seconds))

    assert found["metadata"] == {"creationTimestamp": "1970-01-01T00:01:30Z"}
    assert found["spec"] == {
        "volumes": [{"name": "v", "secret": {"secretName": "word"}}],
        "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m"}}}],
    }


def test_zero_stays_where_go_has_a_pointer_and_goes_where_it_has_not() -> None:
    found = pod(spec=varint(4, 0) + varint(11, 0))  # terminationGracePeriodSeconds, hostNetwork

    assert found["spec"] == {"terminationGracePeriodSeconds": 0}


def test_fine_times_of_a_lease() -> None:
    acquired = wire(3, varint(1, 2) + b"\x10" + bytes([0xC0, 0x84, 0x3D]))  # 1,000,000 ns

    found = decode(envelope(wire(2, acquired), "Lease", "coordination.k8s.io/v1"), "coordination.k8s.io", "v1", "Lease")

    assert found["spec"]["acquireTime"] == "1970-01-01T00:00:02.001000Z"


def test_packed_numbers_are_read_like_separate_ones() -> None:
    def context(groups: bytes) -> Obj:
        found: Obj = pod(spec=wire(14, groups))["spec"]["securityContext"]
        return found

    assert context(wire(4, bytes([1, 2]))) == context(varint(4, 1) + varint(4, 2)) == {"supplementalGroups": [1, 2]}


def test_options_of_a_delete() -> None:
    body = envelope(varint(1, 0) + wire(4, b"Foreground"), "DeleteOptions", "policy/v1")

    found = decode(body, "", "v1", "DeleteOptions")

    assert found["gracePeriodSeconds"] == 0
    assert found["propagationPolicy"] == "Foreground"


def test_extra_values_of_a_user_are_lists() -> None:
    extra = wire(1, b"scopes") + wire(2, wire(1, b"a") + wire(1, b"b"))
    group = "authorization.k8s.io"

    found = decode(
        envelope(wire(2, wire(5, extra)), "SubjectAccessReview", f"{group}/v1"), group, "v1", "SubjectAccessReview"
    )

    assert found["spec"]["extra"] == {"scopes": ["a", "b"]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{}", "magic number"),
        (MAGIC + b"\x0a\x05ab", "5 bytes announced, 2 are there"),
        (MAGIC + b"\x0a", "ends within a number"),
        (MAGIC + b"\x0b\x01", "wire type 3"),
        (MAGIC + b"\x02\x00", "field number 0"),
        (MAGIC + b"\x0a" + b"\xff" * 11, "more than ten bytes"),
        (envelope(varint(1, 3)), "a number where bytes must be"),
        (envelope(b"", "Sheep"), "v1 Sheep are not understood; send JSON"),
    ],
)
def test_malformed_bodies_are_refused_in_words(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(body, "", "v1", "Pod")


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        decode(envelope(raw), "", "v1", "Pod")
    except ValueError:
        return


@given(st.binary())
def test_the_wire_is_read_or_refused(raw: bytes) -> None:
    try:
        list(fields_of(raw))
    except ValueError:
        return
