/* fetch-download.c -- downloads files from mirrors.

   A mirror is tried again if its failure may be temporary (no response, lost connection, overload);
   otherwise the next one is tried. An interrupted transfer is resumed if a strong ETag proves that
   the file is still the same; otherwise it starts over. verify_stream() alone decides what is kept.

   Contents: 1. The response, as it arrives  2. The request  3. The outcome  4. Mirrors in turn */
#include "fetch/fm-fetch.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdarg.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_REASON = 320,
    MAX_TAG = 200,
    MAX_WAIT = 30,        /* seconds between two tries */
    MAX_RETRY_AFTER = 60, /* seconds that a server may ask for */
    MIN_SPEED = 1024,     /* bytes per second */
    MAX_HEAD = 256 << 10, /* bytes of all headers, with redirections */
};

struct mirror {
    const char *url;
    unsigned failures;
    bool given_up;
    bool absent;   /* given up because it has the file under none of its names */
    unsigned name; /* requested next: even NAME.gz, odd NAME, of each spelling in turn */
    unsigned wait; /* seconds, as the server asked for */
    char reason[MAX_REASON];
};

struct downloader {
    struct download_settings settings;
    CURL *curl;
    size_t count, current; /* the mirror that served last is tried first */
    struct mirror mirrors[];
};

enum outcome { DONE, ABSENT, AGAIN, NEVER };

/* A request and its response. */
struct request {
    struct downloader *downloader;
    struct mirror *mirror;
    struct stage *stage;
    const char *name; /* for the progress line */
    CURL *curl;
    char url[2048];
    char error[CURL_ERROR_SIZE];
    const char *problem; /* why the callbacks aborted it */
    uint64_t max;        /* bytes in the body */
    size_t head;         /* bytes of header lines so far */
    bool resuming, begun;
    char tag[MAX_TAG]; /* of this response */
    bool has_range;
    unsigned long long range_start;
    double drawn; /* when the progress line was drawn last */
};

/* The response that the staged bytes came from. */
struct partial {
    const struct mirror *mirror;
    unsigned name;
    char tag[MAX_TAG]; /* empty: it cannot be resumed */
    bool cut;          /* the last attempt was interrupted after some bytes */
};

struct downloader *downloader_new(const char *const *mirrors,
                                  const struct download_settings *settings)
{
    size_t count = 0;
    while (mirrors[count])
        count++;
    struct downloader *d = xcalloc(1, sizeof *d + count * sizeof *d->mirrors);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(d->curl = curl_easy_init()))
        die("cannot initialise libcurl");
    d->settings = *settings;
    d->count = count;
    for (size_t i = 0; i < count; i++)
        d->mirrors[i].url = mirrors[i];
    return d;
}

void downloader_free(struct downloader *d)
{
    if (d) {
        curl_easy_cleanup(d->curl);
        curl_global_cleanup();
    }
    free(d);
}

/* ---- 1. The response, as it arrives ---- */

static bool starts_with(const char *line, size_t size, const char *name)
{
    size_t length = strlen(name);
    return size >= length && !strncasecmp(line, name, length);
}

/* Ignores weak tags ("W/..."), which do not promise the same bytes. */
static void take_tag(struct request *r, const char *value, size_t size)
{
    while (size && (*value == ' ' || *value == '\t'))
        value++, size--;
    while (size && strchr(" \t\r\n", value[size - 1]))
        size--;
    if (size < 2 || size >= sizeof r->tag || value[0] != '"' || value[size - 1] != '"')
        return;
    memcpy(r->tag, value, size);
    r->tag[size] = 0;
}

static size_t on_header(char *line, size_t unit, size_t size, void *data)
{
    struct request *r = data;
    char text[128];
    size *= unit;
    r->head += size;
    if (r->head > MAX_HEAD) { /* older versions of libcurl have no limit */
        r->problem = "response header too long";
        r->resuming = false;
        return 0;
    }
    if (starts_with(line, size,
                    "HTTP/")) { /* another response, after a redirection or 100 Continue */
        r->tag[0] = 0;
        r->has_range = false;
    } else if (starts_with(line, size, "ETag:")) {
        take_tag(r, line + 5, size - 5);
    } else if (starts_with(line, size, "Content-Range:") && size < sizeof text) {
        memcpy(text, line, size);
        text[size] = 0;
        r->has_range = sscanf(text + 14, " bytes %llu-", &r->range_start) == 1;
    }
    return size;
}

