"""The message parser beside two others, Python's email package and GMime, over the whole corpus of
real mail: part trees, sizes, header fields, decoded bodies and texts, addresses, dates. Each
difference is a row in differences.tsv with its class; CLASSES says why we differ. A difference that
is not in the table fails, and so does a row that is no difference any more.

The corpus is $CARBONADO_CORPUS or ../shared/corpus beside the project."""
import email
import email.header
import email.policy
import email.utils
import functools
import hashlib
import json
import mailbox
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
CORPUS = pathlib.Path(os.environ.get("CARBONADO_CORPUS", TOP.parent / "shared" / "corpus"))
BUILD = pathlib.Path(os.environ.get("CARBONADO_BUILD", TOP / "build"))
if not CORPUS.is_dir():  # a worktree stands one folder deeper
    CORPUS = TOP.parent.parent / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not (CORPUS / "eml").is_dir(), reason=f"no corpus at {CORPUS}")

CLASSES = dict(
    line.split(": ", 1) for line in
    """unclosed: the closing delimiter is missing; Python drops the last line end, which we keep
header-stray: a line in the header that is no field ends the header for Python; we pass over it
header-type: a Content-Type that is not type/subtype: they take what is there, we text/plain (RFC 2045 5.2)
same-boundary: a multipart inside another has the same boundary: the inner one gets the delimiters here, the outer one there
empty-part: two delimiters follow each other: a part without header and body here, nothing there
folded-boundary: the boundary is folded inside its quotes, and unfolded here
header-dashes: a line with "--" before the empty line ends the header here, they go on to the empty line
odd-name: a field name with 8-bit or other odd bytes is a name here, a byte order mark before the first is passed over; both are the end of the header for Python
first-type: of two Content-Type fields the first counts here
qp-blanks: blanks at the end of a quoted-printable line go (RFC 2045 6.7, rule 3); they keep them
base64-damaged: base 64 that breaks off or has text in it: whole digits count here; Python gives up and shows the raw text
nested-unparsed: message/rfc822 or a part without a blank line: they give up, we show what there is
no-children: a multipart in which no part begins: a leaf with its text here; a multipart or nothing there
broken-header: the first line is no field or begins with a blank: GMime refuses the message
news: message/news is a leaf here (the grammar of BODYSTRUCTURE nests only rfc822 and global)
address-rule: text that is no address: each parser makes something else of it
date-rule: a date that only one of the two can read
word-rule: encoded words that are broken or of an unknown charset: repaired here, left there
word-blank: Python puts a blank between an encoded word and the text that follows it without one
quoted-from: an mbox line ">From ..." before the header of a message inside is passed over here, and ends the header for Python
empty-boundary: an empty boundary delimits nothing here
from-prose: a line "From Russia with love" is text here, the beginning of a message for Python
param-rule: parameters that are none: words without a value, no semicolon before them, a quote that never closes, a charset that Python has not
cut-off: UTF-8 that ends inside of a character: U+FFFD stands for it here
encoded-message: a message/rfc822 in base 64, which RFC 2045 6.4 forbids, is a file here and for GMime; Python reads the digits
""".splitlines())


