"""Messages nobody should have to read: (class of bug, name, bytes). `scale` is 1 for the long form."""
import base64

HEAD = b"From: a@example.org\r\nTo: b@example.test\r\nSubject: hostile\r\n"


def plain(fields):
    return HEAD + fields + b"\r\nbody\r\n"


def multipart(boundary, inside):
    return HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"" + boundary + b"\"\r\n\r\n" + inside


def nested(depth):
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + b"MIME-Version: 1.0\r\n" + head + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


def folded(name, words):
    return name + b": " + b"\r\n ".join(words) + b"\r\n"


def all_messages(scale):
    k = max(int(1000 * scale), 20)
    b64 = base64.b64encode
    return [
        # 5: sizes
        (5, "long line in the header", plain(b"X: " + b"x" * (3_500 * k) + b"\r\n")),
        (5, "long subject, folded", HEAD.replace(b"hostile", b"\r\n ".join([b"x" * 900] * (3 * k))) + b"\r\nx\r\n"),
        (5, "fields", plain(b"".join(b"X-%d: y\r\n" % n for n in range(100 * k)))),
        (5, "the same field", plain(b"Received: x\r\n" * 40 + b"Subject: again\r\n" * (50 * k))),
        (5, "addresses", plain(folded(b"Cc", [b"a%d@example.org," % n for n in range(10 * k)]))),
        (5, "references", plain(folded(b"References", [b"<%d@example.org>" % n for n in range(20 * k)]))),
        (5, "body without line ends", HEAD + b"\r\n" + b"x" * (10_000 * k) + b"\r\n"),
        (5, "no header", b"\r\n" + b"\r\n" * (10 * k)),
        (5, "only colons", b":\r\n" * (50 * k) + b"\r\nx\r\n"),
        # 6: MIME
        (6, "nested multiparts", nested(10 * k)),
        (6, "nested, one boundary", HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * (10 * k)),
        (6, "nested messages", HEAD + b"Content-Type: message/rfc822\r\n\r\n" * (10 * k) + b"x\r\n"),
        (6, "parts", multipart(b"b", b"--b\r\n\r\nx\r\n" * (100 * k) + b"--b--\r\n")),
        (6, "empty parts", multipart(b"b", b"--b\r\n" * (100 * k) + b"--b--\r\n")),
        (6, "boundary of 100 KB", multipart(b"b" * (100 * k), (b"--" + b"b" * (100 * k) + b"\r\n\r\nx\r\n") * 3)),
        (6, "boundary that begins another", multipart(
            b"b", b"--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--bb--\r\n--b--\r\n" * k)),
        (6, "boundaries, each the beginning of the next", HEAD + b"".join(
            b"Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n" % (b"b" * n, b"b" * n)
            for n in range(1, 90)) + b"x\r\n" + b"".join(b"--%s--\r\n" % (b"b" * n) for n in range(89, 0, -1))),
        (6, "lines that might be boundaries", multipart(b"b", b"--b\r\n\r\n" + b"--c\r\n" * (200 * k) + b"--b--\r\n")),
        (6, "no boundary", HEAD + b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\n----\r\n"),
        (6, "empty boundary", HEAD + b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n" + b"--\r\n\r\nx\r\n" * k),
        (6, "message in itself", (HEAD + b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n") * (2 * k)),
        (6, "partial and external", HEAD + b"Content-Type: message/external-body; access-type=local-file;"
            b" name=\"/etc/passwd\"\r\n\r\nContent-Type: message/partial; number=1; total=99999999999; id=x\r\n\r\n"),
        # 7: RFC 2231 and parentheses
        (7, "parameter in pieces", plain(b"Content-Type: text/plain" + b"".join(
            b";\r\n a*%d=x" % n for n in range(50 * k)) + b"\r\n")),
        (7, "pieces backwards and twice", plain(b"Content-Type: text/plain" + b"".join(
            b";\r\n a*%d*=%%41" % n for n in range(5 * k, 0, -1)) * 2 + b"\r\n")),
        (7, "numbers of pieces", plain(b"Content-Type: text/plain; a*4294967296=x; a*18446744073709551616=y; "
                                       b"a*-1=z; a*00=q; a*0*=utf-8''%; b*=x'y; c*=''; d*=utf-8''%4\r\n")),
        (7, "parameters", plain(b"Content-Type: text/plain" + b"".join(
            b";\r\n p%d=x" % n for n in range(50 * k)) + b"\r\n")),
        (7, "parentheses in a type", plain(b"Content-Type: text/plain" + b"(" * (100 * k) + b"\r\n")),
        (7, "languages", plain(folded(b"Content-Language", [b"x,"] * (50 * k)))),
        # 8: addresses, words, charsets, codings
        (8, "comment 100,000 deep", plain(b"Cc: a" + b"(" * (100 * k) + b")" * (100 * k) + b"@example.org\r\n")),
        (8, "comment that does not end", plain(b"Cc: a@example.org " + b"(\\" * (20 * k) + b"\r\n")),
        (8, "backslash at the end", plain(b"Cc: \"a\\\r\nReply-To: (a\\\r\nBcc: <\"\\\r\n")),
        (8, "empty quoted local part", plain(b"Cc: \"\"@example.org, \"\" <\"\"@x>, <>, <@>, @, \"\\\"\"@[]\r\n")),
        (8, "groups", plain(b"Cc: " + b"g:" * (20 * k) + b";" * (20 * k) + b"\r\nBcc: :;, x:;;, ;:\r\n")),
        (8, "angles", plain(b"Cc: " + b"<" * (50 * k) + b">" * (50 * k) + b"\r\n")),
        (8, "route", plain(b"Cc: <" + b"@a," * (20 * k) + b"@b:c@d>\r\n")),
        (8, "words that expand", plain(folded(b"Subject", [b"=?utf-7?B?" + b64(b"+AAAA-" * 9) + b"?="] * (2 * k)))),
        (8, "words without end", plain(b"Subject: " + b"=?utf-8?Q?" * (50 * k) + b"\r\n")),
        (8, "words that lie", plain(b"Subject: =?iso-2022-jp?B?GyRC?= =?utf-8?Q?=C3?= =?utf-8?B?w?= =?x?Q?=?= =?utf-8?B?===?="
                                    b" =?utf-16?B?2A==?= =?gb18030?Q?=81=30?= =?UTF-7?Q?+2AA-?= =?us-ascii?Q?=FF?=\r\n")),
        (8, "line ends in words", plain(b"Subject: =?utf-8?Q?a=0D=0ABcc:=20evil@example.org=0D=0A=0D=0Ax?=\r\n"
                                        b"From: =?utf-8?B?" + b64(b"a\r\n* 1 FETCH (FLAGS (\\Seen))\r\n") + b"?= <x@y>\r\n")),
        (8, "truncated UTF-8", plain(b"Subject: \xc3\r\nCc: \xf0\x9f <\xe2\x82@example.org>\r\nComments: \xff\xfe\r\n")),
        (8, "punycode", plain(b"Cc: a@xn--" + b"a" * (60 * k) + b".example, b@xn--99999999, c@xn--\x80.org\r\n")),
        (8, "charset that is not", HEAD + b"Content-Type: text/plain; charset=\"" + b"x" * (50 * k) + b"\"\r\n\r\n\xff\xfe\r\n"),
        (8, "ISO-2022 that shifts", HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\x1b(J" * (100 * k)
            + b"\x1b$B!\r\n"),
        (8, "UTF-7 that grows", HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AGEAYQBh-" * (100 * k) + b"+\r\n"),
        (8, "base64 that is not", HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * (50 * k) + b"\r\nQ\r\nQQ\r\nQQ=\r\n"),
        (8, "quoted-printable that is not", HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * (500 * k)
            + b"\r\n=\r\n=4\r\n=ZZ\r\n"),
        # 9: numbers and dates
        (9, "dates", plain(b"Date: Mon, 31 Dec 9999 23:59:60 +9999\r\nDate: 0 Jan 0 0:0:0 -0000\r\n"
                           b"Resent-Date: 99999999999999999999 Feb 99999999999999999999 99:99:99 +99999999999\r\n")),
        (9, "a year of 0", plain(b"Date: Sat, 1 Jan 0000 00:00:00 +0000\r\n")),
        (9, "sizes", plain(b"Content-Length: 18446744073709551616\r\nLines: -1\r\nContent-Disposition: attachment; "
                           b"size=99999999999999999999; filename=\"../../../etc/passwd\"\r\n")),
        # 10: bytes
        (10, "8-bit everywhere", bytes(range(128, 256)) + b": \xff\r\n" + plain(bytes(range(128, 256)) + b"\r\n")),
        (10, "controls", plain(b"Subject: \x01\x02\x1b[31m\x7f\r\nCc: \"\x1b]0;x\x07\" <a\x08@b>\r\nMessage-ID: <\x01>\r\n")),
        (10, "quotes and parentheses", plain(b"Subject: \" ) (\\ {5}\r\nMessage-ID: <\"{100}\r\n \")>\r\n"
                                             b"Content-ID: <)(\"\\{3}>\r\nContent-Type: text/\")(\"; x=\"{9}\\\"\"\r\n")),
    ]
