/* load_mix.c - the messages of the load: a pool of realistic ones made from a seed (plain text,
   HTML alternatives, attachments, 8-bit text in several scripts; sizes log-normal), or those of a
   folder. Every message sent gets a head of its own, so that no two are equal and each can be
   checked when it is read: X-Load carries the hash of all that follows it. */
#include "load.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/base64.h"
#include "base/fd.h"

#define POOL 384
#define SIZE_LEAST 700
#define SIZE_MOST (2 << 20)

static struct pool_entry {
    struct buf rest, dotted;
    uint64_t hash;
} * pool;
static unsigned pool_n;
static uint64_t mix_seed;

static const char *const words[] = {
    "the",        "of",       "and",       "to",       "in",      "we",       "is",
    "for",        "that",     "you",       "on",       "with",    "this",     "be",
    "have",       "are",      "not",       "will",     "from",    "as",       "at",
    "or",         "by",       "can",       "please",   "meeting", "Monday",   "invoice",
    "project",    "server",   "attached",  "thanks",   "would",   "there",    "their",
    "schedule",   "report",   "customer",  "release",  "review",  "update",   "contract",
    "quarter",    "figures",  "draft",     "comments", "team",    "office",   "travel",
    "booking",    "regards",  "confirmed", "tomorrow", "version", "change",   "budget",
    "garden",     "kitchen",  "weather",   "train",    "harbour", "mountain", "letter",
    "music",      "übrigens", "Grüße",     "für",      "straße",  "naïve",    "café",
    "señor",      "mañana",   "Привет",    "письмо",   "встреча", "会議",     "资料",
    "ありがとう", "안녕",     "ευχαριστώ",
};
#define WORDS (sizeof(words) / sizeof(words[0]))