def table():
    rows = set()
    for line in (HERE / "differences.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            check, file, kind = line.split("\t")
            assert kind in CLASSES, f"{line}: no such class"
            rows.add((check, file))
    return rows


def compare(checks, found):
    known = {row for row in table() if row[0] in checks}
    new, gone = found - known, known - found
    text = "".join(f"  not explained: {c}\t{f}\n" for c, f in sorted(new))
    text += "".join(f"  no difference any more: {c}\t{f}\n" for c, f in sorted(gone))
    assert not text, "\n" + text


def run(program, files):
    half = (len(files) + 1) // 2
    jobs = [subprocess.Popen([program, *part], stdout=subprocess.PIPE) for part in
            (files[:half], files[half:]) if part]
    out = [job.communicate()[0] for job in jobs]
    assert all(job.returncode == 0 for job in jobs), f"{program} failed"
    return [json.loads(line) for text in out for line in text.splitlines()]


def messages():
    return sorted(map(str, (CORPUS / "eml").glob("*.eml")))


@functools.lru_cache(None)
def ours():
    program = BUILD / "tests/format/carbonado-parse"
    assert program.exists(), f"{program}: build first"
    boxes = sorted(map(str, (CORPUS / "mbox").glob("*.mbox")))
    return {m["file"]: m for m in run(program, messages() + boxes)}


@functools.lru_cache(None)
def theirs():
    return {pathlib.Path(f).name: email.message_from_bytes(pathlib.Path(f).read_bytes())
            for f in messages()}


def sha(b):
    return hashlib.sha256(b).hexdigest()[:32]


def latin(text):
    return text.encode("ascii", "surrogateescape").decode("latin-1") if isinstance(text, str) else str(text)


def plain_type(name):
    return name.lower().split()[0].split(";")[0]


def walk(message):
    """(depth, type, part or None) in document order, with the nesting that IMAP has."""
    stack, out = [(message, 0)], []
    while stack:
        m, depth = stack.pop()
        kind = m.get_content_type()
        nests = kind in ("message/rfc822", "message/global") or m.get_content_maintype() == "multipart"
        if m.is_multipart() and nests:
            out.append((depth, kind, None))
            stack += [(child, depth + 1) for child in reversed(m.get_payload())]
        else:
            out.append((depth, kind, None if m.is_multipart() else m))
    return out


def shape(parts):
    return [(depth, plain_type(kind)) for depth, kind, *_ in parts]


def our_shape(m):
    return [(p["depth"], plain_type(p["type"])) for p in m["parts"]]


@needs_corpus
def test_nothing_is_cut_and_boxes_are_whole():
    assert all(m["cut"] == 0 for m in ours().values())
    count = {}
    for name in ours():
        if "#" in name:
            box = name.split("#")[0]
            count[box] = count.get(box, 0) + 1
    assert count.get("b01.mbox") == 500 and count.get("b02.mbox") == 250
    assert count.get("a01.mbox", 0) > 10


@needs_corpus
def test_trees_and_bodies_like_python():
    found = set()
    for name, message in theirs().items():
        m, parts = ours()[name], walk(message)
        if our_shape(m) != shape(parts):
            found.add(("python-tree", name))
            continue
        for p, (_, _, leaf) in zip(m["parts"], parts):
            if leaf is None or not isinstance(leaf._payload, str):
                continue
            raw = leaf._payload.encode("ascii", "surrogateescape")
            if p["size"] != len(raw) or p["raw"] != sha(raw):
                found.add(("python-body", name))
            elif p["lines"] != raw.count(b"\n"):
                found.add(("python-lines", name))
            elif p["kind"] == "leaf" and p["decoded"] != sha(leaf.get_payload(decode=True)):
                found.add(("python-decoded", name))
    compare(("python-tree", "python-body", "python-lines", "python-decoded"), found)


@needs_corpus
def test_header_fields_like_python():
    found = set()
    for name, message in theirs().items():
        mine = [(n, v.lstrip(" \t")) for n, v, _ in ours()[name]["parts"][0]["fields"]]
        if mine != [(n, latin(v).lstrip(" \t")) for n, v in message.raw_items()]:
            found.add(("python-header", name))
    compare(("python-header",), found)


@needs_corpus
def test_boxes_like_python():
    """As many messages in each mbox file, and the same trees."""
    found = set()
    for box in sorted((CORPUS / "mbox").glob("*.mbox")):
        mine = [m for name, m in ours().items() if name.startswith(box.name + "#")]
        other = mailbox.mbox(str(box), create=False)
        if len(other) != len(mine):
            found.add(("mbox-count", box.name))
            continue
        for i, m in enumerate(mine):
            if our_shape(m) != shape(walk(email.message_from_bytes(other.get_bytes(i)))):
                found.add(("mbox-tree", m["file"]))
    compare(("mbox-count", "mbox-tree"), found)


CODECS = {"iso-8859-1": "cp1252", "us-ascii": None, "gb2312": "gb18030", "ks_c_5601-1987": "cp949",
          "euc-kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs", "iso-2022-jp": "iso2022_jp",
          "iso-8859-9": "cp1254", "unicode-1-1-utf-7": "utf-7"}


def expected_text(raw, charset):
    """What the bytes say when they are of their charset, or None when they are not."""
    codec = CODECS.get(charset.lower(), charset)
    try:
        return raw.decode(codec or "ascii")
    except (UnicodeError, LookupError):
        return None


def flowed(text, delsp):
    """Paragraphs of format=flowed (RFC 3676), one a line."""
    done, goes_on = [], None
    for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
        end = line.endswith("\n")
        marks, rest = re.fullmatch(r"(>*)(.*)\n?", line, re.S).groups()
        rest = rest.rstrip("\n").removeprefix(" ")
        if goes_on == marks and rest != "-- ":
            done[-1] += rest
        else:
            done.append((marks + " " if marks else "") + rest)
        goes_on = marks if end and rest.endswith(" ") and rest != "-- " else None
        if goes_on is not None and delsp:
            done[-1] = done[-1][:-1]
    last = "\n" if text.endswith("\n") else ""
    return "\n".join(done) + last


@needs_corpus
def test_text_in_every_charset_like_python():
    """Texts that are of the charset they claim come out as Python's codecs have them."""
    found, seen = set(), set()
    for name, message in theirs().items():
        m, parts = ours()[name], walk(message)
        if our_shape(m) != shape(parts):
            continue
        for p, (_, _, leaf) in zip(m["parts"], parts):
            raw = leaf.get_payload(decode=True) if leaf is not None else None
            if raw is None or "text" not in p or p["decoded"] != sha(raw):
                continue
            params = {n.lower(): v for n, v in reversed(p["params"])}
            charset = params.get("charset", "us-ascii")
            want = expected_text(raw, charset)
            if want is None:
                continue
            seen.add(charset.lower())
            want = want.replace("\r\n", "\n").replace("\r", "\n")
            if p["type"].lower() == "text/plain" and params.get("format", "").lower() == "flowed":
                want = flowed(want, params.get("delsp", "").lower() == "yes")
            if p["text"] != sha(want.encode("utf-8", "replace")):
                found.add(("python-text", name))
    assert {"utf-8", "iso-8859-1", "iso-2022-jp", "koi8-r", "windows-1251"} <= seen
    compare(("python-text",), found)


def raw_values(message, name):
    """The values of a field as the bytes that they are, in latin-1."""
    return [latin(v) for n, v in message.raw_items() if n.lower() == name]


def eight_bit(text):
    """Raw 8-bit text in a field: UTF-8 when it is that, else windows-1252."""
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeError:
        return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in raw)


