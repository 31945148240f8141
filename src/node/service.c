/* service.c - the table of servers. */
#include "node/service.h"

#include "io/conn.h"
#include "node/http_metrics.h"

/* A server that is not linked has no address, and its ports stay closed. */
#if __has_include("imap/imap.h")
#include "imap/imap.h"
#pragma weak imap_init
#pragma weak imap_ops
#endif
#if __has_include("pop3/pop3.h")
#include "pop3/pop3.h"
#pragma weak pop3_init
#pragma weak pop3_ops
#endif
#if __has_include("smtp/smtp.h")
#include "smtp/smtp.h"
#pragma weak smtp_init
#pragma weak smtp_ops
#pragma weak smtp_profile_mta
#pragma weak smtp_profile_submission
#pragma weak smtp_profile_lmtp
#endif
#if __has_include("mail/queue.h")
#include "mail/queue.h"
#pragma weak queue_start
#pragma weak queue_stop
#endif

static const struct node_service services[] = {
    {SERVICE_METRICS, NULL, &http_metrics_ops, NULL, "http/1.1"},
#if __has_include("smtp/smtp.h")
    {SERVICE_SMTP, smtp_init, &smtp_ops, &smtp_profile_mta, NULL},
    {SERVICE_SUBMISSION, smtp_init, &smtp_ops, &smtp_profile_submission, NULL},
    {SERVICE_LMTP, smtp_init, &smtp_ops, &smtp_profile_lmtp, NULL},
#endif
#if __has_include("imap/imap.h")
    {SERVICE_IMAP, imap_init, &imap_ops, NULL, "imap"},
#endif
#if __has_include("pop3/pop3.h")
    {SERVICE_POP3, pop3_init, &pop3_ops, NULL, "pop3"},
#endif
};

static const struct part {
    int (*start)(struct err *e);
    void (*stop)(void);
} parts[] = {
#if __has_include("mail/queue.h")
    {queue_start, queue_stop},
#endif
    {NULL, NULL},
};

enum { SERVICES_N = sizeof(services) / sizeof(services[0]) };

static size_t parts_running;

const struct node_service *service_find(enum service s)
{
    for (size_t i = 0; i < SERVICES_N; i++) {
        if (services[i].service == s && services[i].ops)
            return &services[i];
    }
    return NULL;
}

static bool started_before(size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (services[k].start == services[i].start)
            return true;
    }
    return false;
}

int services_start(struct err *e)
{
    for (size_t i = 0; i < SERVICES_N; i++) {
        if (services[i].start && !started_before(i) && services[i].start(e))
            return -1;
    }
    for (parts_running = 0; parts[parts_running].start; parts_running++) {
        if (parts[parts_running].start(e)) {
            services_stop();
            return -1;
        }
    }
    return 0;
}

void services_stop(void)
{
    while (parts_running)
        parts[--parts_running].stop();
}
