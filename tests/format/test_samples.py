"""Small messages of the project's own, one oddity each: subject, preview and part tree as they must be.
A part is number:type:octets/lines; "-" is the number of a root multipart, which has none."""
import json
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CARBONADO_BUILD", TOP / "build"))

WANT = """
alternative | Two faces | plain words | -:multipart/alternative:147/9 1:text/plain:11/0 2:text/html:24/0
base64-damaged | Damaged | Hello, world | 1:text/plain:19/1
charset-unknown | Unknown charset | café | 1:text/plain:6/1
charset-wrong | Says ASCII | naïve | 1:text/plain:8/1
chinese-gb | 中文 | 中文邮件 | 1:text/plain:10/1
cyrillic-koi8 | Привет | Привет, мир | 1:text/plain:13/1
digest | Digest | first | -:multipart/digest:187/18 1:message/rfc822:43/3 1.1:text/plain:5/0 2:message/rfc822:44/3 2.1:text/plain:6/0 3:text/plain:10/0
eai | Ünïcødé | EAI | 1:text/plain:5/1
empty-body | Nothing below |  | 1:text/plain:0/0
empty-parts | Empty parts |  | -:multipart/mixed:49/6 1:text/plain:0/0 2:text/plain:0/0 3:text/html:0/0
forwarded | Fwd: inner | FYI | -:multipart/mixed:337/21 1:text/plain:3/0 2:message/rfc822:246/12 2:multipart/alternative:145/8 2.1:text/plain:11/0 2.2:text/html:24/0
groups | Groups | body | 1:text/plain:6/1
html-only | HTML | Hello you & me | 1:text/html:113/1
japanese-2022 | 日本 | 日本語のメール | 1:text/plain:22/1
korean-euc | 한민 | 한국어 | 1:text/plain:8/1
latin1-qp | Grüße | Schöne Grüße aus Köln! | 1:text/plain:35/2
lf-only | LF | one two | 1:text/plain:8/2
mbox-line | From line | body | 1:text/plain:6/1
message-global | Global | inner | 1:message/global:50/4 1.1:text/plain:7/1
mixed-attachment | With a file | see the file | -:multipart/mixed:310/16 1:text/plain:12/0 2:application/pdf:12/0
mixed-line-ends | mixed | one two three four | 1:text/plain:21/3
no-boundary | No boundary either | --b one --b-- | 1:multipart/mixed:19/4
no-close | Never closed | one | -:multipart/mixed:24/6 1:text/plain:3/0 2:text/plain:5/1
no-delimiter | Not really a multipart | just text | 1:multipart/mixed:11/1
nul-bytes | ab | x y | 1:text/plain:5/1
only-body |  | No header at all. | 1:text/plain:19/1
only-header-no-end | no empty line |  | 1:text/plain:0/0
plain | Plain text | Hello Ben, this is plain. Ada | 1:text/plain:37/5
prefix-boundary | Boundaries begin alike | inner | -:multipart/mixed:96/11 1:multipart/mixed:21/3 1.1:text/plain:5/0 2:text/plain:5/0
related-inline | Picture inside | plain words | -:multipart/related:368/20 1:multipart/alternative:145/8 1.1:text/plain:11/0 1.2:text/html:24/0 2:image/gif:20/0
report | Undelivered | It failed. | -:multipart/report:245/16 1:text/plain:10/0 2:message/delivery-status:114/4 3:text/rfc822-headers:13/0
signed | Signed | signed text | -:multipart/signed:132/9 1:text/plain:11/0 2:application/pgp-signature:29/0
stray-header-line | Stray | body | 1:text/plain:6/1
subject-fwd | [list] Re: [list] Fwd: [Fwd: topic] (fwd) | new words | 1:text/plain:31/4
utf7 | UTF-7 | Hi ä | 1:text/plain:10/1
utf8-8bit | Grüße in UTF-8 | Schöne Grüße | 1:text/plain:17/1
uuencode | uuencoded | Cat | 1:text/plain:34/4
words-broken | lost endä€ | body | 1:text/plain:6/1
"""


def shape(parts):
    return " ".join(f"{p['number'] or '-'}:{p['type']}:{p['size']}/{p['lines']}" for p in parts)


def test_samples():
    files = sorted(map(str, (TOP / "tests/data/mail").glob("*.eml")))
    done = subprocess.run([BUILD / "tests/format/carbonado-parse", *files], stdout=subprocess.PIPE, check=True)
    got = {}
    for line in done.stdout.splitlines():
        m = json.loads(line)
        name = m["file"][:-len(".eml")]
        got[name] = f"{name} | {m['subject']} | {m['preview']} | {shape(m['parts'])}"
    want = {line.split(" | ")[0]: line for line in WANT.strip().splitlines()}
    assert got == want


def test_details():
    def one(name):
        path = TOP / "tests/data/mail" / f"{name}.eml"
        return json.loads(subprocess.run([BUILD / "tests/format/carbonado-parse", path],
                                         stdout=subprocess.PIPE, check=True).stdout)

    pdf = one("mixed-attachment")["parts"][2]
    assert pdf["disposition"] == [["filename", "\u4e2d\u6587-a long name.pdf"]]
    assert one("groups")["cc"] == [[1, "A Group", ""], [0, "Chris", "c@example.test"],
                                   [0, "", "d@example.test"], [2, "", ""],
                                   [1, "Undisclosed recipients", ""], [2, "", ""]]
    fields = [name for name, _, _ in one("stray-header-line")["parts"][0]["fields"]]
    assert fields[-1] == "X-After" and len(fields) == 6
    assert "\\u0000" not in json.dumps(one("nul-bytes")["envelope"])