def python_subject(text):
    try:
        return str(email.header.make_header(email.header.decode_header(eight_bit(text))))
    except (UnicodeError, LookupError, email.errors.HeaderParseError):
        return None


def python_addresses(values):
    try:
        return [spec for _, spec in email.utils.getaddresses(values) if spec]
    except RecursionError:
        return None


def python_params(part, field):
    """name: text; None where Python cannot decode it."""
    raw = [latin(v) for n, v in part.raw_items() if n.lower() == field]
    clean, found = email.message.Message(), {}
    if raw:
        clean[field] = eight_bit(raw[0])
    for name, value in clean.get_params(header=field, failobj=[("", "")])[1:]:
        if not name or name.lower() in found:
            continue
        if isinstance(value, tuple):
            try:
                value = value[2].encode("latin-1").decode(value[0] or "utf-8")
            except (UnicodeError, LookupError):
                value = None
        elif "=?" in value:  # RFC 2047 5 forbids it there, and everybody does it
            value = python_subject(re.sub(r"\r?\n", "", value))
        found[name.lower()] = value and re.sub(r"[\0-\x1f\x7f]", "", value)
    return found


@needs_corpus
def test_parameters_like_python():
    found = set()
    for name, message in theirs().items():
        m, stack, parts = ours()[name], [message], []
        if our_shape(m) != shape(walk(message)):
            continue
        while stack:
            part = stack.pop()
            parts.append(part)
            nests = part.get_content_type() in ("message/rfc822", "message/global")
            if part.is_multipart() and (nests or part.get_content_maintype() == "multipart"):
                stack += reversed(part.get_payload())
        for p, part in zip(m["parts"], parts):
            for field, key in (("content-type", "params"), ("content-disposition", "disposition")):
                if python_params(part, field) != {n.lower(): v for n, v in reversed(p[key])}:
                    found.add(("python-params", name))
    compare(("python-params",), found)


def unfolded(text):
    return re.sub(r"\s+", " ", text).strip()


