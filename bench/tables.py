"""tables.py - the rows of `make bench` as tables: each line of the goals with its figures, the ratios
to the peers and whether it is met; then what else was seen of each load."""
import collections

PEERS = ("dovecot", "cyrus", "carbonado", "carbonado-plain")
TITLES = {"dovecot": "Dovecot", "cyrus": "Cyrus", "carbonado": "Carbonado", "carbonado-plain": "not compressed",
          "postfix": "Postfix", "dovecot-mdbox": "Dovecot, mdbox"}
KEPT = ("conns", "ops", "seconds", "ops_per_s", "bytes", "items", "items_per_s", "first_ms", "p50_ms", "p90_ms",
        "p99_ms", "max_ms", "cpu_s", "pss_before_kib", "pss_kib", "processes", "tcp_kib_before", "tcp_kib",
        "kernel_kib_before", "kernel_kib", "syncs", "ack_ms", "errors", "disk")


def kept(row):
    return {key: row[key] for key in KEPT if key in row}


def better(old, new):
    """Of two rows of the same load: the one without errors, then the faster one."""
    if not old or old.get("errors"):
        return new
    if new.get("errors"):
        return old
    return min(old, new, key=lambda row: row.get("p50_ms", 0))


# How a figure comes out of a row (and of all rows of that server).
def rate(row, _all):
    return row["ops_per_s"]


def cpu_ms(row, _all):
    return 1e3 * row["cpu_s"] / row["ops"]


def cpu_s(row, _all):
    return row["cpu_s"] / row["ops"]


def syncs(row, _all):
    return row["syncs"] / row["ops"]


def seconds(row, _all):
    return row["p50_ms"] / 1e3


def median_ms(row, _all):
    return row["p50_ms"]


def megabytes(row, _all):
    return row["bytes"] / 1e6 / row["seconds"]


def cpu_per_mb(row, _all):
    return 1e3 * row["cpu_s"] / (row["bytes"] / 1e6)


def session(row, _all):
    return (row["pss_kib"] - row["pss_before_kib"]) / row["conns"]


def session_kernel(row, _all):
    grown = row["kernel_kib"] + row["tcp_kib"] - row["kernel_kib_before"] - row["tcp_kib_before"]
    return grown / row["conns"]


def at_rest(row, _all):
    return row["pss_before_kib"] / 1024


def disk_ratio(row, every):
    return row["disk"] / every["corpus"]["bytes"]


# Goals. Each gives {text: met} for the figures of the servers.
def at_most(limit, peer="carbonado"):
    def check(figures, _high):
        if figures.get(peer) is None:
            return {}
        name = "" if peer == "carbonado" else f" {TITLES[peer]}"
        return {f"at most {limit:g}{name}": figures[peer] <= limit}
    return check


def times(factor, against=("dovecot", "cyrus")):
    def check(figures, high):
        ours, answer = figures.get("carbonado"), {}
        for peer in against:
            theirs = figures.get(peer)
            if ours is not None and theirs is not None:
                ratio = divide(ours, theirs) if high else divide(theirs, ours)
                answer[f"{factor:g} times {TITLES[peer]}"] = ratio >= factor
        return answer
    return check


def divide(a, b):
    return a / b if b else float("inf") if a else 1.0


Line = collections.namedtuple("Line", "text label figure high goals")
HIGH, LOW = True, False
DOVECOT = ("dovecot",)
LINES = [
    Line("LMTP, 32 connections: server CPU a message, ms", "lmtp-32", cpu_ms, LOW,
         [at_most(0.4), at_most(0.25, "carbonado-plain")]),
    Line("LMTP, 32 connections: messages/s", "lmtp-32", rate, HIGH, [times(6, DOVECOT)]),
    Line("LMTP, 64 connections: syncs a message", "lmtp-64", syncs, LOW, [at_most(0.1)]),
    Line("LMTP, 1 connection: messages/s", "lmtp-1", rate, HIGH, [times(2)]),
    Line("FETCH of metadata of 100,000, first after start: s", "meta-first", seconds, LOW, [times(20)]),
    Line("the same, again: s", "meta-again", seconds, LOW, [times(5)]),
    Line("FETCH BODY.PEEK[] of all, warm: MB/s", "bodies", megabytes, HIGH, [times(1)]),
    Line("the same: server CPU, ms per MB", "bodies", cpu_per_mb, LOW, [times(2)]),
    Line("SELECT of 1,000,000, first after start: ms", "select-first", median_ms, LOW, [at_most(300)]),
    Line("the same, again: ms", "select-again", median_ms, LOW, [at_most(20)]),
    Line("STORE of a flag on 100,000: s", "store", seconds, LOW, [times(1)]),
    Line("COPY of 50,000: s", "copy", seconds, LOW, [times(3)]),
    Line("MOVE of 50,000: s", "move", seconds, LOW, [times(3)]),
    Line("EXPUNGE of 50,000: s", "expunge", seconds, LOW, [times(3)]),
    Line("APPEND, 4 connections: messages/s", "append-4", rate, HIGH, [times(5)]),
    Line("POP3 RETR, pipelined, 4 connections: MB/s", "pop3-pipelined", megabytes, HIGH, [times(1)]),
    Line("LOGIN, SELECT, LOGOUT: server CPU, ms", "login", cpu_ms, LOW, [at_most(0.25)]),
    Line("a session in IDLE, of 5,000 (Cyrus: of 500), plain: KiB of process memory", "idle-plain", session, LOW,
         [at_most(3)]),
    Line("the kernel's part of it, both ends: KiB", "idle-plain", session_kernel, LOW, []),
    Line("a session in IDLE under TLS: KiB of process memory", "idle-tls", session, LOW, [at_most(18)]),
    Line("the kernel's part of it, both ends: KiB", "idle-tls", session_kernel, LOW, []),
    Line("one new message announced to 5,000 sessions (Cyrus: 500): ms", "announce", median_ms, LOW, [at_most(100)]),
    Line("the server after start, nothing connected: MiB", "rest", at_rest, LOW, [at_most(32)]),
    Line("from a start after SIGKILL, with 100,000 messages, to the first greeting: ms", "crash", median_ms, LOW,
         [at_most(1000)]),
    Line("disk bytes per stored byte, real mail", "disk", disk_ratio, LOW, [at_most(0.6)]),
]


