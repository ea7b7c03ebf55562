"""A hub id becomes a folder, with a hub played by a small server, and without any."""

import hashlib
import io
import json
import shutil
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote
from uuid import UUID

import pytest
from huggingface_hub import constants

from attnviz.errors import HubUnreachable, IncompleteModel, NotFound, SourceError, UnsafeModel
from attnviz.sources import load
from attnviz.sources.huggingface.loading.find import find
from tests.sources.tiny_pretrained import FOX

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub_of(folder, hide=(), error=None):
    """Serve one folder as somebody/tiny, the way the hub does; with an error it gives out no file."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in hide]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
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
            file = unquote(path).partition(f"/somebody/tiny/resolve/{COMMIT}/")[2]
            if file in files:
                said = (403, b"{}", {"X-Error-Code": error}) if error else (200, files[file])
                return self.answer(*said)
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


def test_a_download_draws_one_bar_of_all_bytes_on_a_terminal(hub, tiny_bert, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    seen = Terminal()
    monkeypatch.setattr("sys.stderr", seen)
    with hub_of(tiny_bert) as (address, _):
        hub(address)
        find("somebody/tiny")
        drawn = [line for line in seen.getvalue().split("\r") if line.strip()]
        size = sum(path.stat().st_size for path in tiny_bert.iterdir())
        assert drawn
        assert "\n" not in seen.getvalue()
        assert all(line.startswith("downloading somebody/tiny: ") for line in drawn)
        assert all(f"/{size / 1000:.0f}k" in line for line in drawn)
        # What is here already is not downloaded, so nothing more is drawn.
        find("somebody/tiny")
        assert len([line for line in seen.getvalue().split("\r") if line.strip()]) == len(drawn)


def test_a_disk_that_is_full_is_said_to_be(hub, tiny_bert, tmp_path, monkeypatch):
    # What comes is first written under a random name: with the name known, it can be a device that is full.
    monkeypatch.setattr("huggingface_hub.file_download.uuid.uuid4", lambda: UUID(int=0))
    blobs = tmp_path / "cache" / "models--somebody--tiny" / "blobs"
    blobs.mkdir(parents=True)
    content = (tiny_bert / "model.safetensors").read_bytes()
    (blobs / f"{etag(content)}.00000000.incomplete").symlink_to("/dev/full")
    with hub_of(tiny_bert) as (address, _):
        hub(address)
        with pytest.raises(
            SourceError, match="cannot download somebody/tiny: No space left on device"
        ) as raised:
            find("somebody/tiny")
        assert type(raised.value) is SourceError


def test_code_is_downloaded_only_where_it_may_run(hub, tiny_bert):
    (tiny_bert / "modeling_own.py").write_text("")
    with hub_of(tiny_bert) as (address, _):
        hub(address)
        assert not list(find("somebody/tiny").folder.glob("*.py"))
        assert list(find("somebody/tiny", code=True).folder.glob("*.py"))


def test_a_model_in_parts_is_found_on_the_hub(hub, tiny_bert, tmp_path):
    folder = tmp_path / "parts"
    shutil.copytree(tiny_bert, folder / "0_Transformer")
    (folder / "modules.json").write_text("[]")
    with hub_of(folder) as (address, _):
        hub(address)
        found = find("somebody/tiny")
        assert (found.folder.name, found.revision) == ("0_Transformer", COMMIT)
    assert find("somebody/tiny", offline=True) == found


def test_a_model_that_is_not_given_out(hub, tiny_bert):
    with hub_of(tiny_bert, error="GatedRepo") as (address, _):
        hub(address)
        with pytest.raises(NotFound, match="its licence must be accepted there first"):
            find("somebody/tiny")


def test_a_part_of_a_model_in_the_cache_is_no_model(hub, tiny_bert, tmp_path):
    with hub_of(tiny_bert) as (address, _):
        hub(address)
        find("somebody/tiny")
    next((tmp_path / "cache").rglob("snapshots/*/model.safetensors")).unlink()
    with pytest.raises(HubUnreachable, match="only a part is in the cache"):
        find("somebody/tiny", offline=True)
