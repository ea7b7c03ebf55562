"""Where a model runs and in which precision."""

import json
import os
import struct
from collections import Counter

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from attnviz.errors import BudgetError, RequestError
from attnviz.sources import load
from attnviz.sources.huggingface.loading.choices import Choices
from attnviz.sources.huggingface.loading.find import find
from attnviz.sources.huggingface.loading.place import (
    Place,
    devices,
    fitting,
    free_memory,
    stored_numbers,
)
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.source import HuggingFaceSource
from tests.sources.tiny_pretrained import FOX

GIB = 2**30
LARGE = {"BF16": 7 * GIB}  # 28 GiB in float32, 14 as it was saved


def fit(asked=None, saved="bfloat16", *, device="cuda", cuda=20, cpu=40, spreads=False, stored=LARGE):
    free = {"cuda": cuda * GIB, "cpu": cpu * GIB}
    choices = asked or Choices()
    return fitting("m", stored, choices, saved=saved, device=device, free=free, spreads=spreads)


def test_float32_comes_first():
    assert fit(cuda=28) == Place("cuda", "float32")
    assert fit(device="cpu") == Place("cpu", "float32")


def test_beside_a_processor_the_saved_precision_comes_next():
    where = fit()
    assert (where.device, where.dtype) == ("cuda", "bfloat16")
    room = "there is room for 20.0 GiB on cuda, 40.0 GiB on cpu"
    assert where.because == f"m takes 28.0 GiB in float32, and {room}: it runs in bfloat16"


def test_then_all_devices_together_then_the_processor_alone():
    spread = fit(cuda=8, spreads=True)
    assert (spread.device, spread.dtype) == (None, "bfloat16")
    alone = fit(cuda=8)
    assert (alone.device, alone.dtype) == ("cpu", "float32")
    assert alone.because.endswith("it runs on the CPU")


def test_a_device_asked_for_is_not_left_and_a_precision_is_kept():
    with pytest.raises(BudgetError, match=r"m takes 28\.0 GiB in float32, and there is room for 8\.0 GiB"):
        fit(Choices(device="cuda"), cuda=8)
    assert fit(Choices(dtype="float16"), cuda=14) == Place("cuda", "float16")
    with pytest.raises(BudgetError, match=r"28\.0 GiB in float32"):
        fit(Choices(dtype="float32", device="cuda"), cuda=20)
    with pytest.raises(BudgetError, match=r"room for 14\.0 GiB on cpu$"):
        fit(device="cpu", cpu=14)


def test_weights_of_a_format_of_their_own_keep_it():
    packed = {"U8": 4 * GIB, "F16": GIB, "I32": GIB}
    assert fit(saved=None, stored=packed, cuda=10) == Place("cuda", None)
    assert fit(saved=None, stored=packed, cuda=9, spreads=True).device is None
    with pytest.raises(BudgetError, match=r"m takes 10\.0 GiB, and there is room"):
        fit(saved=None, stored=packed, cuda=9, cpu=9)


def test_the_files_own_headers_say_how_large_a_model_is(tiny_bert):
    model = AutoModel.from_pretrained(tiny_bert)
    assert stored_numbers(tiny_bert) == Counter(F32=sum(part.numel() for part in model.parameters()))
    weights = load_file(tiny_bert / "model.safetensors")
    save_file({name: part.half() for name, part in weights.items()}, tiny_bert / "model.safetensors")
    assert set(stored_numbers(tiny_bert)) == {"F16"}


def test_a_model_too_large_for_this_machine_is_refused_before_it_is_read(tiny_bert):
    bytes_there = 2**45
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**43], "data_offsets": [0, bytes_there]}}).encode()
    path = tiny_bert / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(BudgetError, match=r"takes 32768\.0 GiB in float32"):
        load(tiny_bert, device="cpu")


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="only Linux tells what is free")  # noqa: PTH110
def test_free_memory_is_no_more_than_there_is():
    assert 0 < free_memory("cpu") <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("device", [name for name in ("cuda", "mps") if name not in devices()])
def test_a_device_that_is_not_there(tiny_bert, device):
    allowed = ", ".join(("auto", *sorted(devices())))
    with pytest.raises(RequestError, match=f"^no such device: got {device}, allowed {allowed}$"):
        load(tiny_bert, device=device)


def test_a_precision_that_is_not_there(tiny_bert):
    with pytest.raises(
        RequestError, match="no such dtype: got int8, allowed auto, float32, float16, bfloat16"
    ):
        load(tiny_bert, dtype="int8")


def test_the_builtin_model_runs_in_its_own_way():
    assert load(device="cpu", dtype="float32").name == "builtin"
    with pytest.raises(RequestError, match="no such device for builtin: got cuda, allowed auto, cpu"):
        load(device="cuda")
    with pytest.raises(RequestError, match="no such dtype for builtin: got float16, allowed auto, float32"):
        load(dtype="float16")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_record_is_float32_whatever_the_model_computes_in(tiny_llama, dtype):
    whole, half = load(tiny_llama), load(tiny_llama, dtype=dtype)
    assert next(half.pretrained.model.parameters()).dtype == getattr(torch, dtype)
    got, expected = half.attend(FOX).weights, whole.attend(FOX).weights
    assert got.dtype == np.float32
    assert 0 < np.abs(got - expected).mean() < 0.01


def test_what_was_saved_in_half_precision_is_shown_in_float32(tiny_bert):
    weights = load_file(tiny_bert / "model.safetensors")
    halves = {name: part.bfloat16() for name, part in weights.items()}
    save_file(halves, tiny_bert / "model.safetensors", metadata={"format": "pt"})
    source = load(tiny_bert)
    assert {part.dtype for part in source.pretrained.model.parameters()} == {torch.float32}


def test_a_model_spread_over_places_gives_the_same_record(tiny_llama, tmp_path):
    pytest.importorskip("accelerate")
    where = {"embed_tokens": "disk", "layers.0": "disk", "layers.1": "cpu", "layers.2": "disk"}
    where |= {"norm": "cpu", "rotary_emb": "cpu"}
    with quiet():
        model = AutoModel.from_pretrained(
            tiny_llama, dtype=torch.float32, device_map=where, offload_folder=tmp_path / "offloaded"
        )
    assert {part.device.type for part in model.parameters()} == {"cpu", "meta"}
    pretrained = Pretrained(find(str(tiny_llama)), model.eval())
    assert pretrained.device == torch.device("cpu")
    assert HuggingFaceSource(pretrained).attend(FOX) == load(tiny_llama).attend(FOX)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (Choices(device="gpu"), "no such device: got gpu, allowed auto, cpu, cuda, mps"),
        (Choices(device=""), "no such device: got , allowed auto, cpu, cuda, mps"),
        (Choices(dtype="int8"), "no such dtype: got int8, allowed auto, float32, float16, bfloat16"),
    ],
)
def test_what_no_machine_has_is_refused_before_one_is_asked(asked, complaint):
    with pytest.raises(RequestError, match=f"^{complaint}$"):
        asked.refuse_unknown()
