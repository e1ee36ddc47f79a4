"""What is in deploy/ is valid, and agrees with the image, the configuration and each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml

from bot.adapters.slack.transport.http_mode import EVENTS_PATH
from bot.config import Config
from bot.config.loading import load
from bot.ports import LIVE_PATHS, READY_PATHS
from bot.storage.address import DATABASE_URL_VARIABLE, ServerAddress

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
LAYOUTS = ("one-process", "several-processes")
VERSIONS = ("1.29", kubernetes_validate.latest_version())
"""The oldest version of Kubernetes that the manifests are for, and the latest that is known."""
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
CLOSING_S = 20
"""Longest time that a bot takes to end once it has drained, in seconds."""

PINNED = r":[a-z-]*\d[\w.]*$"
"""How an image's name ends that says which version it is."""
LABEL = "app.kubernetes.io/name"

Json = dict[str, Any]


@cache
def documents(folder: str) -> tuple[Json, ...]:
    """The objects in the files of a folder of deploy/kubernetes."""
    files = sorted((KUBERNETES / folder).glob("*.yaml"))
    return tuple(one for path in files for one in yaml.safe_load_all(path.read_text("utf-8")))


def of_kind(folder: str, kind: str) -> list[Json]:
    return [one for one in documents(folder) if one["kind"] == kind]


def pods(folder: str) -> Iterator[tuple[str, Json]]:
    """The pods of a folder's objects, with the names of these."""
    for one in documents(folder):
        if "template" in one.get("spec", {}):
            yield one["metadata"]["name"], one["spec"]["template"]


