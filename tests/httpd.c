/* httpd.c -- a web server that misbehaves, for the tests of fm-fetch: httpd ROOT LOG [mute]

   Listens on a free port of 127.0.0.1, prints the port, and serves until it is killed. The first
   part of a request's path is a fault, the second a file: "/flip/train-labels...gz". A fault is a
   row of the table in section 3, which does something with the file in ROOT/good; if there is no
   row of this name, the file in ROOT/FAULT is sent. "once+FAULT" works from the second request on;
   "resume+FAULT" first sends a half and a tag, so that the request for the rest meets the fault.
   Each request appends a line "FAULT NAME [RANGE]" to LOG; a request is the first one of its fault
   and name if LOG has no line of them. Each connection has its own process and one request. The
   server also answers as a proxy, for any host, but forbids CONNECT. With "mute" it never answers.

   Contents: 1. Answers  2. Faults  3. The table  4. Requests */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REQUEST = 8192, MAX_BYTES = 1 << 20, LIFETIME = 300 };

struct request {
    int socket;
    char fault[64], name[128];
    const char *etag; /* the value that If-Range must have */
    long range;       /* -1: none */
    int earlier;      /* requests of this fault and name */
    const char *text; /* the table's */
    unsigned char body[MAX_BYTES];
    size_t size;
};

static const char *root, *log_path;

/* ---- 1. Answers ---- */

static void send_bytes(struct request *r, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size) {
        ssize_t sent = send(r->socket, p, size, MSG_NOSIGNAL);
        if (sent <= 0)
            exit(0); /* the client closed the connection */
        p += sent;
        size -= (size_t)sent;
    }
}

static void say(struct request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct request *r, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    send_bytes(r, text, (size_t)length);
}