def shown(figure):
    if figure is None:
        return ""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 0.1 or figure == 0 else f"{figure:.3f}"


def figures_of(line, results):
    """{server: figure}, and of which servers the load failed."""
    figures, failed = {}, set()
    for peer in PEERS:
        every = {label: of[peer] for label, of in results.items() if peer in of}
        row = every.get(line.label)
        if row is None:
            continue
        if row.get("errors"):
            failed.add(peer)
            continue
        try:
            figures[peer] = line.figure(row, every)
        except (KeyError, ZeroDivisionError):
            failed.add(peer)
    return figures, failed


def ratio(figures, peer, high):
    if figures.get("carbonado") is None or figures.get(peer) is None:
        return ""
    a, b = figures["carbonado"], figures[peer]
    value = divide(a, b) if high else divide(b, a)
    return "-" if value == float("inf") else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def verdict(line, figures):
    answer = {}
    for goal in line.goals:
        answer.update(goal(figures, line.high))
    if not answer:
        return "" if not line.goals else "not measured"
    if len(set(answer.values())) == 1:
        return "met" if all(answer.values()) else "**not met**"
    return ", ".join(("met" if met else "**not met**") + f": {text}" for text, met in answer.items())


def goal_text(line):
    texts = []
    for goal in line.goals:
        names = dict.fromkeys(PEERS, 1.0)
        texts += goal(names, line.high)
    short = [text.replace(" times Dovecot", " times") for text in texts if not text.endswith(" times Cyrus")]
    return ", ".join(short if len(short) < len(texts) else texts)


def goals_table(results):
    lines = ["| work | goal | Dovecot | Cyrus | Carbonado | not compressed | times Dovecot | times Cyrus | | date |",
             "|---|---|---:|---:|---:|---:|---:|---:|---|---|"]
    for line in LINES:
        figures, failed = figures_of(line, results)
        if not figures and not failed:
            continue
        cells = ["error" if peer in failed else shown(figures.get(peer)) for peer in PEERS]
        dates = sorted({of["date"] for of in results[line.label].values()})
        lines.append(f"| {line.text} | {goal_text(line)} | " + " | ".join(cells) +
                     f" | {ratio(figures, 'dovecot', line.high)} | {ratio(figures, 'cyrus', line.high)}"
                     f" | {verdict(line, figures)} | {dates[-1]} |")
    return "\n".join(lines) + "\n"


def loads_table(results):
    lines = ["| load | server | operations | a second | p50, p90, p99, max: ms | CPU an operation | syncs an operation "
             "| MiB at work |", "|---|---|---:|---:|---:|---:|---:|---:|"]
    for label, servers in results.items():
        for peer in sorted(servers):
            row = servers[peer]
            if row.get("errors") or not row.get("ops"):
                continue
            if label.startswith(("idle", "rest")):
                continue
            cpu = 1e3 * row["cpu_s"] / row["ops"]
            lines.append(
                f"| {label} | {TITLES.get(peer, peer)} | {row['ops']:,} | {shown(row['ops_per_s'])} "
                f"| {', '.join(shown(row[key]) for key in ('p50_ms', 'p90_ms', 'p99_ms', 'max_ms'))} "
                f"| {shown(cpu)} ms | {shown(row['syncs'] / row['ops'])} | {row['pss_kib'] / 1024:.0f} |")
    return "\n".join(lines) + "\n"


def about(results):
    machines, versions, loads = set(), set(), []
    for servers in results.values():
        for row in servers.values():
            machines.add(row["machine"])
            versions.add(row["version"])
            loads.append(row["load_average"])
    if not loads:
        return "Nothing has been measured yet.\n"
    return (f"Machine: {'; '.join(sorted(machines))}. Load average before the parts: {min(loads)} to {max(loads)}. "
            f"{'; '.join(sorted(versions))}.\n")


def all_tables(results):
    ordered = {label: results[label] for label in sorted(results)}
    return (about(ordered) + "\n\"Times\" says how many times better Carbonado is; under 1 it is worse.\n\n" +
            goals_table(ordered) + "\n" + loads_table(ordered))
