/* http_metrics.h - GET /metrics and /healthz over HTTP/1.1, for Prometheus and for load balancers:
   a responder of its own, that knows nothing else of HTTP. */
#pragma once

struct conn_ops;
extern const struct conn_ops http_metrics_ops;