static void nap(long milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static void head(struct request *r, const char *headers)
{
    say(r, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", headers,
        r->size);
}

static void ok(struct request *r)
{
    head(r, "");
    send_bytes(r, r->body, r->size);
}

/* The length of the whole file, but only a part of its bytes. */
static void beginning(struct request *r, size_t size, const char *headers)
{
    head(r, headers);
    send_bytes(r, r->body, size);
}

/* The rest of the file from `from` on; the header claims that it begins at `start`. */
static void rest(struct request *r, size_t start, size_t from)
{
    say(r,
        "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes %zu-%zu/%zu\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
        start, start + r->size - from - 1, r->size, r->size - from);
    send_bytes(r, r->body + from, r->size - from);
}

/* ---- 2. Faults ---- */

/* A status and headers, with a useless body. */
static void status(struct request *r)
{
    say(r, "HTTP/1.1 %s\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbad\n", r->text);
}

/* The text of the table, unchanged. */
static void literally(struct request *r)
{
    say(r, "%s", r->text);
}

/* The file, and headers. */
static void headed(struct request *r)
{
    head(r, r->text);
    send_bytes(r, r->body, r->size);
}

/* Something before the file with its ordinary headers. */
static void preceded(struct request *r)
{
    literally(r);
    ok(r);
}

/* The file after a head of its own. */
static void beheaded(struct request *r)
{
    literally(r);
    send_bytes(r, r->body, r->size);
}

/* A status, and the location of the good file. */
static void redirect(struct request *r)
{
    say(r, "HTTP/1.1 %s\r\nLocation: /landed/%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        r->text, r->name);
}

/* A redirection to the text and the name. */
static void away(struct request *r)
{
    say(r, "HTTP/1.1 302 Found\r\nLocation: %s%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        r->text, r->name);
}

static void to_file(struct request *r)
{
    char place[2048];
    snprintf(place, sizeof place, "file://%s/good/", root);
    r->text = place;
    away(r);
}

static void to_far(struct request *r)
{
    say(r, "HTTP/1.1 302 Found\r\nLocation: /landed/");
    for (int i = 0; i < 1000; i++)
        say(r, "%0200d", 0);
    say(r, "\r\nContent-Length: 0\r\n\r\n");
}

static void html(struct request *r)
{
    static const char page[] = "<!DOCTYPE html>\n<title>Welcome to the hotel</title>\n";
    r->size = sizeof page - 1;
    memcpy(r->body, page, r->size);
    ok(r);
}

static void flip(struct request *r)
{
    r->body[r->size / 2] ^= 16;
    ok(r);
}

static void flip_check(struct request *r) /* the data are correct, but gzip's checksum is not */
{
    r->body[r->size - 8] ^= 1;
    ok(r);
}

static void flip_length(struct request *r)
{
    r->body[r->size - 1] ^= 1;
    ok(r);
}

static void hollow(struct request *r) /* a valid gzip file of 0 bytes */
{
    memcpy(r->body, "\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0", 20);
    r->size = 20;
    ok(r);
}

static void empty(struct request *r)
{
    r->size = 0;
    ok(r);
}

static void cut(struct request *r)
{
    beginning(r, r->size / 2, "");
}

static void cut_at_once(struct request *r)
{
    beginning(r, 0, "");
}

static void cut_early(struct request *r)
{
    beginning(r, 1, "");
}

static void cut_late(struct request *r)
{
    beginning(r, r->size - 1, "");
}

static void tagged_half(struct request *r)
{
    beginning(r, r->size / 2, "ETag: \"one\"\r\n");
}

static void weak(struct request *r)
{
    if (r->earlier)
        ok(r);
    else
        beginning(r, r->size / 2, "ETag: W/\"one\"\r\n");
}

static void resume(struct request *r)
{
    if (r->range >= 0 && r->etag)
        rest(r, (size_t)r->range, (size_t)r->range);
    else
        tagged_half(r);
}

/* Each time half of the rest. */
static void resume_again(struct request *r)
{
    size_t from = r->range < 0 ? 0 : (size_t)r->range;
    if (!from) {
        tagged_half(r);
        return;
    }
    say(r,
        "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes %zu-%zu/%zu\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
        from, r->size - 1, r->size, r->size - from);
    send_bytes(r, r->body + from, (r->size - from + 1) / 2);
}

/* The next ones are for "resume+": they answer a request for the rest, or else send the file. */

static void shifted(struct request *r) /* says so */
{
    if (r->range >= 0)
        rest(r, (size_t)r->range + 1, (size_t)r->range + 1);
    else
        ok(r);
}

static void shifted_silently(struct request *r)
{
    if (r->range >= 0)
        rest(r, (size_t)r->range, (size_t)r->range - 1);
    else
        ok(r);
}

static void from_start(struct request *r) /* 206, but from the start */
{
    if (r->range >= 0)
        rest(r, 0, 0);
    else
        ok(r);
}

static void changed(struct request *r) /* the file has changed: another tag, other bytes */
{
    if (r->range >= 0) {
        for (size_t i = 0; i < r->size; i++)
            r->body[i] ^= 0x55;
        say(r,
            "HTTP/1.1 206 Partial Content\r\nETag: \"two\"\r\nContent-Range: bytes %ld-%zu/%zu\r\n"
            "Content-Length: %zu\r\nConnection: close\r\n\r\n",
            r->range, r->size - 1, r->size, r->size - (size_t)r->range);
        send_bytes(r, r->body + r->range, r->size - (size_t)r->range);
    } else {
        ok(r);
    }
}

static void no_such_range(struct request *r)
{
    if (r->range >= 0)
        status(r);
    else
        ok(r);
}

/* 206 with the rest, and the Content-Range of the table, or none. */
static void odd_range(struct request *r)
{
    if (r->range >= 0) {
        say(r, "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\n%sContent-Length: %zu\r\n\r\n",
            r->text, r->size - (size_t)r->range);
        send_bytes(r, r->body + r->range, r->size - (size_t)r->range);
    } else {
        ok(r);
    }
}

static void other_total(struct request *r)
{
    if (r->range >= 0) {
        say(r,
            "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes %ld-%zu/%zu\r\n"
            "Content-Length: %zu\r\n\r\n",
            r->range, r->size - 1, 2 * r->size, r->size - (size_t)r->range);
        send_bytes(r, r->body + r->range, r->size - (size_t)r->range);
    } else {
        ok(r);
    }
}

static void part(struct request *r)
{
    rest(r, 0, 0);
}

static void no_length(struct request *r)
{
    say(r, "HTTP/1.0 200 OK\r\n\r\n");
    send_bytes(r, r->body, r->size);
}

static void no_length_cut(struct request *r)
{
    r->size /= 2;
    no_length(r);
}

static void no_length_cut_late(struct request *r)
{
    r->size--;
    no_length(r);
}

/* The Content-Length is wrong by this number of bytes. */
static void mislengthened(struct request *r, long by)
{
    say(r, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\nConnection: close\r\n\r\n",
        (long)r->size + by);
    send_bytes(r, r->body, r->size);
}

static void length_less(struct request *r)
{
    mislengthened(r, -1);
}

static void length_more(struct request *r)
{
    mislengthened(r, 1);
}

static void one_more(struct request *r)
{
    r->body[r->size++] = 'x'; /* gzip data may be padded with zeros */
    ok(r);
}

static void chunked(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    for (size_t i = 0; i < r->size; i += 1000) {
        size_t size = r->size - i < 1000 ? r->size - i : 1000;
        say(r, "%zx;name=value\r\n", size);
        send_bytes(r, r->body + i, size);
        say(r, "\r\n");
    }
    say(r, "0\r\n%s\r\n", r->text);
}

static void chunked_cut(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", r->size);
    send_bytes(r, r->body, r->size / 2);
}

static void chunked_endless(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (;;)
        say(r, "1\r\nx\r\n");
}

static void chunked_unended(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", r->size);
    send_bytes(r, r->body, r->size);
    say(r, "\r\n");
}

static void endless(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;)
        send_bytes(r, r->body, r->size);
}

static void repeatedly(struct request *r) /* the text, without end */
{
    for (;;)
        literally(r);
}

static void well_begun(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\n");
    repeatedly(r);
}

static void header_of_a_megabyte(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nX-Long: ");
    for (int i = 0; i < 1 << 12; i++)
        say(r, "%0256d", 0);
    say(r, "\r\n");
    head(r, "");
    send_bytes(r, r->body, r->size);
}

static void many_headers(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n", r->size);
    for (int i = 0; i < 200; i++)
        say(r, "X-%d: %0100d\r\n", i, i);
    say(r, "\r\n");
    send_bytes(r, r->body, r->size);
}

static void stall(struct request *r)
{
    (void)r;
    nap(1000L * LIFETIME);
}

static void stall_after(struct request *r) /* the text */
{
    literally(r);
    stall(r);
}

static void stall_half(struct request *r)
{
    cut(r);
    stall(r);
}

static void stall_late(struct request *r)
{
    cut_late(r);
    stall(r);
}

static void drip(struct request *r)
{
    head(r, "");
    for (size_t i = 0; i < r->size; i++) {
        send_bytes(r, r->body + i, 1);
        nap(100);
    }
}

static void drip_headers(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\n");
    for (;;) {
        say(r, "X: y\r\n");
        nap(100);
    }
}

static void drip_continues(struct request *r)
{
    for (;;) {
        say(r, "HTTP/1.1 100 Continue\r\n\r\n");
        nap(100);
    }
}

static void slow(struct request *r)
{
    head(r, "");
    for (size_t i = 0; i < r->size; i += 4000) {
        send_bytes(r, r->body + i, r->size - i < 4000 ? r->size - i : 4000);
        nap(50);
    }
}

static void silent(struct request *r)
{
    (void)r;
}

static void reset(struct request *r)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(r->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(r->socket);
}

static void reset_half(struct request *r)
{
    cut(r);
    nap(50); /* so that the sent bytes arrive before */
    reset(r);
}

/* ---- 3. The table ---- */

struct fault {
    const char *name;
    void (*answer)(struct request *);
    const char *text;
};

static const struct fault faults[] = {
    {"ok", ok, ""},
    {"landed", ok, ""},

    /* statuses */
    {"204", literally, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
    {"205", literally, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"},
    {"206", part, ""},
    {"300", status, "300 Multiple Choices"},
    {"304", literally, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"},
    {"400", status, "400 Bad Request"},
    {"401", status, "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\""},
    {"402", status, "402 Payment Required"},
    {"403", status, "403 Forbidden"},
    {"404", status, "404 Not Found"},
    {"407", status, "407 Proxy Authentication Required"},
    {"408", status, "408 Request Timeout"},
    {"410", status, "410 Gone"},
    {"416", status, "416 Range Not Satisfiable"},
    {"429", status, "429 Too Many Requests"},
    {"451", status, "451 Unavailable For Legal Reasons"},
    {"500", status, "500 Internal Server Error"},
    {"501", status, "501 Not Implemented"},
    {"502", status, "502 Bad Gateway"},
    {"503", status, "503 Service Unavailable"},
    {"504", status, "504 Gateway Timeout"},
    {"505", status, "505 HTTP Version Not Supported"},
    {"522", status, "522 Connection Timed Out"},
    {"524", status, "524 A Timeout Occurred"},
    {"999", status, "999 Request denied"},
    {"wait-1", status, "503 Service Unavailable\r\nRetry-After: 1"},
    {"wait-long", status, "429 Too Many Requests\r\nRetry-After: 99999"},
    {"wait-date", status, "503 Service Unavailable\r\nRetry-After: Fri, 31 Dec 2099 23:59:59 GMT"},
    {"wait-past", status, "503 Service Unavailable\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT"},
    {"wait-negative", status, "503 Service Unavailable\r\nRetry-After: -5"},
    {"wait-odd", status, "503 Service Unavailable\r\nRetry-After: soon"},
    {"wait-huge", status, "503 Service Unavailable\r\nRetry-After: 99999999999999999999999"},

    /* redirections */
    {"301", redirect, "301 Moved Permanently"},
    {"302", redirect, "302 Found"},
    {"303", redirect, "303 See Other"},
    {"307", redirect, "307 Temporary Redirect"},
    {"308", redirect, "308 Permanent Redirect"},
    {"6-hops", away, "/5-left/"},
    {"5-left", away, "/4-left/"},
    {"5-hops", away, "/4-left/"},
    {"4-left", away, "/3-left/"},
    {"3-left", away, "/2-left/"},
    {"2-left", away, "/1-left/"},
    {"1-left", away, "/landed/"},
    {"loop", away, "/loop/"},
    {"to-here", away, "../landed/"},
    {"to-404", away, "/nowhere/"},
    {"to-file", to_file, ""},
    {"to-ftp", away, "ftp://127.0.0.1/"},
    {"to-gopher", away, "gopher://127.0.0.1:1/_"},
    {"to-smb", away, "smb://127.0.0.1/x/"},
    {"to-nobody", away, "http://127.0.0.1:1/"},
    {"to-nowhere", away, "http://[::/"},
    {"to-far", to_far, ""},
    {"to-nothing", status, "302 Found"},
    {"to-controls", away, "http://a\x1b[2Jb/"},

    /* contents */
    {"html", html, ""},
    {"flip", flip, ""},
    {"flip-check", flip_check, ""},
    {"flip-length", flip_length, ""},
    {"hollow", hollow, ""},
    {"empty", empty, ""},

    /* ends */
    {"cut", cut, ""},
    {"cut-at-once", cut_at_once, ""},
    {"cut-early", cut_early, ""},
    {"cut-late", cut_late, ""},
    {"no-length", no_length, ""},
    {"no-length-cut", no_length_cut, ""},
    {"no-length-cut-late", no_length_cut_late, ""},
    {"length-less", length_less, ""},
    {"length-more", length_more, ""},
    {"one-more", one_more, ""},
    {"endless", endless, ""},
    {"oversize", beheaded, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"},
    {"silent", silent, ""},
    {"reset", reset, ""},
    {"reset-half", reset_half, ""},

    /* heads */
    {"gzip-encoded", headed, "Content-Encoding: gzip\r\n"},
    {"br-encoded", headed, "Content-Encoding: br\r\n"},
    {"text-type", headed, "Content-Type: text/html; charset=utf-8\r\n"},
    {"100", preceded, "HTTP/1.1 100 Continue\r\n\r\n"},
    {"103", preceded, "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"},
    {"many-headers", many_headers, ""},
    {"http-1.0", beheaded, "HTTP/1.0 200 OK\r\n\r\n"},
    {"no-reason", beheaded, "HTTP/1.1 200\r\n\r\n"},
    {"bare-newlines", beheaded, "HTTP/1.1 200 OK\n\n"},
    {"http-0.9", beheaded, ""},
    {"http-2", beheaded, "HTTP/2 200 OK\r\n\r\n"},
    {"http-9", beheaded, "HTTP/9.9 200 OK\r\n\r\n"},
    {"no-status", beheaded, "HTTP/1.1 OK\r\n\r\n"},
    {"mail", literally, "220 mail.example ESMTP\r\n"},
    {"controls", literally, "HTTP/1.1 4\x1b[2J4 \x1b]0;x\a\r\n\r\n"},
    {"101", literally, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"},
    {"head-only", literally, "HTTP/1.1 200 OK\r\n"},
    {"length-negative", beheaded, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
    {"length-odd", beheaded, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"},
    {"length-huge", beheaded,
     "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n"},
    {"two-lengths", beheaded,
     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Length: 200\r\n\r\n"},
    {"header-of-a-megabyte", header_of_a_megabyte, ""},
    {"headers-endless", well_begun, "X-Header: and another one, and so on, and so on\r\n"},
    {"header-endless", well_begun, "and so on, and so on, and so on"},
    {"continues-endless", repeatedly, "HTTP/1.1 100 Continue\r\n\r\n"},

    /* chunks */
    {"chunked", chunked, ""},
    {"chunked-trailer", chunked, "X-Trailer: yes\r\n"},
    {"chunked-cut", chunked_cut, ""},
    {"chunked-unended", chunked_unended, ""},
    {"chunked-endless", chunked_endless, ""},
    {"chunked-odd", literally, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n"},
    {"chunked-huge", beheaded,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"},
    {"chunked-negative", beheaded, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"},

    /* rests of files */
    {"tagged-half", tagged_half, ""},
    {"weak", weak, ""},
    {"resume", resume, ""},
    {"resume-again", resume_again, ""},
    {"shifted", shifted, ""},
    {"shifted-silently", shifted_silently, ""},
    {"from-start", from_start, ""},
    {"changed", changed, ""},
    {"no-such-range", no_such_range, "416 Range Not Satisfiable"},
    {"no-range", odd_range, ""},
    {"range-star", odd_range, "Content-Range: bytes */38439\r\n"},
    {"range-unit", odd_range, "Content-Range: lines 1-2/3\r\n"},
    {"range-negative", odd_range, "Content-Range: bytes -1-2/3\r\n"},
    {"range-huge", odd_range, "Content-Range: bytes 99999999999999999999999-2/3\r\n"},
    {"range-odd", odd_range, "Content-Range: bytes the rest\r\n"},
    {"multipart", odd_range, "Content-Type: multipart/byteranges; boundary=x\r\n"},
    {"other-total", other_total, ""},

    /* slow ones */
    {"slow", slow, ""},
    {"stall", stall, ""},
    {"stall-in-head", stall_after, "HTTP/1.1 200 OK\r\nContent-Le"},
    {"stall-after-head", stall_after, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"},
    {"stall-half", stall_half, ""},
    {"stall-late", stall_late, ""},
    {"stall-in-chunk", stall_after,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc"},
    {"drip", drip, ""},
    {"drip-headers", drip_headers, ""},
    {"drip-continues", drip_continues, ""},
};

/* ---- 4. Requests ---- */

static void read_log(struct request *r)
{
    char line[512], fault[64], name[128];
    FILE *file = fopen(log_path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%63s %127s", fault, name) == 2)
            r->earlier += !strcmp(fault, r->fault) && !strcmp(name, r->name);
    if (file)
        fclose(file);
}

static void write_log(const struct request *r)
{
    char line[512];
    int length = r->range < 0 ? snprintf(line, sizeof line, "%s %s\n", r->fault, r->name)
                              : snprintf(line, sizeof line, "%s %s %ld %s\n", r->fault, r->name,
                                         r->range, r->etag ? "if-range" : "");
    int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        exit(1);
    close(fd);
}

/* A request to a proxy has the host: "GET http://HOST/..." */
static void parse_request(struct request *r, const char *text)
{
    if (sscanf(text, "GET /%63[^/ ]/%127[^/ ]", r->fault, r->name) != 2 &&
        sscanf(text, "GET http://%*[^/ ]/%63[^/ ]/%127[^/ ]", r->fault, r->name) != 2)
        exit(1);
    const char *range = strstr(text, "\r\nRange: bytes=");
    r->range = range ? strtol(range + 15, NULL, 10) : -1;
    r->etag = strstr(text, "\r\nIf-Range: \"one\"\r\n");
}

static void read_request(struct request *r)
{
    static char text[MAX_REQUEST + 1];
    size_t have = 0;
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t got = recv(r->socket, text + have, MAX_REQUEST - have, 0);
        if (got <= 0)
            exit(0);
        have += (size_t)got;
        if (text[0] == 0x16) { /* a TLS handshake */
            say(r, "HTTP/1.1 400 Bad Request\r\n\r\n");
            exit(0);
        }
    }
    if (!strncmp(text, "CONNECT ", 8)) {
        snprintf(r->fault, sizeof r->fault, "CONNECT");
        write_log(r);
        say(r, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        exit(0);
    }
    parse_request(r, text);
}

/* The row of this request, after the first halves and good answers that the prefixes stand for;
   NULL: a folder. */
static const struct fault *find_fault(struct request *r, const char **name)
{
    *name = r->fault;
    if (!strncmp(*name, "once+", 5))
        *name = r->earlier ? "ok" : *name + 5;
    if (!strncmp(*name, "resume+", 7)) {
        *name = r->earlier ? *name + 7 : "tagged-half";
        r->earlier -= r->earlier > 0;
    }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (!strcmp(faults[i].name, *name))
            return &faults[i];
    return NULL;
}

static void serve(int socket)
{
    static struct request r;
    static const struct fault folder = {"", ok, ""}, absent = {"", status, "404 Not Found"};
    const char *name;
    char path[4096];
    r.socket = socket;
    read_request(&r);
    read_log(&r);
    write_log(&r);
    const struct fault *fault = find_fault(&r, &name);
    snprintf(path, sizeof path, "%s/%.63s/%.127s", root, fault ? "good" : name, r.name);
    FILE *file = fopen(path, "rb");
    if (file) {
        r.size = fread(r.body, 1, MAX_BYTES, file);
        fclose(file);
    }
    fault = !file ? &absent : fault ? fault : &folder;
    r.text = fault->text;
    fault->answer(&r);
    shutdown(socket, SHUT_WR);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 3 || listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("httpd");
        return 1;
    }
    root = argv[1];
    log_path = argv[2];
    signal(SIGCHLD, SIG_IGN);
    alarm(LIFETIME); /* whatever happens to the script */
    printf("%d\n", ntohs(address.sin_port));
    fclose(stdout);
    if (argc > 3)
        for (;;)
            pause();
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            alarm(LIFETIME);
            serve(connection);
            return 0;
        }
        close(connection);
    }
}
