/* peers.c - the table of addresses with connections, under one lock: it is taken at accept and at
   close only. */
#include "io/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "base/setting.h"

SETTING(
    io, per_address_max, INT, 1000, 1, 1000000,
    "Connections from one address (an IPv6 /64 is one) at a time, over all ports. This machine's "
    "own addresses are not counted.");
SETTING_STR(
    io, proxy_from, "127.0.0.0/8 ::1", NULL,
    "Addresses and networks (CIDR) whose PROXY header is believed, on ports that expect one. "
    "Everybody else on such a port is taken as a direct client.");

struct peer_count {
    unsigned n;
    unsigned char key_n;
    char key[16];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hmap peers;

/* The 4 or 16 bytes of the address; IPv4 mapped into IPv6 is IPv4. */
static struct slice address_bytes(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return slice_of(&((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
    if (a->sa_family != AF_INET6)
        return SNONE;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(v6) ? slice_of(v6->s6_addr + 12, 4) : slice_of(v6->s6_addr, 16);
}

static struct slice count_key(const struct sockaddr *a)
{
    struct slice bytes = address_bytes(a);
    return slice_sub(bytes, 0, bytes.n == 16 ? 8 : bytes.n);
}

bool peers_is_loopback(const struct sockaddr *a)
{
    static const char one[16] = {[15] = 1};
    struct slice b = address_bytes(a);
    return (b.n == 4 && b.p[0] == 127) || slice_eq(b, slice_of(one, 16));
}

int peers_enter(const struct sockaddr *peer, struct peer_count **ret, struct err *e)
{
    struct slice key = count_key(peer);
    if (key.n == 0 || peers_is_loopback(peer)) {
        *ret = NULL;
        return 0;
    }
    pthread_mutex_lock(&lock);
    struct peer_count *p = hmap_get(&peers, key);
    if (!p) {
        p = calloc(1, sizeof(*p));
        BUG_IF(!p);
        p->key_n = (unsigned char)key.n;
        memcpy(p->key, key.p, key.n);
        hmap_set(&peers, slice_of(p->key, key.n), p);
    }
    bool full = p->n >= (unsigned)setting_get(&set_io_per_address_max);
    if (!full)
        p->n++;
    pthread_mutex_unlock(&lock);
    if (full)
        return err_set(e, ERR_LIMIT, "too many connections from one address");
    *ret = p;
    return 0;
}

void peers_leave(struct peer_count *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&lock);
    if (--p->n == 0) {
        hmap_del(&peers, slice_of(p->key, p->key_n));
        free(p);
    }
    if (peers.n == 0)
        hmap_done(&peers);
    pthread_mutex_unlock(&lock);
}

unsigned peers_count(const struct sockaddr *peer)
{
    pthread_mutex_lock(&lock);
    const struct peer_count *p = hmap_get(&peers, count_key(peer));
    unsigned n = p ? p->n : 0;
    pthread_mutex_unlock(&lock);
    return n;
}

/* --- networks ----------------------------------------------------------------------------- */
struct network {
    unsigned char bytes[16];
    size_t n; /* 4 or 16 */
    unsigned bits;
};

static int network_parse(struct slice text, struct network *ret)
{
    char address[INET6_ADDRSTRLEN];
    struct slice rest = text, host = slice_cut(&rest, '/');
    if (host.n == 0 || host.n >= sizeof(address))
        return -1;
    memcpy(address, host.p, host.n);
    address[host.n] = '\0';
    if (inet_pton(AF_INET, address, ret->bytes) == 1)
        ret->n = 4;
    else if (inet_pton(AF_INET6, address, ret->bytes) == 1)
        ret->n = 16;
    else
        return -1;
    uint32_t bits = (uint32_t)ret->n * 8;
    if (rest.p && (slice_u32(rest, &bits) || bits > ret->n * 8))
        return -1;
    ret->bits = bits;
    return 0;
}

static bool network_has(const struct network *net, struct slice address)
{
    if (address.n != net->n)
        return false;
    for (unsigned bit = 0; bit < net->bits; bit += 8) {
        unsigned left = net->bits - bit;
        unsigned char mask = left >= 8 ? 0xff : (unsigned char)(0xff << (8 - left));
        if (((unsigned char)address.p[bit / 8] ^ net->bytes[bit / 8]) & mask)
            return false;
    }
    return true;
}

static struct slice next_word(struct slice *rest)
{
    while (rest->n && strchr(" ,\t", rest->p[0]))
        *rest = slice_from(*rest, 1);
    size_t n = 0;
    while (n < rest->n && !strchr(" ,\t", rest->p[n]))
        n++;
    struct slice word = slice_sub(*rest, 0, n);
    *rest = slice_from(*rest, n);
    return word;
}

int cidr_check(struct slice list, struct err *e)
{
    struct slice word;
    struct network net;
    while ((word = next_word(&list)).n) {
        if (network_parse(word, &net))
            return err_set(e, ERR_SYNTAX, "\"%.*s\" is not an address or network", SARG(word));
    }
    return 0;
}

bool cidr_match(struct slice list, const struct sockaddr *a)
{
    struct slice address = address_bytes(a), word;
    struct network net;
    while (address.n && (word = next_word(&list)).n) {
        if (network_parse(word, &net) == 0 && network_has(&net, address))
            return true;
    }
    return false;
}

bool peers_trusts_proxy(const struct sockaddr *a)
{
    return a->sa_family == AF_UNIX || cidr_match(slice_str(setting_text(&set_io_proxy_from)), a);
}
