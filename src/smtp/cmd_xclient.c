/* cmd_xclient.c - XCLIENT and XFORWARD from hops listed in smtp.trusted: who the client really is.
   XCLIENT makes the session that client's, from the greeting on; XFORWARD is for the log of the
   next message only. Attribute names are Postfix's. */
#include <arpa/inet.h>
#include <stdio.h>

#include "smtp/session.h"

static bool address_valid(struct slice v)
{
    char text[64];
    unsigned char raw[16];
    if (slice_startsi(v, S("IPV6:")))
        v = slice_from(v, 5);
    if (v.n >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", SARG(v));
    return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

static bool name_valid(struct slice v)
{
    return smtp_domain_valid(v, false) || smtp_literal_valid(v);
}

static void copy(char *to, size_t size, struct slice v)
{
    snprintf(to, size, "%.*s", SARG(v));
}

static int take(struct smtp_client_facts *f, struct slice name, struct slice value, struct err *e)
{
    if (slice_eqi(name, S("ADDR"))) {
        if (value.n && !address_valid(value))
            return err_set(e, ERR_SYNTAX, "5.5.4 Bad ADDR");
        copy(f->address, sizeof(f->address),
             slice_startsi(value, S("IPV6:")) ? slice_from(value, 5) : value);
    } else if (slice_eqi(name, S("NAME")) || slice_eqi(name, S("HELO"))) {
        if (value.n && !name_valid(value))
            return err_set(e, ERR_SYNTAX, "5.5.4 Bad NAME or HELO");
        if (slice_eqi(name, S("NAME")))
            copy(f->name, sizeof(f->name), value);
        else
            copy(f->helo, sizeof(f->helo), value);
    } else if (!slice_eqi(name, S("PORT")) && !slice_eqi(name, S("PROTO")) &&
               !slice_eqi(name, S("IDENT")) && !slice_eqi(name, S("SOURCE"))) {
        return err_set(e, ERR_SYNTAX, "5.5.4 Unknown attribute");
    }
    return 0;
}

static bool take_all(struct smtp_session *s, struct slice args, struct smtp_client_facts *ret)
{
    ARENA_SCOPE a = {.limit = 64 * 1024};
    struct slice name, value;
    struct err e = {0};
    int more;
    if (!smtp_session_is_trusted(s)) {
        smtp_session_error(s, 550, "5.7.0", "Not for you");
        return false;
    }
    while ((more = smtp_attribute_next(&args, &a, &name, &value, &e)) > 0)
        if (take(ret, name, value, &e)) {
            more = -1;
            break;
        }
    if (more < 0)
        smtp_session_refuse(s, 501, "5.5.4", &e);
    return more == 0;
}

void smtp_cmd_xclient(struct smtp_session *s, struct slice args)
{
    struct smtp_client_facts facts = {0};
    if (!take_all(s, args, &facts))
        return;
    smtp_session_forget(s);
    s->client = facts;
    smtp_session_greet(s);
}

void smtp_cmd_xforward(struct smtp_session *s, struct slice args)
{
    struct smtp_client_facts facts = s->forward;
    if (!take_all(s, args, &facts))
        return;
    s->forward = facts;
    smtp_session_reply(s, 250, "2.0.0", "Ok");
}