/* Before the first bytes of a body: decides whether they continue the staged ones or replace
   them. */
static bool begin_body(struct request *r)
{
    long code = 0;
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &code);
    r->begun = true;
    if (r->resuming && code == 206) {
        if (r->has_range && r->range_start == stage_size(r->stage))
            return true;
        r->problem = "server sent a different byte range than requested";
        return false;
    }
    if (code == 206) {
        r->problem = "server sent a partial file, but the whole file was requested";
        return false;
    }
    r->resuming = false;
    stage_restart(r->stage);
    return true;
}

static size_t on_body(char *bytes, size_t unit, size_t size, void *data)
{
    struct request *r = data;
    size *= unit;
    if (!r->begun && !begin_body(r))
        return 0;
    if (size > r->max - stage_size(r->stage)) {
        r->problem = "server sends more data than the file can have";
        return 0;
    }
    stage_write(r->stage, bytes, size);
    return size;
}

static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    struct request *r = data;
    double time = seconds_now();
    (void)up_total, (void)up_now;
    if (time - r->drawn < 0.2)
        return 0;
    r->drawn = time;
    if (total > 0)
        draw_progress("%s: %.1f of %.1f MB", r->name, (double)now / 1e6, (double)total / 1e6);
    else
        draw_progress("%s: %.1f MB", r->name, (double)now / 1e6);
    return 0;
}

/* ---- 2. The request ---- */

static void set_protocols(CURL *curl, const char *url)
{
    /* No redirection from https to http, and none to a local file. */
    bool tls = starts_with(url, strlen(url), "https:");
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                     tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

/* The file of trusted certificates, if one replaces the system's, as for curl(1). */
static const char *certificates(void)
{
    static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = getenv(names[i]);
        if (path && path[0])
            return path;
    }
    return NULL;
}

static void set_tls(CURL *curl)
{
    const char *path = certificates();
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (path) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, path);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

static void set_callbacks(struct request *r)
{
    CURL *curl = r->curl;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    if (progress_wanted()) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, r);
    }
}

static void set_options(struct request *r)
{
    CURL *curl = r->curl;
    long timeout = (long)r->downloader->settings.timeout;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, r->url);
    set_protocols(curl, r->url);
    set_callbacks(r);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "fmnn/" PACKAGE_VERSION);
    set_tls(curl);
    /* After a failure, the rest of a bad response must not be read as the next one. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)(r->mirror->failures > 0));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, timeout);
    /* No limit for the whole transfer: a slow connection is not a failure. */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, timeout);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)MIN_SPEED);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max);
}

/* Performs the request. SIGPIPE must not kill the program if a server closes the connection while
   something is sent to it. */
static CURLcode perform(struct request *r, const char *tag)
{
    char text[MAX_TAG + 16], range[32];
    struct curl_slist *headers = NULL;
    if (r->resuming) {
        snprintf(text, sizeof text, "If-Range: %s", tag);
        snprintf(range, sizeof range, "%llu-", (unsigned long long)stage_size(r->stage));
        headers = curl_slist_append(NULL, text);
        if (!headers)
            die("out of memory");
        curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(r->curl, CURLOPT_RANGE, range);
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before);
    CURLcode status = curl_easy_perform(r->curl);
    sigaction(SIGPIPE, &before, NULL);
    curl_slist_free_all(headers);
    clear_progress();
    return status;
}

/* ---- 3. The outcome ---- */

static enum outcome because(struct mirror *mirror, enum outcome outcome, const char *format, ...)
    FMNN_PRINTF(3, 4);

static enum outcome because(struct mirror *mirror, enum outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(mirror->reason, sizeof mirror->reason, format, args);
    va_end(args);
    return outcome;
}

static enum outcome http_failure(struct request *r, long code)
{
    static const long temporary[] = {408, 429, 500, 502, 503, 504, 522, 524};
    curl_off_t wait = 0;
    bool may_pass = false;
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        may_pass |= temporary[i] == code;
    if (code == 0) { /* from a proxy that did not connect */
        curl_easy_getinfo(r->curl, CURLINFO_HTTP_CONNECTCODE, &code);
        return because(r->mirror, NEVER, "the proxy answered HTTP %ld", code);
    }
    if (code == 404 || code == 410)
        return because(r->mirror, ABSENT, "HTTP %ld, not found", code);
    if (code == 416 && r->resuming) {
        r->problem = "HTTP 416, no such range";
        return because(r->mirror, AGAIN, "%s", r->problem);
    }
    curl_easy_getinfo(r->curl, CURLINFO_RETRY_AFTER, &wait);
    if (wait < 0) /* a date in the past */
        wait = 0;
    if (may_pass && wait > MAX_RETRY_AFTER)
        return because(r->mirror, NEVER, "HTTP %ld, retry after %lld seconds", code,
                       (long long)wait);
    if (may_pass)
        r->mirror->wait = (unsigned)wait;
    return because(r->mirror, may_pass ? AGAIN : NEVER, "HTTP %ld", code);
}

