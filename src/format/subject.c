/* subject.c - RFC 5256 2.1, steps 1 to 7, with the ABNF of section 5. */
#include "format/subject.h"

#include "format/text.h"

static struct slice skip_blanks(struct slice s)
{
    while (s.n && s.p[0] == ' ')
        s = slice_from(s, 1);
    return s;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; false when none begins here */
static bool blob(struct slice *s)
{
    size_t i = 1;
    if (!s->n || s->p[0] != '[')
        return false;
    while (i < s->n && s->p[i] != '[' && s->p[i] != ']')
        i++;
    if (i == s->n || s->p[i] != ']')
        return false;
    *s = skip_blanks(slice_from(*s, i + 1));
    return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool refwd(struct slice *s)
{
    struct slice t = *s;
    if (slice_startsi(t, S("fwd")))
        t = slice_from(t, 3);
    else if (slice_startsi(t, S("re")) || slice_startsi(t, S("fw")))
        t = slice_from(t, 2);
    else
        return false;
    t = skip_blanks(t);
    blob(&t);
    if (!t.n || t.p[0] != ':')
        return false;
    *s = slice_from(t, 1);
    return true;
}

/* Step 2 */
static struct slice cut_trailers(struct slice s, bool *reply)
{
    for (;;) {
        if (s.n && s.p[s.n - 1] == ' ') {
            s.n--;
        } else if (slice_endsi(s, S("(fwd)"))) {
            s.n -= 5;
            *reply = true;
        } else {
            return s;
        }
    }
}

/* Steps 3 to 5. Blobs that no "re:" follows are taken off together, the last one only when
   something is left, so that each byte is looked at once. */
static struct slice cut_leaders(struct slice s, bool *reply)
{
    for (;;) {
        s = skip_blanks(s);
        struct slice t = s, last = s;
        while (last = t, blob(&t))
            if (!t.n)
                break;
        if (refwd(&t)) {
            *reply = true;
            s = t;
            continue;
        }
        return t.n ? t : last;
    }
}

bool subject_base(struct slice utf8, struct buf *out)
{
    bool reply = false;
    BUF_SCOPE b = {0};
    text_squeeze(utf8, &b);
    struct slice s = buf_slice(&b);
    for (;;) {
        s = cut_trailers(s, &reply);
        s = cut_leaders(s, &reply);
        if (!slice_startsi(s, S("[fwd:")) || s.p[s.n - 1] != ']')
            break;
        s = slice_sub(s, 5, s.n - 1);
        reply = true;
    }
    buf_add(out, s);
    return reply;
}
