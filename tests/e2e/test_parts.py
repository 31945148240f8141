"""Every message of the corpus put together again from its parts: BODY[n.MIME], BODY[n] and the
nested HEADER and TEXT, by the structure that BODYSTRUCTURE gives. Where the multiparts are well
formed the parts, the delimiters between them and what stands before and after are the message.
parts_not_whole.tsv lists the others, with the reason."""
import os
import pathlib
import re

import pytest

from test_byte_for_byte import MESSAGES, append_all
from wire import Imap

LIST = pathlib.Path(__file__).with_name("parts_not_whole.tsv")


def known():
    """{name: reason}"""
    rows = [line.split("\t") for line in LIST.read_text().splitlines()
            if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows}


def tree(value):
    """The Node of a whole message: a message of one part has it as section 1."""
    return Node(value, "" if isinstance(value[0], list) else "1")


class Node:
    """A part of BODYSTRUCTURE: its section, children, and what it is."""

    def __init__(self, value, section):
        self.section = section
        self.children = []
        self.message = None  # of message/rfc822: the Node of the message inside
        self.boundary = None
        if isinstance(value[0], list):
            n = 0
            while n < len(value) and isinstance(value[n], list):
                self.children.append(Node(value[n], f"{section}.{n + 1}" if section else str(n + 1)))
                n += 1
            # a list after the subtype is the parameters
            params = value[n + 1] if n + 1 < len(value) else None
            self.type = "multipart/" + (value[n] or b"").decode("latin-1").lower()
            pairs = params or []
            for i in range(0, len(pairs) - 1, 2):
                if pairs[i].lower() == b"boundary":
                    self.boundary = pairs[i + 1]
            return
        self.type = b"/".join(v or b"" for v in value[:2]).decode("latin-1").lower()
        if self.type in ("message/rfc822", "message/global") and len(value) > 8 \
                and isinstance(value[8], list):
            inner = value[8]
            self.message = Node(inner, section if isinstance(inner[0], list) else section + ".1")

    def walk(self):
        yield self
        for node in self.children + ([self.message] if self.message else []):
            yield from node.walk()


def dig(section, name):
    return f"{section}.{name}" if section else name


def plan(top):
    """Sections to fetch, and what must equal what: [(whole, 'concat', [a, b])] and
    [(whole, 'multipart', node)]."""
    checks = [("", "concat", ["HEADER", "TEXT"])]

    def body(node, whole):
        """whole: the section that holds this node's content as bytes."""
        if node.children:
            checks.append((whole, "multipart", node))
            for child in node.children:
                body(child, child.section)
        elif node.section and whole != node.section:
            checks.append((whole, "concat", [node.section]))
        if node.message:
            checks.append((node.section, "concat",
                           [dig(node.section, "HEADER"), dig(node.section, "TEXT")]))
            body(node.message, dig(node.section, "TEXT"))

    body(top, "TEXT")
    return checks


def sections(checks):
    out = set()
    for whole, kind, what in checks:
        out.add(whole)
        if kind == "concat":
            out.update(what)
        else:
            for child in what.children:
                out.update((child.section, dig(child.section, "MIME")))
    return sorted(out)


def malformed(whole, delimiter):
    """What is wrong with a multipart by its bytes alone, or None: why it cannot be the sum of parts."""
    quoted = re.escape(delimiter)
    lines = re.findall(rb"(?m)^" + quoted + rb"(--)?([ \t]*)\r$", whole)
    if not lines:
        return "no delimiter line"
    if not any(dashes for dashes, _ in lines):
        return "no closing delimiter"
    if lines[0][0]:
        return "closed before it begins"
    if any(blanks for dashes, blanks in lines if not dashes):
        return "blanks after a delimiter"
    parts = re.split(rb"(?m)^" + quoted + rb"(?:--)?[ \t]*\r\n", b"\r\n" + whole)[1:len(lines)]
    for part in parts:
        if part == b"":
            return "nothing between two delimiters"
        if part == b"\r\n":
            return "a part of one empty line, whose line end the delimiter takes"
        if not part.startswith(b"\r\n") and b"\r\n\r\n" not in part[:-2]:
            return "a part without the empty line after its header"
    return None


