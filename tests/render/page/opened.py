"""A page read back with nothing but Python's own HTML parser, JSON, base64 and zlib."""

import json
import zlib
from base64 import b64decode
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np


@dataclass
class Element:
    tag: str
    attributes: dict
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append(Element(tag, dict(attributes)))
        self.open.append(self.elements[-1])

    def handle_data(self, data):
        if self.open:
            self.open[-1].text += data

    def handle_endtag(self, tag):
        while self.open and self.open.pop().tag != tag:
            pass


@dataclass
class Opened:
    elements: list
    facts: dict = field(init=False)

    def __post_init__(self):
        self.facts = json.loads(self.by_id("facts").text)

    def by_id(self, name):
        [found] = [element for element in self.elements if element.attributes.get("id") == name]
        return found

    def all(self, tag):
        return [element for element in self.elements if element.tag == tag]

    def buffer(self, number, dtype=np.uint8):
        raw = zlib.decompress(b64decode(self.by_id(f"buffer-{number}").text, validate=True))
        return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<"))

    def map(self, name):
        [found] = [one for one in self.facts["maps"] if one["id"] == name]
        return found

    def sides(self, name):
        found = self.map(name)
        return [self.facts["sequences"][found[side]]["tokens"] for side in ("queries", "keys")]

    def maxima(self, name):
        found, (queries, _) = self.map(name), self.sides(name)
        shape = len(found["layers"]), len(found["heads"]), len(queries)
        return self.buffer(found["maxima"], np.float32).reshape(shape)

    def weights(self, name="self"):
        found, (queries, keys) = self.map(name), self.sides(name)
        shape = len(found["heads"]), len(queries), len(keys)
        levels = np.stack([self.buffer(number).reshape(shape) for number in found["weights"]])
        return (levels * (self.maxima(name)[..., None].astype(np.float64) / 255)).astype(np.float32)

    def visible(self, name, layer):
        """What a layer of a map lets queries see, from its mask or what `causal` says."""
        found, (queries, keys) = self.map(name), self.sides(name)
        rows, columns = len(queries), len(keys)
        if str(layer) in found["sight"]:
            bits = self.buffer(found["sight"][str(layer)]).reshape(rows, -1)
            return np.unpackbits(bits, axis=-1, bitorder="little")[:, :columns].astype(bool)
        return np.tri(rows, columns, columns - rows if found["causal"] else columns, dtype=bool)


def opened(page):
    reader = _Reader()
    reader.feed(str(page))
    reader.close()
    return Opened(reader.elements)