uint64_t mix_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double mix_uniform(uint64_t *state)
{
    return ((double)(mix_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* The value that a share p of a standard normal variable lies below. */
static double mix_quantile(double p)
{
    double low = -8, high = 8;
    for (unsigned i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(-middle / M_SQRT2) < p)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Log-normal sizes with the median and the mean that were asked for: each message of the pool has
   the size of its quantile, and sigma is what makes their mean right, ends cut off. */
static void mix_sizes(size_t *sizes)
{
    double low = 0, high = 3, z[POOL];
    for (unsigned i = 0; i < POOL; i++)
        z[i] = mix_quantile((i + 0.5) / POOL);
    for (unsigned round = 0; round < 40; round++) {
        double sigma = (low + high) / 2, all = 0;
        for (unsigned i = 0; i < POOL; i++) {
            double size = load.median * exp(sigma * z[i]);
            sizes[i] = size < SIZE_LEAST ? SIZE_LEAST : size > SIZE_MOST ? SIZE_MOST : (size_t)size;
            all += (double)sizes[i];
        }
        if (all / POOL < load.mean)
            low = sigma;
        else
            high = sigma;
    }
}

/* Words by Zipf: the product of two uniforms prefers the front of the list. */
static const char *mix_word(uint64_t *state)
{
    return words[(size_t)(mix_uniform(state) * mix_uniform(state) * (double)WORDS)];
}

/* The same for a header field: RFC 2047 where it is not ASCII. */
static void mix_header_word(struct buf *b, uint64_t *state)
{
    struct slice word = slice_str(mix_word(state));
    bool ascii = true;
    for (size_t i = 0; i < word.n; i++)
        ascii &= (unsigned char)word.p[i] < 128;
    if (ascii) {
        buf_add(b, word);
        return;
    }
    buf_adds(b, "=?utf-8?B?");
    base64_encode(b, word);
    buf_adds(b, "?=");
}

static void mix_text(struct buf *b, uint64_t *state, size_t size, const char *open,
                     const char *close)
{
    size_t end = b->n + size;
    while (b->n < end) {
        buf_adds(b, open);
        size_t line = b->n;
        unsigned sentence = 5 + mix_random(state) % 60;
        while (sentence--) {
            buf_adds(b, mix_word(state));
            if (b->n - line > 66) {
                buf_adds(b, "\r\n");
                line = b->n;
            } else {
                buf_addc(b, ' ');
            }
        }
        buf_addf(b, "%u.%s\r\n", (unsigned)(mix_random(state) % 10000), close);
        if (mix_random(state) % 8 == 0)
            buf_adds(b, "..dots at the beginning of a line\r\n\r\n");
    }
}

static void mix_attachment(struct buf *b, uint64_t *state, size_t size, const char *boundary)
{
    static const char *const types[] = {"application/pdf", "image/jpeg", "text/rtf",
                                        "application/zip"};
    unsigned name = (unsigned)(mix_random(state) % 100000);
    buf_addf(b,
             "--%s\r\nContent-Type: %s; name=\"document-%u\"\r\n"
             "Content-Transfer-Encoding: base64\r\n"
             "Content-Disposition: attachment; filename=\"document-%u\"\r\n\r\n",
             boundary, types[name % 4], name, name);
    for (size_t lines = size / 78 + 1; lines; lines--) {
        uint64_t raw[8];
        for (unsigned i = 0; i < 8; i++) /* a fifth repeats: documents compress, pictures do not */
            raw[i] = mix_random(state) % 5 || name & 1 ? mix_random(state) : 0x2020202020202020u;
        base64_encode(b, (struct slice){(const char *)raw, 57});
        buf_adds(b, "\r\n");
    }
}

static void mix_part(struct buf *b, const char *boundary, const char *type)
{
    buf_addf(b,
             "--%s\r\nContent-Type: %s; charset=utf-8\r\n"
             "Content-Transfer-Encoding: 8bit\r\n\r\n",
             boundary, type);
}

/* `all` is the size of the whole message, about. */
static void mix_make(struct buf *b, uint64_t *state, size_t all)
{
    size_t size = all > 1600 ? all - 1000 : 600; /* fields, and the head that each message gets */
    unsigned kind = (unsigned)(mix_random(state) % 10); /* 0-2 plain, 3-6 alternative, 7-9 mixed */
    if (size > 60000)                                   /* what is large has attachments */
        kind = 7 + kind % 3;
    buf_adds(b, "From: ");
    mix_header_word(b, state);
    buf_addf(b, " <sender%u@example.org>\r\nTo: Someone <user@example.test>",
             (unsigned)(mix_random(state) % 500));
    for (unsigned n = (unsigned)(mix_random(state) % 4); n; n--) {
        buf_adds(b, ",\r\n ");
        mix_header_word(b, state);
        buf_addf(b, " <person%u@example.net>", (unsigned)(mix_random(state) % 5000));
    }
    buf_adds(b, "\r\nSubject:");
    for (unsigned n = 0; n < 4; n++) {
        buf_addc(b, ' ');
        mix_header_word(b, state);
    }
    buf_addf(b,
             " %u\r\nDate: Mon, %u Jun 2026 %02u:%02u:%02u +0200\r\n"
             "MIME-Version: 1.0\r\nUser-Agent: load\r\n",
             (unsigned)(mix_random(state) % 1000), 1 + (unsigned)(mix_random(state) % 28),
             (unsigned)(mix_random(state) % 24), (unsigned)(mix_random(state) % 60),
             (unsigned)(mix_random(state) % 60));
    if (kind < 3) {
        buf_adds(b, "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: 8bit\r\n\r\n");
        mix_text(b, state, size, "", "");
        return;
    }
    char outer[40], inner[40];
    snprintf(outer, sizeof(outer), "=_outer_%08x", (unsigned)mix_random(state));
    snprintf(inner, sizeof(inner), "=_inner_%08x", (unsigned)mix_random(state));
    const char *text = inner;
    if (kind < 7)
        text = outer;
    else
        buf_addf(b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", outer, outer);
    buf_addf(b, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", text);
    size_t words_size = kind < 7 ? size / 3 : size / 8;
    mix_part(b, text, "text/plain");
    mix_text(b, state, words_size, "", "");
    mix_part(b, text, "text/html");
    buf_adds(b, "<html><body style=\"font-family: sans-serif\">\r\n");
    mix_text(b, state, words_size * 2, "<p class=\"para\">", "</p>");
    buf_addf(b, "</body></html>\r\n--%s--\r\n", text);
    if (kind >= 7) {
        for (unsigned n = kind - 6; n; n--)
            mix_attachment(b, state, size * 5 / 8 / (kind - 6), outer);
        buf_addf(b, "--%s--\r\n", outer);
    }
}

static void mix_dot(struct slice s, struct buf *out)
{
    while (s.n) {
        ptrdiff_t at = slice_find(s, '\n');
        size_t n = at < 0 ? s.n : (size_t)at + 1;
        if (s.p[0] == '.')
            buf_addc(out, '.');
        buf_add(out, (struct slice){s.p, n});
        s = slice_from(s, n);
    }
}

static void mix_crlf(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' || s.p[i] == '\n') {
            if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
                i++;
            buf_adds(out, "\r\n");
        } else if (s.p[i]) {
            buf_addc(out, s.p[i]);
        }
    }
    if (!slice_ends(buf_slice(out), S("\r\n")))
        buf_adds(out, "\r\n");
}

static int mix_folder(const char *folder, struct err *e)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    if (n < 0)
        return err_errno(e, ERR_IO, "%s", folder);
    pool = calloc((size_t)n + 1, sizeof(*pool));
    BUG_IF(!pool);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        BUF_SCOPE raw = {0};
        if (slice_ends(slice_str(path), S(".eml")) && file_read(path, &raw, e) == 0 && raw.n)
            mix_crlf(buf_slice(&raw), &pool[pool_n++].rest);
        free(names[i]);
    }
    free(names);
    return pool_n ? 0 : err_set(e, ERR_NOTFOUND, "%s: no .eml files", folder);
}

int mix_init(uint64_t seed, const char *eml_folder, struct err *e)
{
    mix_seed = seed;
    if (eml_folder) {
        if (mix_folder(eml_folder, e) < 0)
            return -1;
    } else {
        pool_n = POOL;
        pool = calloc(POOL, sizeof(*pool));
        BUG_IF(!pool);
        uint64_t state = seed;
        size_t sizes[POOL];
        mix_sizes(sizes);
        for (unsigned i = 0; i < POOL; i++)
            mix_make(&pool[i].rest, &state, sizes[i]);
    }
    for (unsigned i = 0; i < pool_n; i++) {
        mix_dot(buf_slice(&pool[i].rest), &pool[i].dotted);
        pool[i].hash = XXH3_64bits(pool[i].rest.p, pool[i].rest.n);
    }
    return 0;
}

void mix_message(uint64_t seq, struct load_message *m)
{
    uint64_t state = mix_seed ^ (seq * 0x2545f4914f6cdd1du);
    uint64_t id = mix_random(&state);
    /* of a folder one after the other: all of them, each as often as the others */
    const struct pool_entry *p = &pool[(load.eml ? seq : mix_random(&state)) % pool_n];
    int n = snprintf(m->head, sizeof(m->head),
                     "Received: from mx%u.example.org (192.0.2.%u) by relay.example.net\r\n"
                     "\twith ESMTP id %08x; Mon, 1 Jun 2026 10:00:00 +0000\r\n"
                     "Message-ID: <%016llx.%llu@load.example.org>\r\n"
                     "X-Load: %llu %016llx\r\n",
                     (unsigned)(id % 9), (unsigned)(id % 250), (unsigned)id, (unsigned long long)id,
                     (unsigned long long)seq, (unsigned long long)seq, (unsigned long long)p->hash);
    m->head_n = (size_t)n;
    m->rest = buf_slice(&p->rest);
    m->rest_dotted = buf_slice(&p->dotted);
}

bool mix_verify(struct slice message)
{
    ptrdiff_t at = slice_search(message, S("X-Load: "));
    if (at < 0)
        return false;
    struct slice line = slice_from(message, (size_t)at + 8);
    ptrdiff_t end = slice_search(line, S("\r\n"));
    if (end < 17)
        return false;
    char hex[17];
    memcpy(hex, line.p + end - 16, 16);
    hex[16] = 0;
    struct slice rest = slice_from(line, (size_t)end + 2);
    return strtoull(hex, NULL, 16) == XXH3_64bits(rest.p, rest.n);
}
