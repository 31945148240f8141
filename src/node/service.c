/* service.c - the table of servers. */
#include "node/service.h"

#include "io/conn.h"
#include "imap/imap.h"
#include "mail/queue.h"
#include "managesieve/managesieve.h"
#include "node/http_metrics.h"
#include "pop3/pop3.h"
#include "smtp/smtp.h"

static const struct node_service services[] = {
    {SERVICE_METRICS, NULL, &http_metrics_ops, NULL, "http/1.1", false},
    {SERVICE_SMTP, smtp_init, &smtp_ops, &smtp_profile_mta, NULL, true},
    {SERVICE_SUBMISSION, smtp_init, &smtp_ops, &smtp_profile_submission, NULL, true},
    {SERVICE_LMTP, smtp_init, &smtp_ops, &smtp_profile_lmtp, NULL, true},
    {SERVICE_IMAP, imap_init, &imap_ops, NULL, "imap", false},
    {SERVICE_SIEVE, managesieve_init, &managesieve_ops, NULL, "managesieve", false},
    {SERVICE_POP3, pop3_init, &pop3_ops, NULL, "pop3", true},
};

static const struct part {
    int (*start)(struct err *e);
    void (*stop)(void);
} parts[] = {
    {queue_start, queue_stop},
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