static enum outcome transfer_failure(struct request *r, CURLcode status)
{
    const char *why = r->error[0] ? r->error : curl_easy_strerror(status);
    switch (status) {
    case CURLE_FILE_COULDNT_READ_FILE:
        return because(r->mirror, ABSENT, "%s", why);
    case CURLE_OUT_OF_MEMORY: /* libcurl also reports a header above its limit so */
        return because(r->mirror, NEVER, "response header too long, or out of memory");
    case CURLE_WRITE_ERROR: /* from our callbacks; starting over may help with a wrong range */
        return because(r->mirror, r->resuming ? AGAIN : NEVER, "%s", r->problem ? r->problem : why);
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return because(r->mirror, AGAIN, "%s", why);
    default:
        return because(r->mirror, NEVER, "%s", why);
    }
}

/* A transfer of unknown length can end early unnoticed, and resumed parts may not fit together:
   both deserve another attempt from the start. Wrong content does not. */
static enum outcome verify(struct request *r, struct finding *finding)
{
    stage_verify(r->stage, finding);
    if (finding->state == FILE_GOOD)
        return DONE;
    bool again = finding->state == FILE_SHORT || r->resuming;
    return because(r->mirror, again ? AGAIN : NEVER, "%s", finding->why);
}

static enum outcome conclude(struct request *r, CURLcode status, struct finding *finding)
{
    long code = 0;
    bool local = starts_with(r->url, strlen(r->url), "file:");
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &code);
    if (status == CURLE_HTTP_RETURNED_ERROR)
        return http_failure(r, code);
    if (status != CURLE_OK)
        return transfer_failure(r, status);
    if (!local && code != 200 && code != 206)
        return because(r->mirror, NEVER, "HTTP %ld", code);
    if (!r->begun)
        return because(r->mirror, local ? NEVER : AGAIN, "server sent nothing");
    return verify(r, finding);
}

static bool make_url(struct request *r, const struct source *source, size_t file)
{
    const char *url = r->mirror->url;
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    char *name = file_name_variant(source, file, r->mirror->name / 2);
    int made = snprintf(r->url, sizeof r->url, "%.*s/%s%s", (int)length, url, name,
                        r->mirror->name % 2 ? "" : ".gz");
    free(name);
    return made < (int)sizeof r->url;
}

/* One request to the mirror. Staged bytes stay only if the transfer can be resumed. */
static enum outcome attempt(struct downloader *d, struct mirror *mirror, struct stage *stage,
                            const struct source *source, size_t file_index, struct partial *partial,
                            struct finding *finding)
{
    struct request r = {.downloader = d, .mirror = mirror, .stage = stage, .curl = d->curl};
    const struct fmnn_dataset_file *file = &source->set->files[file_index];
    uint64_t max = file->bytes ? file->bytes : UINT64_C(1) << 32;
    if (!make_url(&r, source, file_index))
        return because(mirror, NEVER, "URL too long");
    r.name = file->name;
    r.max = max + max / 256 + 1024; /* deflate never adds more */
    r.resuming = stage_size(stage) && partial->tag[0] && partial->mirror == mirror &&
                 partial->name == mirror->name;
    mirror->wait = 0;
    info("%s: %s%s", file->name, r.url, r.resuming ? ", resumed" : "");
    set_options(&r);
    r.drawn = seconds_now(); /* a quick transfer draws nothing */
    CURLcode status = perform(&r, partial->tag);
    enum outcome outcome = conclude(&r, status, finding);
    partial->cut = status != CURLE_OK && r.begun && !r.problem;
    if (partial->cut && !r.resuming) {
        partial->mirror = mirror;
        partial->name = mirror->name;
        memcpy(partial->tag, r.tag, sizeof partial->tag);
    } else if (!partial->cut && (r.begun || r.problem)) {
        partial->tag[0] = 0;
    } /* else nothing new was staged, and the earlier bytes can still be resumed */
    return outcome;
}

