#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Joins template, style sheet and scripts of the flame graph page into a C header.

flamegraph-embed.py TEMPLATE.html STYLE.css SCRIPT.js... OUTPUT.h

@CSS@ and @JS@ in the template become the files, @CSP@ a policy that allows exactly these two by their hashes. What
flamegraph.c fills in, @TITLE@, @INFO@ and @NODES@ in this order, is where the text is cut into pieces.
"""
import base64
import hashlib
import sys

CUTS = ["@TITLE@", "@INFO@", "@NODES@"]
PIECES = ["head", "body", "nodes", "tail"]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def source_hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "'sha256-" + base64.b64encode(digest).decode() + "'"


def c_literal(line):
    escaped = line.encode("ascii").decode()  # the page is ASCII, so that no build depends on a locale
    return '        "' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '\\n"'


def main(template, style, *scripts_and_output):
    *scripts, output = scripts_and_output
    css = "\n" + read(style)
    js = "\n" + "".join(read(path) for path in scripts)
    policy = f"default-src 'none'; script-src {source_hash(js)}; style-src {source_hash(css)}; " \
             "base-uri 'none'; form-action 'none'"

    page = read(template).replace("@CSP@", policy)
    pieces = []
    for cut in CUTS:
        piece, page = page.split(cut)
        pieces.append(piece)
    pieces.append(page)

    with open(output, "w", encoding="ascii") as f:
        f.write("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n")
        for name, piece in zip(PIECES, pieces):
            text = piece.replace("@CSS@", css).replace("@JS@", js)
            lines = text.split("\n")
            last = lines.pop()
            body = [c_literal(line) for line in lines] + [c_literal(last)[:-3] + '"']
            f.write(f"\nstatic const char flamegraph_page_{name}[] =\n" + "\n".join(body) + ";\n")


main(*sys.argv[1:])