def multipart_problem(whole, node, got):
    if not node.boundary:
        return "no boundary in BODYSTRUCTURE"
    delimiter = b"--" + node.boundary
    core = b""
    for child in node.children:
        mime, data = got[dig(child.section, "MIME")], got[child.section]
        core += (b"\r\n" if core else b"") + delimiter + b"\r\n" + mime + data
    core += b"\r\n" + delimiter + b"--"
    at = whole.find(core)
    if at < 0:
        return malformed(whole, delimiter) or "delimiters and parts in order are not what the body has"
    if at and whole[at - 2:at] != b"\r\n":
        return "the first delimiter is not at the beginning of a line"
    rest = whole[at + len(core):]
    if not re.match(rb"[ \t]*(\r\n|\Z)", rest):
        return "bytes after the last delimiter"
    if (b"\r\n" + whole[:at]).find(b"\r\n" + delimiter + b"\r\n") >= 0:
        return "a delimiter before the first part"
    return None


def problem(top, got):
    for whole, kind, what in plan(top):
        data = got[whole]
        if kind == "concat":
            if b"".join(got[s] for s in what) != data:
                return f"BODY[{whole}] is not " + " and ".join(f"BODY[{s}]" for s in what)
        else:
            why = multipart_problem(data, what, got)
            if why:
                return f"BODY[{whole}]: {why}"
    return None


def test_messages_are_the_sum_of_their_parts(server, user):
    rows = [(name, data) for name, data in MESSAGES if b"\0" not in data]
    found = {}
    with Imap(server, user) as imap:
        uids, _ = append_all(imap, "INBOX", rows)
        imap.ok("SELECT", "INBOX")
        structures = imap.fetch("1:*", "(UID BODYSTRUCTURE)")
        for uid, name in uids.items():
            top = tree(structures[uid][b"BODYSTRUCTURE"])
            wanted = sections(plan(top))
            row = {}
            for at in range(0, len(wanted), 300):
                items = " ".join(f"BODY.PEEK[{s}]" for s in wanted[at:at + 300])
                row.update(imap.fetch(str(uid), f"(UID {items})")[uid])
            got = {s: row[f"BODY[{s}]".encode()] or b"" for s in wanted}
            why = problem(top, got)
            if why:
                found[name] = why
    listed = known()
    new = {name: why for name, why in found.items() if name not in listed}
    if os.environ.get("PARTS_LIST"):  # to make the list anew
        with open(os.environ["PARTS_LIST"], "w", encoding="utf-8") as f:
            f.writelines(f"{name}\t{why}\n" for name, why in sorted(found.items()))
    assert new == {}, "\n".join(f"{name}\t{why}" for name, why in new.items())
    mended = [name for name in listed if name not in found and name in uids.values()]
    assert mended == [], "listed, and whole: take them off the list"


def test_the_check_can_fail():
    """A structure whose parts lost a byte is told from a whole one."""
    top = tree([[b"text", b"plain"], [b"text", b"html"], b"mixed", [b"boundary", b"b"]])
    text = b"pre\r\n--b\r\n\r\none\r\n--b\r\nX: y\r\n\r\ntwo\r\n--b--\r\n"
    got = {"": b"H: 1\r\n\r\n" + text, "HEADER": b"H: 1\r\n\r\n", "TEXT": text, "1": b"one",
           "1.MIME": b"\r\n", "2": b"two", "2.MIME": b"X: y\r\n\r\n"}
    assert sections(plan(top)) == sorted(got)
    assert problem(top, got) is None
    for section in ("1", "2", "2.MIME", "HEADER"):
        assert problem(top, {**got, section: got[section][:-1]})
