/* http_metrics.h - GET /metrics and /healthz over HTTP/1.1, for Prometheus and for load balancers:
   a responder of its own, that knows nothing else of HTTP. */
#pragma once

#include <stdint.h>

struct conn_ops;
struct err;
extern const struct conn_ops http_metrics_ops;

/* Opens what /proc says about this process; the sandbox lets nobody do it later. */
int process_facts_open(struct err *e);
struct process_facts {
    int64_t resident_bytes, descriptors, cpu_ms, up_ms;
};
struct process_facts process_facts(void);