@needs_corpus
def test_subjects_and_dates_like_python():
    found = set()
    for name, message in theirs().items():
        m = ours()[name]
        raw = raw_values(message, "subject")
        want = python_subject(raw[0]) if raw else ""
        if want is None or unfolded(want) != unfolded(m["subject"]):
            found.add(("python-subject", name))
        if message.get("date") is not None:
            when = email.utils.parsedate_tz(latin(message["date"]))
            try:
                want = email.utils.mktime_tz(when) if when else None
            except (ValueError, OverflowError):
                want = None
            if want != (m["date"] if m["has_date"] else None):
                found.add(("python-date", name))
    compare(("python-subject", "python-date"), found)


@needs_corpus
def test_addresses_like_python():
    found = set()
    for name, message in theirs().items():
        for field in ("from", "to", "cc", "reply-to"):
            want = python_addresses(raw_values(message, field))
            mine = [spec.replace('"', "") for kind, _, spec in ours()[name][field.replace("-", "_")]
                    if kind == 0 and spec not in ("", '""')]
            if want is None or mine != [spec.replace('"', "") for spec in want]:
                found.add(("python-address", name))
    compare(("python-address",), found)


@needs_corpus
def test_trees_and_bodies_like_gmime():
    program = BUILD / "tests/format/gmime-parse"
    if not program.exists():
        pytest.skip("built without libgmime-3.0")
    found = set()
    for other in run(program, messages()):
        name, m = other["file"], ours()[other["file"]]
        if our_shape(m) != [(p["depth"], plain_type(p["type"])) for p in other["parts"]]:
            found.add(("gmime-tree", name))
            continue
        for p, q in zip(m["parts"], other["parts"]):
            if p["kind"] == "leaf" and "decoded" in q and p["decoded"] != q["decoded"]:
                found.add(("gmime-decoded", name))
    compare(("gmime-tree", "gmime-decoded"), found)


def sexp(text):
    """Reads one IMAP parenthesized list: lists, strings, numbers, None for NIL."""
    at, stack, top = 0, [], []
    while at < len(text):
        c = text[at]
        if c == "(":
            stack.append(top)
            top = []
            at += 1
        elif c == ")":
            done, top = top, stack.pop()
            top.append(done)
            at += 1
        elif c == " ":
            at += 1
        elif c == '"':
            m = re.compile(r'"((?:[^"\\\r\n\0\x80-\xff]|\\["\\])*)"').match(text, at)
            assert m, f"bad quoted string at {text[at:at + 40]!r}"
            top.append(re.sub(r"\\(.)", r"\1", m[1]))
            at = m.end()
        elif c == "{":
            m = re.compile(r"\{(\d+)\}\r\n").match(text, at)
            at = m.end() + int(m[1])
            assert "\0" not in text[m.end():at]
            top.append(text[m.end():at])
        else:
            m = re.compile(r"NIL|\d+").match(text, at)
            assert m, f"bad token at {text[at:at + 40]!r}"
            top.append(None if m[0] == "NIL" else int(m[0]))
            at = m.end()
    assert not stack and len(top) == 1
    return top[0]


def check_envelope(env):
    assert len(env) == 10
    for item in env[:2] + env[8:]:
        assert item is None or isinstance(item, str)
    for people in env[2:8]:
        assert people is None or (people and all(len(a) == 4 for a in people))
        for a in people or ():
            assert all(x is None or isinstance(x, str) for x in a)


def check_body(body, parts):
    """body-type of RFC 9051 9, and the sizes of the parts in order."""
    p = next(parts)
    if isinstance(body[0], list):
        n = next(i for i, x in enumerate(body) if not isinstance(x, list))
        assert p["kind"] == "multipart" and len(body) == n + 5 and isinstance(body[n], str)
        for child in body[:n]:
            check_body(child, parts)
        return
    assert all(isinstance(x, str) for x in body[:2]) and isinstance(body[5], str)
    assert body[2] is None or len(body[2]) % 2 == 0
    assert body[6] == p["size"]
    if p["kind"] == "message":
        check_envelope(body[7])
        check_body(body[8], parts)
        assert body[9] == p["lines"] and len(body) == 14
    elif body[0].lower() == "text":
        assert body[7] == p["lines"] and len(body) == 12
    else:
        assert len(body) == 11


@needs_corpus
def test_imap_structures_are_well_formed():
    for name, m in ours().items():
        check_envelope(sexp(m["envelope"]))
        parts = iter(m["parts"])
        check_body(sexp(m["structure"]), parts)
        assert next(parts, None) is None, name
