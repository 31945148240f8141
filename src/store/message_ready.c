/* message_ready.c - everything about a message that can be worked out before the writer: parsed,
   hashed and compressed once, for any number of recipients. */
#include "store/message_ready.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/setting.h"
#include "format/fields.h"
#include "format/imap_structure.h"
#include "format/part_index.h"
#include "format/preview.h"
#include "format/subject.h"
#include "format/text.h"
#include "store/row.h"

SETTING(store, message_max, SIZE, 50 * MiB, 64 * KiB, 2 * GiB,
        "Largest message that is taken, by whatever way it comes.");

/* What is kept of a base subject, for sorting. */
enum { SUBJECT_KEPT = 1000 };

static void cut_subject(struct buf *b)
{
    if (b->n <= SUBJECT_KEPT)
        return;
    size_t n = SUBJECT_KEPT;
    while (n && ((unsigned char)b->p[n] & 0xc0) == 0x80)
        n--;
    b->n = n;
}

/* A number for comparing base subjects as i;unicode-casemap does (RFC 5051, RFC 5256 7), apart from
   those of message ids; it is stored, so it is the same for ever. */
static int64_t subject_hash(struct slice base)
{
    BUF_SCOPE mapped = {0};
    buf_addc(&mapped, 's');
    text_casemap(base, &mapped);
    return msgid_hash(buf_slice(&mapped));
}

/* The ids that tie a message to others: its own first, then the newest references, because a
   reply's parents stand at the end, then the first one, which began the thread. */
static void thread_key_make(const struct message_fields *f, struct slice base, struct thread_key *k)
{
    const struct msgid_list *refs = &f->references, *reply = &f->in_reply_to;
    *k = (struct thread_key){.subject = subject_hash(base)};
    if (f->message_id.n)
        k->refs[k->n++] = msgid_hash(f->message_id);
    for (size_t i = 0; i < reply->n && k->n < 4; i++)
        k->refs[k->n++] = msgid_hash(reply->items[i]);
    if (refs->n)
        k->refs[k->n++] = msgid_hash(refs->items[0]);
    for (size_t i = refs->n; i > 1 && k->n < THREAD_REFS; i--)
        k->refs[k->n++] = msgid_hash(refs->items[i - 1]);
    size_t n = 0; /* each once */
    for (size_t i = 0; i < k->n; i++) {
        size_t j = 0;
        while (j < n && k->refs[j] != k->refs[i])
            j++;
        if (j == n)
            k->refs[n++] = k->refs[i];
    }
    k->n = n;
}

static int work_out(struct message_ready *m, struct slice bytes, struct err *e)
{
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    struct message *msg;
    struct message_fields f;
    if (message_parse(bytes, NULL, &a, &msg, e) || message_fields(msg->root, &a, &f, e))
        return -1;
    imap_envelope(msg->root, &m->envelope);
    imap_bodystructure(msg, &m->bodystructure);
    part_index_write(msg, &m->parts);
    message_preview(msg, &m->preview);
    subject_base(f.subject, &m->subject);
    thread_key_make(&f, buf_slice(&m->subject), &m->thread);
    thread_refs_pack(&m->thread, &m->thread_refs);
    cut_subject(&m->subject);
    if (setting_get(&set_store_compress)) {
        row_pack(ROW_QUICK, buf_slice(&m->envelope), buf_slice(&m->bodystructure), &m->told);
        m->told.failed |= m->envelope.failed || m->bodystructure.failed;
        buf_done(&m->envelope);
        buf_done(&m->bodystructure);
    }
    m->has_date = f.has_date;
    m->sent_at = f.has_date ? f.date.at * 1000 : 0;
    if (m->envelope.failed || m->bodystructure.failed || m->subject.failed || m->parts.failed ||
        m->told.failed)
        return err_set(e, ERR_LIMIT, "the message's header or structure is too large");
    return 0;
}

int message_ready_make(struct slice bytes, struct message_ready **ret, struct err *e)
{
    if ((int64_t)bytes.n > setting_get(&set_store_message_max))
        return err_set(e, ERR_LIMIT, "the message is larger than %lld bytes",
                       (long long)setting_get(&set_store_message_max));
    struct message_ready *m = calloc(1, sizeof *m);
    BUG_IF(!m);
    if (work_out(m, bytes, e) || blob_stage(bytes, &m->staged, e)) {
        message_ready_free(m);
        return -1;
    }
    *ret = m;
    return 0;
}

int message_ready_make_fd(int fd, uint64_t size, struct message_ready **ret, struct err *e)
{
    if (size == 0)
        return message_ready_make(S(""), ret, e);
    if (size > (uint64_t)setting_get(&set_store_message_max))
        return err_set(e, ERR_LIMIT, "the message is larger than %lld bytes",
                       (long long)setting_get(&set_store_message_max));
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_errno(e, ERR_IO, "reading a spooled message");
    int rc = message_ready_make(slice_of(p, (size_t)size), ret, e);
    munmap(p, (size_t)size);
    return rc;
}

void message_ready_free(struct message_ready *m)
{
    if (!m)
        return;
    blob_staged_unref(m->staged);
    buf_done(&m->envelope);
    buf_done(&m->bodystructure);
    buf_done(&m->preview);
    buf_done(&m->subject);
    buf_done(&m->thread_refs);
    buf_done(&m->parts);
    buf_done(&m->told);
    free(m);
}

uint64_t message_ready_size(const struct message_ready *m)
{
    return blob_staged_size(m->staged);
}