/* ---- 4. Mirrors in turn ---- */

/* The delay doubles up to MAX_WAIT, but is never shorter than the first one. It varies by a quarter
   so that clients that were refused at the same time do not return at the same time. */
static void wait_for(const struct downloader *d, const struct mirror *mirror)
{
    const double first = d->settings.retry_delay, most = first > MAX_WAIT ? first : MAX_WAIT;
    double seconds = first;
    struct timespec now;
    for (unsigned i = 1; i < mirror->failures && seconds < most; i++)
        seconds *= 2;
    if (seconds > most)
        seconds = most;
    clock_gettime(CLOCK_REALTIME, &now);
    seconds *= 0.75 + (double)((now.tv_nsec / 1000 + getpid()) % 1000) / 2000;
    if (seconds < mirror->wait)
        seconds = mirror->wait;
    info("%s: %s; retrying in %.1f s", mirror->url, mirror->reason, seconds);
    struct timespec rest = {.tv_sec = (time_t)seconds};
    rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* The mirror to try next, NULL if none is left. stay: first the same again, as after an interrupted
   transfer. */
static struct mirror *next_mirror(struct downloader *d, bool stay)
{
    for (size_t i = stay ? 0 : 1; i <= d->count; i++) {
        size_t k = (d->current + i) % d->count;
        if (!d->mirrors[k].given_up) {
            d->current = k;
            return &d->mirrors[k];
        }
    }
    return NULL;
}

static _Noreturn void no_mirror(const struct downloader *d, const struct fmnn_dataset_file *file)
{
    char text[4096] = "";
    size_t used = 0;
    for (size_t i = 0; i < d->count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s", i ? "; " : "",
                                 d->mirrors[i].url, d->mirrors[i].reason);
    die("%s.gz: %s", file->name, text);
}

static bool has_name(const struct source *source, size_t file, unsigned name)
{
    char *text = file_name_variant(source, file, name / 2);
    free(text);
    return text != NULL;
}

static void note_failure(struct downloader *d, struct mirror *mirror, enum outcome outcome,
                         bool other_name)
{
    if (outcome == ABSENT && other_name) {
        mirror->name++; /* not a failure yet */
        return;
    }
    mirror->failures++;
    if (outcome != AGAIN || mirror->failures > d->settings.retries)
        mirror->given_up = true;
    mirror->absent = outcome == ABSENT;
}

static void start_over(struct downloader *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct mirror *mirror = &d->mirrors[i];
        mirror->failures = mirror->wait = 0;
        mirror->given_up = mirror->absent = false;
        mirror->name = 0;
    }
}

static bool all_absent(const struct downloader *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!d->mirrors[i].absent)
            return false;
    return true;
}

/* Fills the stage with a good file; false if that is optional and no mirror has it. */
static bool download(struct downloader *d, struct stage *stage, const struct source *source,
                     size_t file, bool optional, struct finding *finding)
{
    struct partial partial = {0};
    bool stay = true;
    start_over(d);
    for (struct mirror *mirror; (mirror = next_mirror(d, stay));) {
        if (mirror->failures)
            wait_for(d, mirror);
        enum outcome outcome = attempt(d, mirror, stage, source, file, &partial, finding);
        if (outcome == DONE)
            return true;
        note_failure(d, mirror, outcome, has_name(source, file, mirror->name + 1));
        stay = outcome == ABSENT || (partial.cut && partial.tag[0]);
    }
    if (!optional || !all_absent(d))
        no_mirror(d, &source->set->files[file]);
    return false;
}

struct stage *stage_download(struct downloader *d, const char *directory,
                             const struct source *source, size_t file, struct fmnn_shape expected,
                             bool optional, struct finding *finding)
{
    struct stage *stage = stage_open(directory, source->set, file);
    stage_expect(stage, expected);
    if (download(d, stage, source, file, optional, finding)) {
        stage_finish(stage, finding->gzip);
        return stage;
    }
    stage_abandon(stage);
    return NULL;
}

struct stage *download_hidden(struct downloader *d, const char *directory,
                              const struct source *source, size_t file)
{
    struct stage *stage = stage_open_hidden(directory, source->set, file);
    struct finding finding;
    download(d, stage, source, file, false, &finding);
    return stage;
}
