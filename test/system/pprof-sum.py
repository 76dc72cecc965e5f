#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pprof-sum.py FILE: the sum of each kind of value in a profile, "cpu/nanoseconds 2970000000"."""
import gzip
import sys


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def read_fields(data):
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
        elif tag & 7 == 2:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            sys.exit(f"unexpected type of field {tag}")
        yield tag >> 3, value


def read_values(sample):
    for field, value in read_fields(sample):
        if field != 2:
            continue
        if isinstance(value, int):
            yield value
            continue
        at = 0
        while at < len(value):
            number, at = read_varint(value, at)
            yield number


with gzip.open(sys.argv[1]) as profile:
    fields = list(read_fields(profile.read()))
strings = [value.decode() for field, value in fields if field == 6]
types = [dict(read_fields(value)) for field, value in fields if field == 1]
sums = [0] * len(types)
for field, value in fields:
    if field == 2:
        for i, number in enumerate(read_values(value)):
            sums[i] += number
for kind, total in zip(types, sums):
    print(f"{strings[kind.get(1, 0)]}/{strings[kind.get(2, 0)]} {total}")