def bot_of(folder: str) -> tuple[Json, Json]:
    """The spec of the bot's pods in a layout, and its container."""
    spec = dict(pods(folder))["parlance"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def secret(name: str) -> Mapping[str, str]:
    """What the example of a Secret holds."""
    (found,) = [one for one in of_kind("examples", "Secret") if one["metadata"]["name"] == name]
    return cast(Mapping[str, str], found["stringData"])


def config_of(text: str, folder: Path) -> Config:
    """The configuration, as it is read beside the variables of the Secret."""
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return load(path, dict.fromkeys(secret("parlance"), "swordfish"))


def config_in(layout: str, folder: Path) -> Config:
    (found,) = of_kind(layout, "ConfigMap")
    return config_of(found["data"]["config.yaml"], folder)


def addresses(config: Config) -> set[tuple[str, int]]:
    """The hosts and ports of servers that a configuration names."""
    found = re.findall(r"http://([a-z-]+):(\d+)", config.model_dump_json())
    return {(host, int(port)) for host, port in found}


def label_of(selector: Json) -> str:
    """The name of the pods that a selector means."""
    (label,) = selector["matchLabels"].items()
    assert label[0] == LABEL
    return str(label[1])


@pytest.mark.parametrize("folder", [*LAYOUTS, "examples"])
def test_the_manifests_are_valid(folder: str) -> None:
    assert documents(folder)
    names = [(one["kind"], one["metadata"]["name"]) for one in documents(folder)]
    assert len(names) == len(set(names))
    for one in documents(folder):
        assert "namespace" not in one["metadata"], "kubectl decides where it goes"
        for version in VERSIONS:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_mistake_in_a_manifest_would_be_found() -> None:
    wrong = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"prots": []},
    }
    with pytest.raises(kubernetes_validate.ValidationError, match="prots"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("folder", [*LAYOUTS, "examples"])
def test_pods_have_no_more_rights_than_they_need(folder: str) -> None:
    for name, pod in pods(folder):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        volumes = {volume["name"] for volume in spec["volumes"]}
        (owner,) = [one for one in documents(folder) if one.get("spec", {}).get("template") is pod]
        claims = owner["spec"].get("volumeClaimTemplates", ())
        volumes |= {claim["metadata"]["name"] for claim in claims}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {*container["resources"]["requests"]} == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert re.search(PINNED, container["image"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_pods_are_made_for_the_image(layout: str, tmp_path: Path) -> None:
    spec, container = bot_of(layout)
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert security["fsGroup"] == int(user[2])
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    (folder,) = re.findall(r"^WORKDIR (\S+)$", DOCKERFILE.split("\nFROM ")[-1], re.MULTILINE)
    (written,) = re.findall(r'^VOLUME \["(.+)"\]$', DOCKERFILE, re.MULTILINE)
    assert mounts == {f"{folder}/config.yaml", *written.split('", "'), "/tmp"}
    config = config_in(layout, tmp_path)
    (port,) = container["ports"]
    assert (port["name"], port["containerPort"]) == ("http", config.http.port)
    assert config.http.host == "0.0.0.0"  # the probes come from the node
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        known = READY_PATHS if probe == "readinessProbe" else LIVE_PATHS
        assert container[probe]["httpGet"] == {"path": known[0], "port": "http"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pod_is_given_the_time_to_finish_its_answers(layout: str, tmp_path: Path) -> None:
    spec, container = bot_of(layout)
    pause = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
    before = int(pause[1]) if pause else 0
    drain_s = config_in(layout, tmp_path).limits.drain_s
    assert spec["terminationGracePeriodSeconds"] >= before + drain_s + CLOSING_S


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_belongs_together_finds_each_other(layout: str, tmp_path: Path) -> None:
    everything = [*documents(layout), *documents("examples")]
    made = {**dict(pods(layout)), **dict(pods("examples"))}
    for name, pod in made.items():
        assert pod["metadata"]["labels"] == {LABEL: name}
    listening = {
        (one["metadata"]["name"], port["port"])
        for one in everything
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }
    for one in everything:
        name, spec = one["metadata"]["name"], one.get("spec", {})
        if "template" in spec:
            assert label_of(spec["selector"]) == name
        if one["kind"] == "StatefulSet":
            assert spec["serviceName"] in dict(listening)
        if one["kind"] == "PodDisruptionBudget":
            assert label_of(spec["selector"]) == name
        if one["kind"] == "Service":
            (port,) = made[spec["selector"][LABEL]]["spec"]["containers"][0]["ports"]
            assert [named["targetPort"] for named in spec["ports"]] == [port["name"]]
    assert addresses(config_in(layout, tmp_path)) <= listening
    assert bot_of(layout)[1]["envFrom"] == [{"secretRef": {"name": "parlance"}}]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_policies_let_through_what_the_pods_listen_on(layout: str) -> None:
    made = {**dict(pods(layout)), **dict(pods("examples"))}
    ports = {
        name: [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]]
        for name, pod in made.items()
    }
    policies = [*of_kind(layout, "NetworkPolicy"), *of_kind("examples", "NetworkPolicy")]
    assert {label_of(one["spec"]["podSelector"]) for one in policies} == {*made}
    for one in policies:
        spec = one["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        for rule in spec["ingress"]:
            opened = [port["port"] for port in rule["ports"]]
            assert opened == ports[label_of(spec["podSelector"])]
        for rule in spec["egress"]:
            for peer in rule.get("to", ()):
                if "podSelector" in peer:
                    opened = [port["port"] for port in rule["ports"]]
                    assert opened == ports[label_of(peer["podSelector"])]


def test_a_node_that_is_emptied_takes_one_process_at_a_time() -> None:
    (deployment,) = of_kind("several-processes", "Deployment")
    (budget,) = of_kind("several-processes", "PodDisruptionBudget")
    assert budget["spec"]["minAvailable"] == deployment["spec"]["replicas"] - 1
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_what_slack_reaches_is_its_path_alone(tmp_path: Path) -> None:
    (ingress,) = of_kind("several-processes", "Ingress")
    config = config_in("several-processes", tmp_path)
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == (EVENTS_PATH, "Exact")
    assert f"https://{rule['host']}" == config.http.public_url


def test_secrets_are_named_as_the_bot_reads_them_and_hold_nothing() -> None:
    known = (ROOT / ".env.example").read_text("utf-8")
    for name in secret("parlance"):
        assert re.search(rf"^(# )?{name}=", known, re.MULTILINE), name
    assert DATABASE_URL_VARIABLE in secret("parlance")
    for one in of_kind("examples", "Secret"):
        assert not any(one["stringData"].values())
        assert "data" not in one


def test_compose_runs_two_bots_on_servers_that_nobody_else_reaches(tmp_path: Path) -> None:
    said = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
    small = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["parlance"]
    services: Mapping[str, Json] = said["services"]
    bot = services["parlance"]
    assert bot["deploy"]["replicas"] == 2
    for key in ("init", "read_only", "tmpfs", "cap_drop", "security_opt", "image"):
        assert bot[key] == small[key]
    assert "ports" not in str(said)
    assert said["networks"]["inside"] == {"internal": True}
    assert {*bot["depends_on"]} == {*services} - {"parlance"}
    for name in bot["depends_on"]:
        assert services[name]["networks"] == ["inside"]
        assert re.search(PINNED, services[name]["image"])
    address = ServerAddress.parse(bot["environment"][DATABASE_URL_VARIABLE])
    assert (address.url.host, address.url.port) == ("postgresql", 5432)
    config = config_of((DEPLOY / "compose" / "config.yaml").read_text("utf-8"), tmp_path)
    assert addresses(config) == {("llama-server", 8080), ("chroma", 8000)}
    for one in (bot, small):
        given_s = float(one["stop_grace_period"].removesuffix("s"))
        assert given_s >= config.limits.drain_s + CLOSING_S


def test_both_ways_run_the_same_servers() -> None:
    composed = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
    images = {
        name: pod["spec"]["containers"][0]["image"] for name, pod in pods("examples")
    }  # fmt: skip
    assert images == {
        name: one["image"] for name, one in composed["services"].items() if name != "parlance"
    }
    lock = (ROOT / "requirements" / "run.lock").read_text("utf-8")
    client = re.search(r"^chromadb==(\S+)", lock, re.MULTILINE)
    assert client is not None
    assert images["chroma"].endswith(f":{client[1]}"), "the server is of the client's version"
