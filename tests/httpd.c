/* httpd.c -- a web server of faults for fm-fetch.test: httpd DIR LOG

   Listens on a free port of 127.0.0.1, prints the port, and serves until it is killed. The first
   part of a request's path is a fault of the table at the end, the second a file of DIR:
   "/flip/train-labels...gz". Each request leaves a line "FAULT NAME [RANGE]" in LOG; "the first
   request" of a fault and name is the one that finds no such line. One process a connection, one
   request a connection. */
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

enum { LONGEST_REQUEST = 8192, MOST_BYTES = 1 << 20, LIFETIME = 300 };

struct request {
    int socket;
    char fault[64], name[128];
    const char *etag; /* what If-Range must bear */
    long range;       /* -1: none */
    int earlier;      /* requests of this fault and name */
    unsigned char body[MOST_BYTES];
    size_t size;
};

static const char *directory, *log_path;

/* ---- Answers */

static void send_bytes(struct request *r, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size) {
        ssize_t sent = send(r->socket, p, size, MSG_NOSIGNAL);
        if (sent <= 0)
            exit(0); /* the other side has had enough */
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

static void status(struct request *r, const char *line, const char *headers)
{
    say(r, "HTTP/1.1 %s\r\n%sContent-Length: 4\r\nConnection: close\r\n\r\nbad\n", line, headers);
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

static void half(struct request *r, const char *headers)
{
    head(r, headers);
    send_bytes(r, r->body, r->size / 2);
}

/* The rest, said to begin at `start` and really beginning at `from`. */
static void rest(struct request *r, size_t start, size_t from)
{
    say(r,
        "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes %zu-%zu/%zu\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
        start, start + r->size - from - 1, r->size, r->size - from);
    send_bytes(r, r->body + from, r->size - from);
}

/* ---- Faults. Those that say "once" behave from the second request on. */

static void not_found(struct request *r)
{
    status(r, "404 Not Found", "");
}

static void forbidden(struct request *r)
{
    status(r, "403 Forbidden", "");
}

static void broken(struct request *r)
{
    status(r, "500 Internal Server Error", "");
}

static void busy_once(struct request *r)
{
    if (r->earlier)
        ok(r);
    else
        status(r, "503 Service Unavailable", "Retry-After: 1\r\n");
}

static void busy_long(struct request *r)
{
    status(r, "429 Too Many Requests", "Retry-After: 99999\r\n");
}

static void redirect(struct request *r)
{
    char location[256];
    snprintf(location, sizeof location, "Location: /ok/%s\r\n", r->name);
    status(r, "302 Found", location);
}

static void loop(struct request *r)
{
    char location[256];
    snprintf(location, sizeof location, "Location: /loop/%s\r\n", r->name);
    status(r, "307 Temporary Redirect", location);
}

static void to_file(struct request *r)
{
    char location[4096];
    snprintf(location, sizeof location, "Location: file://%s/%s\r\n", directory, r->name);
    status(r, "301 Moved Permanently", location);
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

static void hollow(struct request *r) /* whole gzip data of nothing */
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

static void no_content(struct request *r)
{
    say(r, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

static void cut(struct request *r)
{
    half(r, "");
}

static void cut_once(struct request *r)
{
    if (r->earlier)
        ok(r);
    else
        half(r, "");
}

static void weak(struct request *r)
{
    if (r->earlier)
        ok(r);
    else
        half(r, "ETag: W/\"one\"\r\n");
}

static void resume(struct request *r)
{
    if (r->range >= 0 && r->etag)
        rest(r, (size_t)r->range, (size_t)r->range);
    else
        half(r, "ETag: \"one\"\r\n");
}

static void resume_ignored(struct request *r)
{
    if (r->earlier)
        ok(r);
    else
        half(r, "ETag: \"one\"\r\n");
}

static void resume_shifted(struct request *r) /* says so */
{
    if (r->range >= 0)
        rest(r, (size_t)r->range + 1, (size_t)r->range + 1);
    else
        resume_ignored(r);
}

static void resume_wrong(struct request *r) /* and does not say so */
{
    if (r->range >= 0)
        rest(r, (size_t)r->range, (size_t)r->range - 1);
    else
        resume_ignored(r);
}

static void resume_416(struct request *r)
{
    if (r->range >= 0)
        status(r, "416 Range Not Satisfiable", "");
    else
        resume_ignored(r);
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

static void no_length_cut_once(struct request *r)
{
    if (!r->earlier)
        r->size /= 2;
    no_length(r);
}

static void chunked(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    say(r, "%zx\r\n", r->size);
    send_bytes(r, r->body, r->size);
    say(r, "\r\n0\r\n\r\n");
}

static void chunked_cut(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", r->size);
    send_bytes(r, r->body, r->size / 2);
}

static void chunked_bad(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n");
}

static void encoded(struct request *r) /* a common misconfiguration; the bytes are right */
{
    head(r, "Content-Encoding: gzip\r\n");
    send_bytes(r, r->body, r->size);
}

static void endless(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;)
        send_bytes(r, r->body, r->size);
}

static void oversize(struct request *r)
{
    say(r, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n");
    send_bytes(r, r->body, r->size);
}

static void stall(struct request *r)
{
    (void)r;
    nap(1000L * LIFETIME);
}

static void stall_half(struct request *r)
{
    half(r, "");
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

static void slow(struct request *r)
{
    head(r, "");
    for (size_t i = 0; i < r->size; i += 4000) {
        send_bytes(r, r->body + i, r->size - i < 4000 ? r->size - i : 4000);
        nap(50);
    }
}

static void garbage(struct request *r)
{
    say(r, "220 mail.example ESMTP\r\n");
}

static void silent(struct request *r)
{
    (void)r;
}

static const struct {
    const char *name;
    void (*answer)(struct request *);
} faults[] = {
    {"ok", ok},
    {"404", not_found},
    {"403", forbidden},
    {"500", broken},
    {"busy-once", busy_once},
    {"busy-long", busy_long},
    {"redirect", redirect},
    {"loop", loop},
    {"to-file", to_file},
    {"html", html},
    {"flip", flip},
    {"hollow", hollow},
    {"empty", empty},
    {"no-content", no_content},
    {"cut", cut},
    {"cut-once", cut_once},
    {"weak", weak},
    {"resume", resume},
    {"resume-ignored", resume_ignored},
    {"resume-shifted", resume_shifted},
    {"resume-wrong", resume_wrong},
    {"resume-416", resume_416},
    {"part", part},
    {"no-length", no_length},
    {"no-length-cut-once", no_length_cut_once},
    {"chunked", chunked},
    {"chunked-cut", chunked_cut},
    {"chunked-bad", chunked_bad},
    {"encoded", encoded},
    {"endless", endless},
    {"oversize", oversize},
    {"stall", stall},
    {"stall-half", stall_half},
    {"drip", drip},
    {"slow", slow},
    {"garbage", garbage},
    {"silent", silent},
};

/* ---- Requests */

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

static void read_request(struct request *r)
{
    static char text[LONGEST_REQUEST + 1];
    size_t have = 0;
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t got = recv(r->socket, text + have, LONGEST_REQUEST - have, 0);
        if (got <= 0)
            exit(0);
        have += (size_t)got;
    }
    if (sscanf(text, "GET /%63[^/ ]/%127[^/ ]", r->fault, r->name) != 2)
        exit(1);
    const char *range = strstr(text, "\r\nRange: bytes=");
    r->range = range ? strtol(range + 15, NULL, 10) : -1;
    r->etag = strstr(text, "\r\nIf-Range: \"one\"\r\n");
}

static void serve(int socket)
{
    static struct request r;
    char path[4096];
    r.socket = socket;
    read_request(&r);
    read_log(&r);
    write_log(&r);
    snprintf(path, sizeof path, "%s/%s", directory, r.name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        not_found(&r);
        return;
    }
    r.size = fread(r.body, 1, MOST_BYTES, file);
    fclose(file);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (!strcmp(faults[i].name, r.fault)) {
            faults[i].answer(&r);
            shutdown(socket, SHUT_WR);
            return;
        }
    broken(&r); /* a slip in the test script */
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 3 || listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("httpd");
        return 1;
    }
    directory = argv[1];
    log_path = argv[2];
    signal(SIGCHLD, SIG_IGN);
    alarm(LIFETIME); /* whatever happens to the script */
    printf("%d\n", ntohs(address.sin_port));
    fclose(stdout);
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
