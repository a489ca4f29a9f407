from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_operator.kube.access import load_access
from antiphon_operator.kube.credentials import TokenFile
from antiphon_operator.kube.errors import AccessError


def write(path: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None, **more: Any) -> Path:
    context = {"cluster": "c", "namespace": "voices"} | ({"user": "u"} if user is not None else {})
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": context}, {"name": "lost", "context": {"cluster": "gone"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
        **more,
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    return tmp_path / "home"


def service_account(folder: Path) -> Path:
    folder.mkdir()
    (folder / "token").write_text("t1\n")
    (folder / "namespace").write_text("antiphon-system")
    return folder


def test_a_given_file_comes_first_then_the_environment_the_pod_and_home(tmp_path: Path, home: Path) -> None:
    given = write(tmp_path / "given", {"server": "http://given/"})
    named = write(tmp_path / "named", {"server": "http://named"})
    write(home / ".kube" / "config", {"server": "http://home"})
    account = service_account(tmp_path / "account")
    pod = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    both = {**pod, "KUBECONFIG": f"{tmp_path / 'missing'}:{named}"}

    def server(path: Path | None, context: str | None, environment: dict[str, str]) -> str:
        return load_access(path, context, environment=environment, home=home, service_account=account).server

    assert server(given, None, both) == "http://given"
    assert server(None, None, both) == "http://named"
    assert server(None, None, pod) == "https://[fd00::1]:6443"
    assert server(None, "here", pod) == "http://home"
    assert server(None, None, {}) == "http://home"


def test_a_pod_speaks_as_its_service_account(tmp_path: Path, home: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    account = service_account(tmp_path / "account")
    access = load_access(environment=environment, home=home, service_account=account)
    assert (access.server, access.default_namespace) == ("https://10.0.0.1:443", "antiphon-system")
    assert access.authorization() == "Bearer t1"
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "token"
    path.write_text("old")
    token = TokenFile(path, lambda: now)
    path.write_text("new")
    assert token() == "Bearer old"
    now = 61
    assert token() == "Bearer new"
    path.unlink()
    now = 200
    assert token() == "Bearer new"


@pytest.mark.parametrize(
    ("user", "header"),
    [
        (None, ""),
        ({}, ""),
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "me", "password": "secret"}, "Basic " + base64.b64encode(b"me:secret").decode()),
        ({"tokenFile": "token"}, "Bearer in-file"),
    ],
)
def test_credentials_of_a_kubeconfig(tmp_path: Path, user: dict[str, Any] | None, header: str) -> None:
    (tmp_path / "token").write_text("in-file")
    access = load_access(write(tmp_path / "config", {"server": "https://x", "insecure-skip-tls-verify": True}, user))
    assert access.authorization() == header
    assert access.default_namespace == "voices"
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_NONE
    assert "abc" not in repr(access)


@pytest.mark.parametrize(
    ("cluster", "user", "context", "says"),
    [
        ({"server": "https://x"}, {"auth-provider": {"name": "gcp"}}, None, "auth-provider"),
        ({"server": "https://x"}, {}, "else", r"config: no context 'else'; there is here, lost"),
        ({"server": "https://x"}, {}, "lost", r"no cluster 'gone'; there is c"),
        ({"server": "x:6443"}, {}, None, "has no server"),
        ({"server": "https://x", "certificate-authority": "no.crt"}, {}, None, r"context here: .*no\.crt"),
        ({"server": "https://x", "certificate-authority-data": "%%%"}, {}, None, "can't be used"),
        (
            {"server": "https://x"},
            {"client-certificate-data": "eA==", "client-key-data": "eA=="},
            None,
            "can't be used",
        ),
        ({"server": "https://x", "tls-server-name": "y"}, {}, None, "tls-server-name"),
    ],
)
def test_what_makes_no_sense_is_told(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], context: str | None, says: str
) -> None:
    with pytest.raises(AccessError, match=says):
        load_access(write(tmp_path / "config", cluster, user), context)


def test_files_that_are_no_kubeconfig(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(AccessError, match="No such file"):
        load_access(path)
    path.write_text("- a: [")
    with pytest.raises(AccessError, match="is no kubeconfig"):
        load_access(path)
    path.write_text("[]")
    with pytest.raises(AccessError, match="holds no object"):
        load_access(path)
    write(path, {"server": "http://x"}, None, **{"current-context": ""})
    with pytest.raises(AccessError, match="no current context; choose one of here, lost"):
        load_access(path)
    with pytest.raises(AccessError, match="there is no such file"):
        load_access(environment={"KUBECONFIG": str(tmp_path / "no")}, home=home)
    with pytest.raises(AccessError, match="--kubeconfig FILE"):
        load_access(environment={}, home=home, service_account=tmp_path / "none")
