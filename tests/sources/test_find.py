"""A hub id becomes a folder, with a hub played by a small server, and without any."""

import hashlib
import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from huggingface_hub import constants

from attnviz.errors import HubUnreachable, IncompleteModel, NotFound, UnsafeModel
from attnviz.sources import load
from attnviz.sources.huggingface.find import find
from tests.sources.tiny_pretrained import FOX

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub_of(folder, hide=()):
    """Serve one folder as somebody/tiny, the way the hub does."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in hide}
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            asked.append(self.path)
            path, listing = self.path.split("?")[0], [{"rfilename": name} for name in files]
            if path in ("/api/models/somebody/tiny", "/api/models/somebody/tiny/revision/main"):
                answer = {"id": "somebody/tiny", "sha": COMMIT, "siblings": listing, "private": False}
                return self.answer(200, json.dumps(answer).encode())
            if path == f"/api/models/somebody/tiny/tree/{COMMIT}":
                tree = [{"type": "file", "path": n, "size": len(c), "oid": etag(c)} for n, c in files.items()]
                return self.answer(200, json.dumps(tree).encode())
            if path.startswith("/somebody/tiny/resolve/") and path.split("/")[-1] in files:
                return self.answer(200, files[path.split("/")[-1]])
            unknown = "RevisionNotFound" if "somebody/tiny" in path else "RepoNotFound"
            return self.answer(404, b"{}", {"X-Error-Code": unknown})

        def answer(self, status, content, headers=None):
            self.send_response(status)
            known = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": COMMIT, "Content-Length": len(content)}
            for name, value in {**known, **(headers or {})}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def etag(content):
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Sends all that is asked of the hub to an address, and keeps the cache in a folder of its own."""

    def send_to(address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    send_to("http://127.0.0.1:9")  # the discard port, where nobody answers
    return send_to


def test_a_model_is_downloaded_and_then_served_from_the_cache(hub, tiny_bert, capfd):
    (tiny_bert / "flax_model.msgpack").write_bytes(b"the same weights again")
    with hub_of(tiny_bert) as (address, asked):
        hub(address)
        record = load("somebody/tiny").attend(FOX)
        assert (record.model, record.revision) == ("somebody/tiny", COMMIT)
        assert not [path for path in asked if "msgpack" in path]
    # The hub is gone: the cache serves, whether it was to be asked or not.
    assert load("somebody/tiny").attend(FOX) == record
    assert load("somebody/tiny", offline=True, revision=COMMIT).attend(FOX) == record
    assert capfd.readouterr() == ("", "")


def test_offline_never_asks(hub, tiny_bert, monkeypatch):
    with hub_of(tiny_bert) as (address, asked):
        hub(address)
        with pytest.raises(HubUnreachable, match=r"not in the cache, and the hub was not asked \(offline\)"):
            find("somebody/tiny", offline=True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(HubUnreachable, match="offline"):
            find("somebody/tiny")
        assert asked == []


@pytest.mark.usefixtures("hub")
def test_an_unreachable_hub_is_said_at_once_in_one_line(capfd):
    start = time.perf_counter()
    with pytest.raises(
        HubUnreachable, match=r"cannot get bert-base-uncased: .* the hub did not answer"
    ) as raised:
        find("bert-base-uncased")
    assert time.perf_counter() - start < 5
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_or_revision_that_the_hub_does_not_have(hub, tiny_bert):
    with hub_of(tiny_bert) as (address, _):
        hub(address)
        with pytest.raises(NotFound, match="nobody/nothing is no folder here and no public model on the hub"):
            find("nobody/nothing")
        with pytest.raises(NotFound, match="no such revision of somebody/tiny: got v9"):
            find("somebody/tiny", revision="v9")


def test_pickles_are_refused_before_anything_is_downloaded(hub, tiny_bert):
    (tiny_bert / "pytorch_model.bin").touch()
    with hub_of(tiny_bert, hide=["model.safetensors"]) as (address, asked):
        hub(address)
        with pytest.raises(UnsafeModel, match="somebody/tiny has its weights only in a format"):
            find("somebody/tiny")
        assert len(asked) == 1


def test_a_repository_without_a_model(hub, tiny_bert):
    with hub_of(tiny_bert, hide=["config.json"]) as (address, _):
        hub(address)
        with pytest.raises(IncompleteModel, match=r"somebody/tiny is no model: it has no config\.json"):
            find("somebody/tiny")
